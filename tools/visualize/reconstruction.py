"""Draw the reconstructions of a masked autoencoder (CMAE, ccMIM)."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('reconstruction')
