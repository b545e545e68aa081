"""Make a retrieval benchmark of the quickstart's digits, in the format of revisited Oxford."""

from mcl_plugins.cli.data.make_digit_retrieval import main

if __name__ == '__main__':
    main()
