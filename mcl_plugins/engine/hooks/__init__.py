"""Training hooks: checks, monitors and evaluation during pre-training."""

from .class_count import ClassCountHook
from .concentration import ConcentrationHook
from .finite_loss import FiniteLossHook
from .identity import IdentityHook
from .momentum import MomentumHook
from .overwrite import OverwriteHook
from .probe import ProbeHook
from .schedule import ScheduleHook

__all__ = [
    'ClassCountHook',
    'ConcentrationHook',
    'FiniteLossHook',
    'IdentityHook',
    'MomentumHook',
    'OverwriteHook',
    'ProbeHook',
    'ScheduleHook',
]
