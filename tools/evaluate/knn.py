"""Classify the validation images by the nearest training images (DINO's protocol)."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('knn')
