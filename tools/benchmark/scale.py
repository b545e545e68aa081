"""Compute what a training on many GPUs takes: loader cores, network, checkpoints."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('bench scale')
