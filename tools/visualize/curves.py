"""Draw the training curves of one or several runs."""

from mcl_plugins.cli.common import run
from mcl_plugins.cli.visualize.curves import main

if __name__ == '__main__':
    run(main)
