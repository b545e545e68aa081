"""Images a second of the data path on one core, against the released ConMIM's data path."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('bench data-path')
