"""The training engine: Runner, hooks, optimizer wrappers and parameter groups."""

from . import hooks
from .checkpoint_hook import CheckpointHook
from .layer_decay import LayerDecayOptimWrapperConstructor
from .log_processor import LogProcessor
from .loops import EpochBasedTrainLoop, IterBasedTrainLoop
from .optim import AmpOptimWrapper, Bf16OptimWrapper, MergedOptimWrapperConstructor, OptimWrapper
from .runner import Runner

__all__ = [
    'AmpOptimWrapper',
    'Bf16OptimWrapper',
    'CheckpointHook',
    'EpochBasedTrainLoop',
    'IterBasedTrainLoop',
    'LayerDecayOptimWrapperConstructor',
    'LogProcessor',
    'MergedOptimWrapperConstructor',
    'OptimWrapper',
    'Runner',
    'hooks',
]
