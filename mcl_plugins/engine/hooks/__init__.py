"""Training hooks: checks, monitors and evaluation during pre-training."""

from .batch_norm import BatchNormHook
from .class_count import ClassCountHook
from .concentration import ConcentrationHook
from .finite_loss import FiniteLossHook
from .identity import IdentityHook
from .momentum import MomentumHook
from .overwrite import OverwriteHook
from .preemption import PreemptionHook
from .probe import ProbeHook
from .sample_check import SampleCheckHook
from .schedule import ScheduleHook
from .watchdog import WatchdogHook

__all__ = [
    'BatchNormHook',
    'ClassCountHook',
    'ConcentrationHook',
    'FiniteLossHook',
    'IdentityHook',
    'MomentumHook',
    'OverwriteHook',
    'PreemptionHook',
    'ProbeHook',
    'SampleCheckHook',
    'ScheduleHook',
    'WatchdogHook',
]
