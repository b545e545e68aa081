"""Collectives, checks, image files, versions, hubs, and work-arounds for the libraries."""

from .hub import register_all_modules

__all__ = ['register_all_modules']
