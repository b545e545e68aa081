"""Check the installation of the package and its libraries, and say how to mend it."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('doctor')
