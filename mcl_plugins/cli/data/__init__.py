"""Data made of what packages hold."""
