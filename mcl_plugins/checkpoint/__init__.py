"""Checkpoint files: safe loading, digests, and tables of released tensor names."""
