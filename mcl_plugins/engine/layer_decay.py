"""Layer-wise decay of the learning rate for an encoder inside a segmentor or detector."""

from __future__ import annotations

from typing import Any

from mmpretrain.engine.optimizers import LearningRateDecayOptimWrapperConstructor
from torch import nn

from ..registry import OPTIM_WRAPPER_CONSTRUCTORS
from .optim import merge_groups


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(LearningRateDecayOptimWrapperConstructor):
    """mmpretrain's constructor, for any model whose encoder is ours or mmpretrain's.

    mmpretrain's asks the whole model for the layer of a parameter, which only its classifiers can
    answer. mmseg's and mmdet's only know the encoders of their own library. This one asks the
    model's ``backbone``, by its ``get_layer_depth``. Parameters outside the backbone (necks and
    heads) belong to the last layer. With L blocks, layer i has the learning rate times
    ``layer_decay_rate ** (L + 1 - i)``: i is 0 before the blocks, 1 to L in the blocks and L + 1
    after them.

    Parameters of equal settings share a group, and those without gradient are left out. The
    settings are those of mmpretrain's constructor: ``layer_decay_rate``, ``norm_decay_mult``,
    ``bias_decay_mult``, ``flat_decay_mult`` and ``custom_keys`` with ``decay_mult``.

    Raises:
        ValueError: the model has no backbone with ``get_layer_depth``.
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
            del group['param_name']  # it would keep groups of equal settings apart
        params.extend(merge_groups(single))
