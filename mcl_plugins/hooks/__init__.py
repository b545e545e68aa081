"""Hooks of training."""

from .class_number import ClassNumCheckHook
from .concentration import ConcentrationHook
from .finite_loss import FiniteLossHook
from .momentum import MomentumHook
from .probe import ProbeHook

__all__ = [
    'ClassNumCheckHook',
    'ConcentrationHook',
    'FiniteLossHook',
    'MomentumHook',
    'ProbeHook',
]
