"""Print the table of docs/interoperability.md from the results of the tests."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('arrows')
