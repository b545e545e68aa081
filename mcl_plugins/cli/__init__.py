"""The commands that ``tools/`` and ``mcl`` run, as functions that can be imported."""
