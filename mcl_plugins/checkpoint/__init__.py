"""Checkpoint files: safe loading, whole writing, converters."""
