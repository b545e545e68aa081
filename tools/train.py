"""Pre-train or fine-tune: ``python tools/train.py CONFIG``; arguments as in OpenMMLab."""

from mcl_plugins.cli.common import run
from mcl_plugins.cli.train import main

if __name__ == '__main__':
    run(main)
