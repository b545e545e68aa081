"""Command lines: the arguments of each command, read before any library is imported.

A file is named after the package of its commands (``general`` for those without one), a function
after a command's module: ``evaluate.knn`` reads the arguments of ``cli/evaluate/knn.py``. It takes
the words after the command and returns what they say.
"""
