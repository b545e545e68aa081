"""torchrun for the launchers: a run that failed ends with what its processes said of it."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('torchrun')
