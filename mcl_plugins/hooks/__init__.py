"""Hooks of pre-training."""

from .concentration import ConcentrationHook
from .finite_loss import FiniteLossHook
from .momentum import MomentumHook
from .probe import ProbeHook

__all__ = ['ConcentrationHook', 'FiniteLossHook', 'MomentumHook', 'ProbeHook']
