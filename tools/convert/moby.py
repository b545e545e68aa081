"""Convert released MoBY checkpoints to the names of this package, and back."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('convert moby')
