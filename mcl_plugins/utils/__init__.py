"""Collectives, checks, image files, versions, and work-arounds for the libraries."""
