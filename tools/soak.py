"""Train a tiny network for thousands of steps and state what memory and files grow."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('soak')
