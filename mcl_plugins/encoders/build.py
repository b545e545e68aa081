"""Build the module of an encoder from its configuration."""

from __future__ import annotations

from typing import Any

from ..backbones import (
    BEiTViT,
    ConvViT,
    DINOViT,
    Encoder,
    MaskedConvViT,
    SwinTransformer,
    VisionTransformer,
)
from ..utils.compat import quiet_meshgrid
from .config import EncoderConfig


def build_backbone(config: EncoderConfig) -> Encoder:
    """Build an encoder with random weights.

    Raises:
        ValueError: the sizes do not fit each other.

    Example:
        >>> arch = dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=48)
        >>> config = EncoderConfig('vit', arch, 32, 8, 3, options=dict(out_type='raw'))
        >>> type(build_backbone(config)).__name__
        'VisionTransformer'
    """
    sizes: dict[str, Any] = dict(
        arch=config.arch, img_size=config.img_size, in_channels=config.in_channels
    )
    if config.family == 'hybrid':
        options = dict(config.options)
        return (MaskedConvViT if options.pop('fused') else ConvViT)(**sizes, **options)
    sizes.update(patch_size=config.patch_size, norm_cfg=dict(type='LN', eps=config.eps))
    if config.family == 'swin':
        # Images may be smaller than a window at the last stage, which then is padded.
        small = config.img_size // config.stride < config.options['window_size']
        return SwinTransformer(**sizes, **config.options, pad_small_map=small)
    kinds = {'vit': VisionTransformer, 'beit': BEiTViT, 'dino': DINOViT}
    with quiet_meshgrid():
        return kinds[config.family](**sizes, **config.options)
