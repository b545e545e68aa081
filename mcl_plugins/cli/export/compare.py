"""Compare the features of an encoder with those of a library that has loaded its export."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ...encoders import Features, PretrainedEncoder
from .target import Run, Tokens

LIMIT = 1e-4  # the largest difference of a feature
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
    """Return the largest difference of any feature, by the kind of images.

    Args:
        encoder: the encoder.
        run: its export, see :class:`~.target.Target`.
    """
    return {
        kind: largest_difference(encoder(images), run(images)) for kind, images in inputs(encoder)
    }


def largest_difference(ours: Features, theirs: Tokens) -> float:
    """Compare patch tokens, and the class tokens if both have one.

    Raises:
        ValueError: the numbers of tokens differ.

    Example:
        >>> ours = Features(torch.zeros(1, 2, 3), None, (), torch.zeros(1, 3))
        >>> largest_difference(ours, Tokens(torch.full((1, 2, 3), 0.5)))
        0.5
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
    return torch.stack([(a.float() - b.float()).abs().max() for a, b in pairs]).max().item()
