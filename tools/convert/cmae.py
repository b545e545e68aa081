"""Convert released CMAE checkpoints into this package's, and back."""

from mcl_plugins.cli.convert.cmae import main

if __name__ == '__main__':
    main()
