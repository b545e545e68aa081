"""Make the quickstart's images: handwritten digits in the colours of photographs."""

from mcl_plugins.cli.data.make_digits import main

if __name__ == '__main__':
    main()
