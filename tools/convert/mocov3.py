"""Convert released MoCo v3 checkpoints of ViTs to the names of mmpretrain, and back."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('convert mocov3')
