"""Hold this package's algorithms against numbers of the methods' released implementations."""

from mcl_plugins.cli.fidelity import main

if __name__ == '__main__':
    main()
