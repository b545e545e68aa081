"""Fetch 2,624 photographs of solar cells, with and without defects, as class folders."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('data solar-cells')
