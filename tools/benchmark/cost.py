"""Compute what the pre-trainings cost: GPU hours and memory, from counts, without a GPU."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('bench cost')
