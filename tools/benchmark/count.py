"""Count the operations, FLOPs, saved bytes and host syncs of a training step."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('bench count')
