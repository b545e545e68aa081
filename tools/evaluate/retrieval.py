"""Image retrieval on revisited Oxford or Paris, with frozen features."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('retrieval')
