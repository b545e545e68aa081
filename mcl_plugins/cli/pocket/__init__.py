"""The pocket benchmark: all methods and baselines at a size that two cores can train."""
