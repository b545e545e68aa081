"""Draw where the class token of a vision transformer looks (ConMIM, Figure 3)."""

from mcl_plugins.cli.common import run
from mcl_plugins.cli.visualize.attention import main

if __name__ == '__main__':
    run(main)
