"""Convert released MoBY checkpoints into this package's, and back."""

from mcl_plugins.cli.convert.moby import main

if __name__ == '__main__':
    main()
