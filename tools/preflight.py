"""Check everything that a training needs in a minute, before it runs for days."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('preflight')
