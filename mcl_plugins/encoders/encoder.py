"""A pre-trained encoder with its preprocessing, and what it returns."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .build import build_backbone
from .config import EncoderConfig
from .preprocessing import Preprocessing
from .read_out import read_out


class Features(NamedTuple):
    """The features of N images.

    Attributes:
        patch_tokens: (N, L, D), one for each patch, row by row, after the encoder's last norm.
        class_token: (N, D), or None if the encoder has none (Swin, hybrid).
        feature_maps: a map (N, C, rows, columns) of each stage. The last one has the patch tokens;
            those of a Swin or hybrid encoder before it are at finer strides and without a norm.
        mean: (N, D), the mean of the patch tokens; of a fine-tuned encoder with its norm after it.
    """

    patch_tokens: Tensor
    class_token: Tensor | None
    feature_maps: tuple[Tensor, ...]
    mean: Tensor


class PretrainedEncoder(nn.Module):
    """An encoder without mask and head; :func:`load_encoder` returns it.

    Attributes:
        config: the architecture.
        preprocess: makes the input from images or files, see :class:`~.Preprocessing`.
        backbone: the encoder's module.
        origin: where it is from: ``source``, ``recognised``, ``method``, ``which`` and ``config``.

    Example:
        >>> arch = dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=48)
        >>> config = EncoderConfig('vit', arch, 32, 8, 3, options=dict(out_type='raw'))
        >>> encoder = PretrainedEncoder(config, Preprocessing(32, [127.5] * 3, [127.5] * 3))
        >>> features = encoder.eval()(torch.zeros(2, 3, 32, 32))
        >>> features.patch_tokens.shape, features.class_token.shape, features.feature_maps[-1].shape
        (torch.Size([2, 16, 24]), torch.Size([2, 24]), torch.Size([2, 24, 4, 4]))
    """

    def __init__(
        self,
        config: EncoderConfig,
        preprocess: Preprocessing,
        origin: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.config, self.preprocess, self.origin = config, preprocess, origin or {}
        self.backbone = build_backbone(config)
        self.mean_norm: nn.Module = nn.Identity()
        if config.mean_norm:
            self.mean_norm = nn.LayerNorm(config.width, eps=config.eps)
        self._run = read_out(config)

    def forward(self, images: Tensor) -> Features:
        """Encode images.

        Args:
            images: (N, C, H, W), normalised, as ``preprocess`` returns them.

        Raises:
            ValueError: they have another number of bands, or a size that the encoder cannot take.
        """
        if images.ndim != 4 or images.shape[1] != self.config.in_channels:
            raise ValueError(
                f'the encoder takes images (N, {self.config.in_channels}, H, W), but got a tensor '
                f'{tuple(images.shape)}.'
            )
        class_token, maps = self._run(self.backbone, images)
        tokens = maps[-1].flatten(2).transpose(1, 2)
        return Features(tokens, class_token, tuple(maps), self.mean_norm(tokens.mean(dim=1)))

    def describe(self) -> dict[str, Any]:
        """Return architecture, preprocessing and origin as plain values, for a file or a page."""
        prepare = self.preprocess
        return {
            'architecture': self.config.as_dict(),
            'preprocessing': dict(
                size=prepare.size,
                mean=list(prepare.mean),
                std=list(prepare.std),
                crop=prepare.crop,
                reading=asdict(prepare.reading),
            ),
            **self.origin,
        }

    @torch.no_grad()
    def encode(self, images: Any) -> Features:
        """Prepare images, files among them, and encode them on the encoder's device."""
        device = next(self.parameters()).device
        return self(self.preprocess(images).to(device))
