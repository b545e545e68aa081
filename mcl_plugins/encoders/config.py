"""What an encoder is: its family, sizes and origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Family = Literal['vit', 'beit', 'swin', 'hybrid', 'dino']
FAMILIES = {
    'vit': 'plain ViT',
    'beit': 'BEiT-like ViT',
    'swin': 'Swin transformer',
    'hybrid': 'hybrid convolutional ViT',
    'dino': 'ViT with registers',
}


@dataclass(frozen=True)
class EncoderConfig:
    """The architecture of an encoder.

    Attributes:
        family: ``'vit'``, ``'beit'``, ``'swin'``, ``'hybrid'`` or ``'dino'``.
        arch: settings as in mmpretrain: ``embed_dims``, ``num_layers``, ``num_heads`` and
            ``feedforward_channels`` of a ViT; ``embed_dims``, ``depths`` and ``num_heads`` of
            others.
        img_size, patch_size: sides in pixels.
        in_channels: number of bands.
        eps: epsilon of the layer norms.
        options: further arguments of the class of the family.
        mean_norm: whether there is a norm after the mean of the patches, as in fine-tuned models.
    """

    family: Family
    arch: dict[str, Any]
    img_size: int
    patch_size: int
    in_channels: int
    eps: float = 1e-6
    options: dict[str, Any] = field(default_factory=dict)
    mean_norm: bool = False

    @property
    def width(self) -> int:
        """Number of channels of the last tokens."""
        width = self.arch['embed_dims']
        if self.family == 'swin':
            return width * 2 ** (len(self.arch['depths']) - 1)
        return width[-1] if isinstance(width, Sequence) else width

    @property
    def stride(self) -> int:
        """Side of the region of the image that belongs to one of the last tokens, in pixels."""
        if self.family == 'swin':
            return self.patch_size * 2 ** (len(self.arch['depths']) - 1)
        return self.patch_size

    @property
    def has_class_token(self) -> bool:
        """Whether one of the tokens is that of the class."""
        return self.family not in ('swin', 'hybrid') and self.options.get('with_cls_token', True)

    def as_dict(self) -> dict[str, Any]:
        """Return the attributes as plain values."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f'{FAMILIES[self.family]}, {self.width} wide, patches of {self.stride} px, images of '
            f'{self.img_size} px with {self.in_channels} band{"s" * (self.in_channels > 1)}'
        )
