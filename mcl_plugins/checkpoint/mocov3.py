"""Released MoCo v3 checkpoints of ViTs (``vit-s-300ep.pth.tar``), for mmpretrain's ``MoCoV3``."""

from __future__ import annotations

from .renaming import Renaming, vit_blocks

_LAYERS = ('fc0.', 'bn0.', 'fc1.', 'bn1.', 'fc2.', 'bn2.')


def _encoder(theirs: str, ours: str, neck: str) -> list[tuple[str, str]]:
    """One of the two encoders, whose head is the projector."""
    return [
        (f'{theirs}cls_token', f'{ours}cls_token'),
        (f'{theirs}pos_embed', f'{ours}pos_embed'),
        (f'{theirs}patch_embed.proj.', f'{ours}patch_embed.projection.'),
        *vit_blocks(f'{theirs}blocks.{{i}}.', f'{ours}layers.{{i}}.'),
        (f'{theirs}norm.', f'{ours}ln1.'),
        *(
            (f'{theirs}head.{place}.', neck + layer)
            for place, layer in zip((0, 1, 3, 4, 6, 7), _LAYERS, strict=True)
        ),
    ]


MOCOV3 = Renaming(
    'a released MoCo v3 checkpoint of a ViT',
    [
        *_encoder('base_encoder.', 'backbone.', 'neck.'),
        *_encoder('momentum_encoder.', 'momentum_encoder.module.0.', 'momentum_encoder.module.1.'),
        *(
            (f'predictor.{place}.', f'head.predictor.{layer}')
            for place, layer in zip((0, 1, 3, 4), _LAYERS[:4], strict=True)
        ),
    ],
    prefix='module.',
)
