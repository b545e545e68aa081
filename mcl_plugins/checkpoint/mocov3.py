"""Released MoCo v3 checkpoints of ViTs (``vit-s-300ep.pth.tar``), for mmpretrain's ``MoCoV3``."""

from __future__ import annotations

from .renaming import Renaming, vit_encoder

_LAYERS = ('fc0.', 'bn0.', 'fc1.', 'bn1.', 'fc2.', 'bn2.')


def _layers(theirs: str, places: tuple[int, ...], ours: str) -> list[tuple[str, str]]:
    """An MLP, whose layers have numbers there and names here."""
    names = zip(places, _LAYERS[: len(places)], strict=True)
    return [(f'{theirs}{place}.', ours + layer) for place, layer in names]


MOCOV3 = Renaming(
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
