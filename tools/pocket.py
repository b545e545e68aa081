"""Run the pocket benchmark: all methods and baselines, small, on two data sets."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('pocket')
