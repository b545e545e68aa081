"""Images a second of the data path on one core, against the released ConMIM's data path."""

from mcl_plugins.cli.benchmark.data_path import main

if __name__ == '__main__':
    main()
