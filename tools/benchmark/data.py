"""Measure the stages of a data path on own images, and say whether it is the bound."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('bench data')
