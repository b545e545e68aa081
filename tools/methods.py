"""List the methods of the package, their networks and their benchmarks."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('methods')
