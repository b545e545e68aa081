"""Make a retrieval benchmark of the quickstart's digits, in the format of revisited Oxford."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('data digit-retrieval')
