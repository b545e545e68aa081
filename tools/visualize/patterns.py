"""Draw the patches whose features are most similar to a query (MimCo, Figure 4)."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('patterns')
