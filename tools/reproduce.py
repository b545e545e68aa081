"""Reproduce a row of a table: all its trainings and evaluations, in one folder."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('reproduce')
