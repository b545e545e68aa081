"""Train a linear classifier on frozen features of the training images, and test it."""

from mcl_plugins.cli.common import run
from mcl_plugins.cli.evaluate.linear import main

if __name__ == '__main__':
    run(main)
