"""Pre-train or fine-tune: ``python tools/train.py CONFIG``; arguments as in OpenMMLab."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('train')
