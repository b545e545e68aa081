"""Write the page of one or several runs: verdicts, curves, pictures, config and cost."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('report')
