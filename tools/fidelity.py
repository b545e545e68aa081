"""Compare the algorithms with numbers of the methods' released implementations."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('fidelity')
