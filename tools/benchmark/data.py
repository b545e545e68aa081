"""Say whether a training is data-bound: measure the stages of its data path on own images."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('bench data')
