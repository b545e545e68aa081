"""Draw the masks of a method in the course of its pre-training, as ccMIM shows them."""

from mcl_plugins.cli.common import run
from mcl_plugins.cli.visualize.masks import main

if __name__ == '__main__':
    run(main)
