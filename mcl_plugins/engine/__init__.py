"""How a training runs: Runner, hooks, optimizer wrappers and their parameter groups."""

from . import hooks
from .layer_decay import LayerDecayOptimWrapperConstructor
from .optim import Bf16OptimWrapper, MergedOptimWrapperConstructor
from .runner import Runner

__all__ = [
    'Bf16OptimWrapper',
    'LayerDecayOptimWrapperConstructor',
    'MergedOptimWrapperConstructor',
    'Runner',
    'hooks',
]
