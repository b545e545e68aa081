"""What chunks save: Masked MoCo's Figure 3a, counted and in closed form."""

from mcl_plugins.cli.benchmark.flops import main
from mcl_plugins.cli.common import run

if __name__ == '__main__':
    run(main)
