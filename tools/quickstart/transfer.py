"""Transfer pre-trained encoders to segmentation and detection, in miniature."""

from mcl_plugins.cli.quickstart.stages import run_demo
from mcl_plugins.cli.quickstart.transfer import main

if __name__ == '__main__':
    run_demo(main)
