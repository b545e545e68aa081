"""Time of a training step of a config, and against a variant of it in the same run."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('bench step')
