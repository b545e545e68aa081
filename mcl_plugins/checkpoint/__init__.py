"""Checkpoint files: safe loading, atomic writing, and tables of released tensor names."""
