"""Measure the images per second of data loading, compared with the released ConMIM's."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('bench data-path')
