"""Layer-wise learning rate decay for an encoder inside a segmentor or detector."""

from __future__ import annotations

from typing import Any

from mmpretrain.engine.optimizers import LearningRateDecayOptimWrapperConstructor
from torch import nn

from ..registry import OPTIM_WRAPPER_CONSTRUCTORS
from .optim import merge_groups


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(LearningRateDecayOptimWrapperConstructor):
    """mmpretrain's constructor, for any model whose encoder is this package's or mmpretrain's.

    mmpretrain's constructor calls ``get_layer_depth`` of the model, which only its classifiers
    have. The constructors of mmseg and mmdet support only the encoders of their own library. This
    one calls ``get_layer_depth`` of the model's ``backbone``. Parameters outside the backbone
    (necks and heads) belong to the last layer. In an encoder of L blocks, the learning rate of
    layer i is multiplied by ``layer_decay_rate ** (L + 1 - i)``, where i is 0 for the patch
    embedding and positions, 1 to L for the blocks and L + 1 for everything after them.

    Parameters with equal options share a group. Parameters that require no gradient are excluded.
    The options are those of mmpretrain's constructor: ``layer_decay_rate``, ``norm_decay_mult``,
    ``bias_decay_mult``, ``flat_decay_mult`` and ``custom_keys`` with ``decay_mult``.

    Raises:
        ValueError: the model has no backbone with ``get_layer_depth``.
    """

    def add_params(
        self, params: list[dict], module: nn.Module, prefix: str = '', **kwargs: Any
    ) -> None:
        """Append the parameter groups of ``module`` to ``params``."""
        if prefix:  # mmpretrain calls this again for each child
            super().add_params(params, module, prefix=prefix, **kwargs)
            return
        backbone: Any = getattr(module, 'backbone', None)
        if not hasattr(backbone, 'get_layer_depth'):
            raise ValueError(
                f'The backbone of {type(module).__name__} is {type(backbone).__name__}, which has '
                'no get_layer_depth to tell the layer of a parameter. Use an encoder of '
                "mcl_plugins or mmpretrain (type='mcl_plugins.VisionTransformer', for instance) or "
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
            del group['param_name']  # differs for each parameter, so no two groups would be merged
        params.extend(merge_groups(single))
