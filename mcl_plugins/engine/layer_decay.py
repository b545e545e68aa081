"""Layer-wise learning rates for an encoder inside a segmentor or detector."""

from __future__ import annotations

from typing import Any

from mmpretrain.engine.optimizers import LearningRateDecayOptimWrapperConstructor
from torch import nn

from ..registry import OPTIM_WRAPPER_CONSTRUCTORS
from .optim import merge_groups


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(LearningRateDecayOptimWrapperConstructor):
    """mmpretrain's constructor for any model that has an encoder of ours or mmpretrain's.

    mmpretrain asks the whole model for the layer of a parameter, which only its classifiers know;
    mmseg's and mmdet's constructors know the encoders of their own library. Here the model's
    ``backbone`` is asked, by its ``get_layer_depth``; what is outside of it (necks and heads) is
    the last layer. A parameter of layer i, of L + 2, learns at ``layer_decay_rate ** (L + 1 - i)``
    times the rate: i = 0 for what comes before the blocks, i for block i, and L + 1 for the rest.

    Parameters of equal settings share a group, and those without gradient stay out. The settings
    are those of mmpretrain's: ``layer_decay_rate``, ``norm_decay_mult``, ``bias_decay_mult``,
    ``flat_decay_mult`` and ``custom_keys`` with ``decay_mult``.

    Raises:
        ValueError: the model has no backbone that knows its layers.
    """

    def add_params(
        self, params: list[dict], module: nn.Module, prefix: str = '', **kwargs: Any
    ) -> None:
        """Fill ``params`` with the groups of ``module``."""
        if prefix:  # mmpretrain's recursion into children
            super().add_params(params, module, prefix=prefix, **kwargs)
            return
        backbone: Any = getattr(module, 'backbone', None)
        if not hasattr(backbone, 'get_layer_depth'):
            raise ValueError(
                f'The backbone of {type(module).__name__} is {type(backbone).__name__}, which does '
                "not say to which layer a parameter belongs: use an encoder of mcl_plugins' or "
                "mmpretrain's (type='mcl_plugins.VisionTransformer', for instance) or "
                "optim_wrapper.constructor='mcl_plugins.MergedOptimWrapperConstructor'."
            )
        single: list[dict] = []
        super().add_params(
            single,
            module,
            prefix=prefix,
            get_layer_depth=lambda name: backbone.get_layer_depth(name, 'backbone.'),
        )
        for group in single:
            del group['param_name']  # keeps groups apart that have nothing else of their own
        params.extend(merge_groups(single))
