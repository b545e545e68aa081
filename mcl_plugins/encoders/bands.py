"""Encoders of colour images on images with another number of bands."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Numbers = Sequence[float]
_FIRST = ('patch_embed.projection', 'patch_embeds.0.projection')


def to_rgb(
    tensors: dict[str, Tensor], mean: Numbers, std: Numbers
) -> tuple[dict[str, Tensor], list[float], list[float]]:
    """Make an encoder that takes blue, green and red one of red, green and blue.

    Args:
        tensors: the encoder's.
        mean: of each colour, in the order of the encoder.
        std: their standard deviations.

    Returns:
        The tensors, and mean and standard deviation, in the order RGB. The features are the same.
    """
    weight = f'{_first_layer(tensors)}.weight'
    return {**tensors, weight: tensors[weight].flip(1)}, list(mean)[::-1], list(std)[::-1]


def change_bands(
    tensors: dict[str, Tensor], bands: int, mean: Numbers, std: Numbers
) -> tuple[dict[str, Tensor], list[float], list[float]]:
    """Change the first layer of an encoder of three bands to another number of bands.

    With one band, the features of a gray image are exactly those of the same image as RGB: the
    weights of the three colours are added, with their normalisation. With more bands, the colours'
    weights are repeated in turn and scaled by 3 / bands, as in timm.

    Args:
        tensors: the encoder's.
        bands: the number of bands.
        mean: of the three colours.
        std: their standard deviations.

    Returns:
        The tensors, and mean and standard deviation of each band.

    Raises:
        ValueError: the encoder was trained on another number of bands than three.

    Example:
        >>> tensors = {'patch_embed.projection.weight': torch.ones(1, 3, 1, 1),
        ...            'patch_embed.projection.bias': torch.zeros(1)}
        >>> changed, mean, std = change_bands(tensors, 1, [10.0, 20.0, 30.0], [2.0, 2.0, 2.0])
        >>> gray = (torch.full((1, 1, 1, 1), 50.0) - mean[0]) / std[0]
        >>> torch.nn.functional.conv2d(gray, *changed.values()).item()  # 20 + 15 + 10
        45.0
    """
    first = _first_layer(tensors)
    weight, bias = tensors[f'{first}.weight'], tensors.get(f'{first}.bias')
    own = weight.shape[1]
    if own == bands:
        return tensors, list(mean), list(std)
    if own != 3:
        raise ValueError(
            f'the encoder was trained on images of {own} bands; its weights say nothing about '
            f'images of {bands}. Leave in_chans out, or set it to {own}.'
        )
    if bands > 1 or bias is None:
        turn = [band % 3 for band in range(bands)]
        changed = {f'{first}.weight': weight[:, turn] * (3 / bands)}
        return {**tensors, **changed}, [mean[i] for i in turn], [std[i] for i in turn]
    together, spread = sum(mean) / 3, sum(std) / 3
    colours = weight.double()
    scales, shifts = (
        torch.tensor(values, dtype=torch.double).view(1, 3, 1, 1)
        for values in (
            [spread / value for value in std],
            [(together - middle) / value for middle, value in zip(mean, std, strict=True)],
        )
    )
    changed = {
        f'{first}.weight': (colours * scales).sum(1, keepdim=True).to(weight),
        f'{first}.bias': (bias.double() + (colours * shifts).sum((1, 2, 3))).to(bias),
    }
    return {**tensors, **changed}, [together], [spread]


def _first_layer(tensors: dict[str, Tensor]) -> str:
    return next(name for name in _FIRST if f'{name}.weight' in tensors)
