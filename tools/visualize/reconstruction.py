"""Draw what a masked autoencoder (CMAE, ccMIM) makes of images of which it sees a part."""

from mcl_plugins.cli.common import run
from mcl_plugins.cli.visualize.reconstruction import main

if __name__ == '__main__':
    run(main)
