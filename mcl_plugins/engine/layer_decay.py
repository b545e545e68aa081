"""Layer-wise learning rate decay for an encoder inside a segmentor or detector."""

from __future__ import annotations

import inspect
from typing import Any

from mmengine.registry import OPTIMIZERS
from mmpretrain.engine.optimizers import LearningRateDecayOptimWrapperConstructor
from torch import nn

from ..registry import OPTIM_WRAPPER_CONSTRUCTORS
from .optim import merge_groups

_OPTIONS = {
    'layer_decay_rate',
    'norm_decay_mult',
    'bias_decay_mult',
    'flat_decay_mult',
    'custom_keys',
}


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
    ``bias_decay_mult``, ``flat_decay_mult`` and ``custom_keys`` with ``decay_mult``, and also
    ``lr_mult`` in ``custom_keys``, by which the learning rate of the layer is multiplied. An
    optimizer without ``weight_decay`` has the default of its class.

    Raises:
        ValueError: the model has no backbone with ``get_layer_depth``, or ``paramwise_cfg`` has an
            option of another constructor, which would do nothing.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        optimizer = _with_weight_decay(optim_wrapper_cfg['optimizer'])
        super().__init__({**optim_wrapper_cfg, 'optimizer': optimizer}, paramwise_cfg)
        if unknown := sorted(set(self.paramwise_cfg) - _OPTIONS):
            raise ValueError(
                f'paramwise_cfg has {", ".join(unknown)}, which layer decay does not read: its '
                f'options are {", ".join(sorted(_OPTIONS))}. Use custom_keys with decay_mult and '
                'lr_mult instead.'
            )

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
            factor = group.pop('lr_mult', 1.0)  # of custom_keys, which mmpretrain does not apply
            group['lr'] *= factor
            group['lr_scale'] *= factor
        params.extend(merge_groups(single))


def _with_weight_decay(config: dict) -> dict:
    """Return the config of an optimizer with its weight decay, which mmpretrain's code asks for."""
    kind = config['type']
    optimizer = OPTIMIZERS.get(kind) if isinstance(kind, str) else kind
    default = inspect.signature(optimizer).parameters['weight_decay'].default
    return {'weight_decay': default, **config}
