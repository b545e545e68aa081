"""Hooks of pre-training."""

from .finite_loss import FiniteLossHook
from .momentum import MomentumHook

__all__ = ['FiniteLossHook', 'MomentumHook']
