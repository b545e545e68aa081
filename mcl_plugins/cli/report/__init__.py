"""The page of a run: what it is, what was found, and how it went, in one file."""
