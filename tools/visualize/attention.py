"""Draw the attention of a vision transformer's class token (ConMIM, Figure 3)."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('attention')
