"""Check and measure all methods on a GPU in minutes, and make the page's table of it."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('bench gpu')
