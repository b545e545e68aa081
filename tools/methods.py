"""List the methods of the package: what each reproduces, on which networks and benchmarks."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('methods')
