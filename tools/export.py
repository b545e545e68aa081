"""Export an encoder to another library, load it back there, and compare the features."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('export')
