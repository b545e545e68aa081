"""Write the result of a record into the page and the metafile: zoo.py update RECORD."""

import sys

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    if sys.argv[1:2] == ['update']:  # a second word of the command's name
        del sys.argv[1]
    run_command('zoo update')
