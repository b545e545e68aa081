"""Pre-train a small network on handwritten digits and evaluate it."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('quickstart')
