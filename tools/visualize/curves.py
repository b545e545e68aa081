"""Draw the training curves of one or several runs."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('curves')
