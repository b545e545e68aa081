"""Image retrieval on revisited Oxford or Paris, with frozen features."""

from mcl_plugins.cli.common import run
from mcl_plugins.cli.evaluate.retrieval import main

if __name__ == '__main__':
    run(main)
