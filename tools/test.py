"""Evaluate a checkpoint: ``python tools/test.py CONFIG CHECKPOINT``; arguments as in OpenMMLab."""

from mcl_plugins.cli.common import run
from mcl_plugins.cli.test import main

if __name__ == '__main__':
    run(main)
