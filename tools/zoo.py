"""Write the result of a record into the page and the metafile of its method."""

import sys

from mcl_plugins.cli.app import main

if __name__ == '__main__':
    main(['zoo', *sys.argv[1:]])
