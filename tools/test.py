"""Evaluate a checkpoint: ``python tools/test.py CONFIG CHECKPOINT``; arguments as in OpenMMLab."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('test')
