"""Measure the time of a training step of a config, and compare it with a variant."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('bench step')
