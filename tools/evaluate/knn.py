"""Classify the validation images by the nearest training images (DINO's protocol)."""

from mcl_plugins.cli.common import run
from mcl_plugins.cli.evaluate.knn import main

if __name__ == '__main__':
    run(main)
