"""Draw the masks of a method in the course of its pre-training."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('masks')
