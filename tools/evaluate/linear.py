"""Train a linear classifier on frozen features of the training images, and test it."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('linear')
