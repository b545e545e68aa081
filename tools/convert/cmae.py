"""Convert released CMAE checkpoints into this package's, and back."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('convert cmae')
