"""Pre-train a small network on handwritten digits and measure what that is worth."""

from mcl_plugins.cli.quickstart.run import main
from mcl_plugins.cli.quickstart.stages import run_demo

if __name__ == '__main__':
    run_demo(main)
