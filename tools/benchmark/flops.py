"""Count the FLOPs that chunks save in Masked MoCo (Figure 3a)."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('bench flops')
