"""Released MoCo v3 checkpoints of ViTs (``vit-s-300ep.pth.tar``), for mmpretrain's ``MoCoV3``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .renaming import Renaming, vit_encoder

_LAYERS = ('fc0.', 'bn0.', 'fc1.', 'bn1.', 'fc2.', 'bn2.')


def _layers(theirs: str, places: tuple[int, ...], ours: str) -> list[tuple[str, str]]:
    """An MLP, whose layers have numbers there and names here."""
    names = zip(places, _LAYERS[: len(places)], strict=True)
    return [(f'{theirs}{place}.', ours + layer) for place, layer in names]


_TABLE = Renaming(
    'a released MoCo v3 checkpoint of a ViT',
    [
        *vit_encoder('base_encoder.', 'backbone.'),
        *_layers('base_encoder.head.', (0, 1, 3, 4, 6, 7), 'neck.'),
        *vit_encoder('momentum_encoder.', 'momentum_encoder.module.0.'),
        *_layers('momentum_encoder.head.', (0, 1, 3, 4, 6, 7), 'momentum_encoder.module.1.'),
        *_layers('predictor.', (0, 1, 3, 4), 'head.predictor.'),
    ],
    prefix='module.',
)

_STEPS = 'momentum_encoder.steps'  # mmpretrain counts the updates of its EMA; nobody else does


class MoCoV3Names:
    """Both ways between a released MoCo v3's state dict and that of mmpretrain's ``MoCoV3``."""

    def from_released(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A released state dict (or gradients) in mmpretrain's names.

        Raises:
            ValueError: a name that is not MoCo v3's.
        """
        state = _TABLE.from_released(tensors)
        if 'momentum_encoder.module.0.cls_token' in state:
            # Not 0: mmpretrain's EMA starts by copying the online weights.
            state[_STEPS] = torch.tensor(1)
        return state

    def to_released(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The inverse of :meth:`from_released`.

        Raises:
            ValueError: a name that is not MoCo v3's.
        """
        return _TABLE.to_released({k: v for k, v in tensors.items() if k != _STEPS})


MOCOV3 = MoCoV3Names()
