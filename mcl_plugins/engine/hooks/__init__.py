"""Training hooks: checks, monitors and evaluation during pre-training."""

from .bad_images import BadImagesHook
from .batch_norm import BatchNormHook
from .batch_size import BatchSizeHook
from .class_count import ClassCountHook
from .class_pixels import ClassPixelsHook
from .concentration import ConcentrationHook
from .doctor import DoctorHook
from .draws import DrawsHook
from .finite_loss import FiniteLossHook
from .identity import IdentityHook
from .momentum import MomentumHook
from .overwrite import OverwriteHook
from .preemption import PreemptionHook
from .probe import ProbeHook
from .runtime_info import RuntimeInfoHook
from .sample_check import SampleCheckHook
from .schedule import ScheduleHook
from .summary import SummaryHook
from .watchdog import WatchdogHook

__all__ = [
    'BadImagesHook',
    'BatchNormHook',
    'BatchSizeHook',
    'ClassCountHook',
    'ClassPixelsHook',
    'ConcentrationHook',
    'DoctorHook',
    'DrawsHook',
    'FiniteLossHook',
    'IdentityHook',
    'MomentumHook',
    'OverwriteHook',
    'PreemptionHook',
    'ProbeHook',
    'RuntimeInfoHook',
    'SampleCheckHook',
    'ScheduleHook',
    'SummaryHook',
    'WatchdogHook',
]
