"""Compare ccMIM with a golden file."""

from __future__ import annotations

import torch
from mmpretrain.registry import MODELS
from torch import Tensor

from ...checkpoint.ccmim import CCMIM
from . import compares
from .golden import (
    Comparison,
    FixedMask,
    Golden,
    Recorder,
    load_weights,
    masked_vit,
    pair_gradients,
    part,
    pixel_head,
    tensor,
)

TEMPERATURE, WEIGHT = 0.5, 0.1  # the stored gradients are those of 0.1 loss_align + loss_recons


@compares('ccmim')
def compare(golden: Golden, device: torch.device) -> Comparison:
    """Compare importance, mask, reconstruction and losses for stored images and sampling noise."""
    state = CCMIM.from_released(part(golden, 'state', device))
    model = MODELS.build(build_config(golden, state)).to(device, torch.float64)
    load_weights(model, state)

    images = tensor(golden, 'images', device)
    importance = model.backbone.class_attention(model.backbone.embed(images))
    mask = model.mask_generator.from_noise(importance, tensor(golden, 'noise', device))
    model.mask_generator = FixedMask(mask)
    decoded = Recorder(model.decoder)
    losses = model.loss([images])
    (losses['loss_contrast'] + losses['loss_pixel']).backward()
    return Comparison(
        loss={
            'loss_align': (losses['loss_contrast'] / WEIGHT, golden['loss_align']),
            'loss_recons': (losses['loss_pixel'], golden['loss_recons']),
        },
        outputs={
            'cls_attention_sum': (importance, golden['cls_attention_sum']),
            'mask': (mask.mask, golden['mask']),
            'pred': (model.decoder(*decoded.arguments), golden['pred']),
        },
        gradients=pair_gradients(model, CCMIM.from_released(part(golden, 'grad', device))),
    )


def build_config(golden: Golden, state: dict[str, Tensor]) -> dict:
    """Config of a model with the sizes of the golden file."""
    img, patch, dim, depth, heads, decoder_dim, decoder_depth, decoder_heads = golden[
        'meta'
    ].tolist()
    masked = golden['mask'][0]
    return dict(
        type='mcl_plugins.CcMIM',
        backbone=masked_vit(img, patch, dim, depth, heads),
        decoder=dict(
            type='mcl_plugins.MaskedDecoder',
            num_patches=len(masked),
            patch_size=patch,
            embed_dim=dim,
            decoder_embed_dim=decoder_dim,
            decoder_depth=decoder_depth,
            decoder_num_heads=decoder_heads,
        ),
        projector=dict(
            type='NonLinearNeck',
            in_channels=dim,
            hid_channels=len(state['projector.fc0.weight']),
            out_channels=len(state['projector.fc1.weight']),
            with_last_bn_affine=False,
            with_avg_pool=False,
            norm_cfg=dict(type='BN1d'),
        ),
        pixel_head=pixel_head(patch),
        contrast_head=dict(
            type='mcl_plugins.InfoNCEHead', temperature=TEMPERATURE, loss_weight=WEIGHT
        ),
        mask_generator=dict(
            type='mcl_plugins.ImportanceMask', mask_ratio=masked.sum().item() / len(masked)
        ),
    )
