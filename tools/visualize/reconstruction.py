"""Draw what a masked autoencoder (CMAE, ccMIM) makes of images of which it sees a part."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('reconstruction')
