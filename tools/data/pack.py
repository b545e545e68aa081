"""Pack a folder of images into tar shards, as WebDataset has them."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('data pack')
