"""Checks of arguments, collectives, image files, versions, model hubs, and library work-arounds."""

from .hub import register_all_modules

__all__ = ['register_all_modules']
