"""Compare the features of an encoder with those of a library that has loaded its export."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ...encoders import Features, PretrainedEncoder
from .target import Run, Tokens

LIMIT = 1e-4  # the largest relative difference of a feature
_PHOTOS = ('astronaut', 'coffee', 'chelsea')  # in scikit-image's own files


def inputs(encoder: PretrainedEncoder) -> Iterator[tuple[str, Tensor]]:
    """Yield random inputs and, for encoders of one band or three, photographs.

    The numbers of images differ, because an export must not depend on it.
    """
    config = encoder.config
    generator = torch.Generator().manual_seed(0)
    shape = (2, config.in_channels, config.img_size, config.img_size)
    yield 'random', torch.randn(shape, generator=generator)
    if config.in_channels not in (1, 3):
        return
    import skimage  # noqa: PLC0415  an extra

    photos = [getattr(skimage.data, name)() for name in _PHOTOS]
    if config.in_channels == 1:
        photos = [photo[..., 1] for photo in photos]
    yield 'photographs', encoder.preprocess(photos)


@torch.no_grad()
def differences(encoder: PretrainedEncoder, run: Run) -> dict[str, float]:
    """Return the largest relative difference of any feature, by the kind of images.

    Args:
        encoder: the encoder.
        run: its export, see :class:`~.target.Target`.

    Raises:
        ValueError: the encoder's own features are not finite, or the export's have other shapes.
    """
    found = {}
    for kind, images in inputs(encoder):
        ours = encoder(images)
        check_finite(ours, kind)
        found[kind] = largest_difference(ours, run(images))
    return found


def check_finite(ours: Features, kind: str) -> None:
    """Raise a ValueError if features of a kind of images have infinite values or NaN.

    Example:
        >>> check_finite(Features(torch.ones(1, 2, 3), None, (), torch.ones(1, 3)), 'random')
    """
    tokens = [ours.patch_tokens, *([] if ours.class_token is None else [ours.class_token])]
    wrong = sum(int((~part.isfinite()).sum()) for part in tokens)
    if wrong:
        total = sum(part.numel() for part in tokens)
        raise ValueError(
            f'{wrong} of {total} features of the encoder itself are infinite or NaN for {kind}, so '
            'no export can be compared with it; choose a checkpoint from before the training broke.'
        )


def largest_difference(ours: Features, theirs: Tokens) -> float:
    """Compare patch tokens, and the class tokens if both have one, each relative to its own scale.

    Float32 rounds in proportion to the values, whose scale an encoder without a last norm may
    choose freely.

    Returns:
        The largest difference, divided by the largest absolute value of ours; NaN if a value of
        theirs is NaN.

    Raises:
        ValueError: the numbers of tokens differ.

    Example:
        >>> ours = Features(torch.full((1, 2, 3), 200.0), None, (), torch.full((1, 3), 200.0))
        >>> largest_difference(ours, Tokens(torch.full((1, 2, 3), 201.0)))
        0.005
    """
    patches = ours.patch_tokens
    if theirs.patch_tokens.shape[1] == 1 != patches.shape[1]:
        patches = ours.mean[:, None]  # the library returns only the mean
    pairs = [(patches, theirs.patch_tokens)]
    if ours.class_token is not None and theirs.class_token is not None:
        pairs.append((ours.class_token, theirs.class_token))
    if any(a.shape != b.shape for a, b in pairs):
        shapes = [f'{tuple(a.shape)} and {tuple(b.shape)}' for a, b in pairs]
        raise ValueError(f'the features have other shapes: {"; ".join(shapes)}')
    # Unlike Python's, the tensor's maximum is NaN if one of the values is.
    return torch.stack([_relative(a.double(), b.double()) for a, b in pairs]).max().item()


def _relative(ours: Tensor, theirs: Tensor) -> Tensor:
    # Ours may all be zero: zeros are then equal to them, and nothing else is.
    scale = ours.abs().max().clamp_min(torch.finfo(torch.float32).tiny)
    return (ours - theirs).abs().max() / scale
