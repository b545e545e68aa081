"""Encoders whose position tables are made for one image size."""

from __future__ import annotations

from torch import Tensor


def check_crop(x: Tensor, img_size: tuple[int, int]) -> None:
    """Raise unless images have the size that the encoder's relative positions are made for.

    Args:
        x: (N, 3, H, W).
        img_size: (height, width) in pixels.

    Raises:
        ValueError: they have another size.
    """
    if x.shape[-2:] != tuple(img_size):
        side = img_size[0]
        raise ValueError(
            f'The encoder computes on {side} x {side} px (its relative positions are made for '
            f"that), got {x.shape[-2]} x {x.shape[-1]}. Test with test_cfg=dict(mode='slide', "
            f'crop_size=({side}, {side}), ...) on images whose short side is at least {side} '
            f"(dict(type='ResizeShortestEdge', scale={side}, max_size=...) in the test pipeline), "
            'or set img_size of the encoder.'
        )
