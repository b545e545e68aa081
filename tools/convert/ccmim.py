"""Convert released ccMIM checkpoints into this package's, and back."""

from mcl_plugins.cli.convert.ccmim import main

if __name__ == '__main__':
    main()
