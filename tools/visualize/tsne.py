"""Draw the features of some classes in the plane by t-SNE (MimCo, Figure 3)."""

from mcl_plugins.cli.common import run
from mcl_plugins.cli.visualize.tsne import main

if __name__ == '__main__':
    run(main)
