"""Draw the patches that an encoder finds most alike, with their surroundings (MimCo, Figure 4)."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('patterns')
