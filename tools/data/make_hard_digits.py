"""Make the pocket benchmark's digits: strokes of one texture on ground of another."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('data hard-digits')
