"""Compare trainings with one another, and with reference curves of the pocket benchmark."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('compare')
