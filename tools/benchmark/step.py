"""Time of a training step of a config, and against a variant of it in the same run."""

from mcl_plugins.cli.benchmark.step import main
from mcl_plugins.cli.common import run

if __name__ == '__main__':
    run(main)
