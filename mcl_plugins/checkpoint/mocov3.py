"""Released MoCo v3 checkpoints of ViTs (``vit-s-300ep.pth.tar``), for mmpretrain's ``MoCoV3``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .renaming import Renaming, vit_encoder

_LAYERS = ('fc0.', 'bn0.', 'fc1.', 'bn1.', 'fc2.', 'bn2.')


def mlp_layers(theirs: str, places: tuple[int, ...], ours: str) -> list[tuple[str, str]]:
    """An MLP, whose layers have numbers there and names here."""
    names = zip(places, _LAYERS[: len(places)], strict=True)
    return [(f'{theirs}{place}.', ours + layer) for place, layer in names]


def mocov3_names(projector: str, target: str, target_projector: str, predictor: str) -> Renaming:
    """The table of a released checkpoint, for a model that calls its parts so.

    Args:
        projector: beginning of our names of the online projector, ``'neck.'``; the online encoder
            is ``'backbone.'``.
        target: of the target's encoder.
        target_projector: of its projector.
        predictor: of the predictor.
    """
    return Renaming(
        'a released MoCo v3 checkpoint of a ViT',
        [
            *vit_encoder('base_encoder.', 'backbone.'),
            *mlp_layers('base_encoder.head.', (0, 1, 3, 4, 6, 7), projector),
            *vit_encoder('momentum_encoder.', target),
            *mlp_layers('momentum_encoder.head.', (0, 1, 3, 4, 6, 7), target_projector),
            *mlp_layers('predictor.', (0, 1, 3, 4), predictor),
        ],
        prefix='module.',
    )


_TABLE = mocov3_names(
    projector='neck.',
    target='momentum_encoder.module.0.',
    target_projector='momentum_encoder.module.1.',
    predictor='head.predictor.',
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
