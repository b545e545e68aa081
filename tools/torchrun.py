"""torchrun for the launchers: a run that failed ends with what its processes said of it."""

import sys

from mcl_plugins.cli.torchrun import start

if __name__ == '__main__':
    sys.exit(start())
