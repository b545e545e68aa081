"""Tensor names of released MoCo v3 checkpoints of ViTs (``vit-s-300ep.pth.tar``).

They are converted to the names of :class:`~mcl_plugins.algorithms.MoCoV3`. A state dict of
mmpretrain's class, too, can be converted to the released names.
"""

from __future__ import annotations

from .renaming import Renaming, vit_encoder

THEIR_STEPS = 'momentum_encoder.steps'  # mmpretrain's count of the moves of its target

_LAYERS = ('fc0.', 'bn0.', 'fc1.', 'bn1.', 'fc2.', 'bn2.')


def mlp_layers(theirs: str, places: tuple[int, ...], ours: str) -> list[tuple[str, str]]:
    """Pair the names of an MLP's layers: numbers in the released code, names in this package.

    Args:
        theirs: released prefix, for example ``'predictor.'``.
        places: the released number of each linear layer and batch norm, in order.
        ours: this package's prefix.

    Example:
        >>> mlp_layers('predictor.', (0, 1), 'predictor.')
        [('predictor.0.', 'predictor.fc0.'), ('predictor.1.', 'predictor.bn0.')]
    """
    names = zip(places, _LAYERS[: len(places)], strict=True)
    return [(f'{theirs}{place}.', ours + layer) for place, layer in names]


def mocov3_names(projector: str, target: str, target_projector: str, predictor: str) -> Renaming:
    """Return the table of a released checkpoint for a model with the given prefixes.

    The prefix of the online encoder is ``'backbone.'``.

    Args:
        projector: prefix of the online projector, for example ``'neck.'``.
        target: prefix of the target encoder.
        target_projector: prefix of the target projector.
        predictor: prefix of the predictor.
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
        unreleased=(THEIR_STEPS,),
    )


MOCOV3 = mocov3_names(
    projector='neck.',
    target='ema.backbone.',
    target_projector='ema.neck.',
    predictor='head.predictor.',
)
