"""The commands: what ``tools/`` and ``mcl`` start, as functions that can be imported."""
