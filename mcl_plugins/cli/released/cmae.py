"""Compare CMAE with a golden file."""

from __future__ import annotations

import torch
from mmpretrain.registry import MODELS
from torch import Tensor

from ...checkpoint.cmae import CMAE
from ...mask_generators import RandomMask
from . import compares
from .golden import (
    Comparison,
    FixedMask,
    Golden,
    load_weights,
    masked_vit,
    mlp,
    pair_gradients,
    part,
    pixel_head,
    tensor,
)

TEMPERATURE, MASK_RATIO, DECODER_HEADS = 0.07, 0.65, 4  # not in the file


@compares('cmae')
def compare(golden: Golden, device: torch.device) -> Comparison:
    """Compare both losses and the mask for two stored views and stored mask noise."""
    state = CMAE.from_released(part(golden, 'state', device))
    model = MODELS.build(build_config(golden, state)).to(device, torch.float64)
    load_weights(model, state)

    grid = model.backbone.patch_resolution
    mask = RandomMask(MASK_RATIO, unit=2).from_noise(tensor(golden, 'noise', device), grid)
    model.mask_generator = FixedMask(mask)
    losses = model.loss([tensor(golden, name, device) for name in ('images', 'images_target')])
    (losses['loss_contrast'] + losses['loss_pixel']).backward()
    return Comparison(
        loss={
            'loss_ct': (losses['loss_contrast'], golden['loss_ct']),
            'loss_rc': (losses['loss_pixel'], golden['loss_rc']),
        },
        outputs={'mask': (mask.mask, golden['mask'])},
        gradients=pair_gradients(model, CMAE.from_released(part(golden, 'grad', device))),
    )


def build_config(golden: Golden, state: dict[str, Tensor]) -> dict:
    """Config of a model with the sizes of the golden file, most of them read from its tensors."""
    img, patch, dim, depth, heads = golden['meta'].tolist()

    def decoder(name: str) -> dict:
        blocks = {key.split('.')[2] for key in state if key.startswith(f'{name}.decoder_blocks.')}
        return dict(
            type='mcl_plugins.MaskedDecoder',
            num_patches=(img // patch) ** 2,
            embed_dim=dim,
            decoder_embed_dim=len(state[f'{name}.decoder_embed.bias']),
            decoder_depth=len(blocks),
            decoder_num_heads=DECODER_HEADS,
            predict_feature_dim=len(state[f'{name}.decoder_pred.bias']),
        )

    norm_cfg = dict(type='mcl_plugins.SyncBN', eps=1e-6)
    return dict(
        type='mcl_plugins.CMAE',
        backbone=masked_vit(img, patch, dim, depth, heads),
        pixel_decoder=decoder('pixel_decoder'),
        feature_decoder=decoder('feature_decoder'),
        projector=mlp(state, 'projector', norm_cfg=norm_cfg),
        predictor=mlp(state, 'predictor', norm_cfg=norm_cfg),
        pixel_head=pixel_head(patch),
        contrast_head=dict(type='mcl_plugins.InfoNCEHead', temperature=TEMPERATURE),
        mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=MASK_RATIO, unit=2),
        momentum=dict(start=0.996, end=0.996),
    )
