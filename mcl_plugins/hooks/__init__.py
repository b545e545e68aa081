"""Hooks of pre-training."""

from .momentum import MomentumHook

__all__ = ['MomentumHook']
