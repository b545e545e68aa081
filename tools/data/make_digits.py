"""Make the quickstart's images: handwritten digits in the colours of photographs."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('data digits')
