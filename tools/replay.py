"""Repeat the step at which a training stopped, and name the first module that broke."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('replay')
