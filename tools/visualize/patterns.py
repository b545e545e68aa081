"""Draw the patches that an encoder finds most alike, with their surroundings (MimCo, Figure 4)."""

from mcl_plugins.cli.common import run
from mcl_plugins.cli.visualize.patterns import main

if __name__ == '__main__':
    run(main)
