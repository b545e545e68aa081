"""Checks of everything that a training needs, before it runs for days."""
