"""What chunks save: Masked MoCo's Figure 3a, counted and in closed form."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('bench flops')
