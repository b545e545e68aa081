"""Training hooks: checks, monitors and evaluation during pre-training."""

from .bad_images import BadImagesHook
from .batch_norm import BatchNormHook
from .class_count import ClassCountHook
from .concentration import ConcentrationHook
from .finite_loss import FiniteLossHook
from .identity import IdentityHook
from .momentum import MomentumHook
from .overwrite import OverwriteHook
from .probe import ProbeHook
from .sample_check import SampleCheckHook
from .schedule import ScheduleHook

__all__ = [
    'BadImagesHook',
    'BatchNormHook',
    'ClassCountHook',
    'ConcentrationHook',
    'FiniteLossHook',
    'IdentityHook',
    'MomentumHook',
    'OverwriteHook',
    'ProbeHook',
    'SampleCheckHook',
    'ScheduleHook',
]
