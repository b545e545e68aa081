"""Convert released ConMIM checkpoints into this package's, and back."""

from mcl_plugins.cli.convert.conmim import main

if __name__ == '__main__':
    main()
