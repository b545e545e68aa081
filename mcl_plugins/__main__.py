"""``python -m mcl_plugins`` is the command ``mcl``."""

from .cli.app import main

if __name__ == '__main__':
    main()
