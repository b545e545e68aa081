"""Pre-train on real images of solar cells and find defects from few labels."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('own-data-demo')
