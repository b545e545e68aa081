"""The backbone with which MIMDet compares pre-trainings, and ConMIM's for COCO."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmpretrain.models.utils import build_2d_sincos_position_embedding
from torch import Tensor
from torch.nn import functional as F

from ..layers.windowed_attention import SharedBias
from ..registry import MODELS
from .windowed_vit import WindowedViT, evenly_spaced

_TABLE = 'relative_position_bias_table'
_INDEX = 'relative_position_index'


@MODELS.register_module()
class MIMDetViT(WindowedViT):
    """ViT with windows of 16 patches, four global blocks and two shared tables of relative bias.

    MIMDet's "benchmarking" model (Fang et al., ICCV 2023, released ``models/benchmarking.py``;
    after Li et al. 2111.11429): all windowed blocks share a table, all global ones another, both
    of BEiT's kind without the lines of the class token; absolute positions from sines and cosines,
    never trained. For ConMIM also biases of queries and values alone, and layer scale.

    A checkpoint of ConMIM goes in by
    ``init_cfg=dict(type='Pretrained', checkpoint=..., prefix='backbone.')``, the fine-tuned
    classifier's (prefix ``'ema.backbone.'`` for the pre-training's). A table of relative bias
    is resized (bicubic) for both, as in MIMDet; a fine-tuned network has one for each block, of
    which the mean is taken (ours). Without any the tables start at zero. Absolute positions of a
    checkpoint are resized; without any they stay sines and cosines.

    Args:
        arch, img_size, window_size, out_indices, **kwargs: those of :class:`WindowedViT` but
            ``decomposed``; by default the outputs are those of the last block of each quarter.

    Raises:
        ValueError: as :class:`WindowedViT`.
    """

    task_modules = ('window_bias', 'global_bias', 'pos_embed')

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 1024,
        window_size: int = 16,
        out_indices: Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(arch, img_size, window_size=window_size, out_indices=out_indices, **kwargs)
        if out_indices is None:
            self.out_indices = list(evenly_spaced(self.num_layers))
        self.window_bias = SharedBias((window_size, window_size), self.num_heads)
        self.global_bias = SharedBias(self.patch_resolution, self.num_heads)
        self.position_size = self.patch_resolution
        positions = build_2d_sincos_position_embedding(self.patch_resolution, self.embed_dims)
        self.register_buffer('pos_embed', positions)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) with H = W = ``img_size`` -> four maps (N, D, H / patch, W / patch)."""
        check_fixed_size(x, self.img_size)
        x = self._embed(x)
        positions = self.pos_embed.unflatten(1, self.patch_resolution)
        return self._encode(x + positions, self.window_bias(), self.global_bias())

    @staticmethod
    def _fit_checkpoint(module: Any, state_dict: dict, prefix: str, *_: Any) -> None:
        """Fit a checkpoint's tables to the two of this model, and its positions."""
        WindowedViT._fit_checkpoint(module, state_dict, prefix)
        fit_shared_tables(module, state_dict, prefix)


def check_fixed_size(x: Tensor, size: tuple[int, int]) -> None:
    """Raise a ValueError unless the images have the size for which a backbone was built."""
    if tuple(x.shape[-2:]) != tuple(size):
        raise ValueError(
            f'The backbone was built for {tuple(size)} px images (its relative position bias is '
            f'fixed), got {tuple(x.shape[-2:])}: set img_size to that, or scale and pad images to '
            'the former, as model.data_preprocessor.pad_size_divisor does.'
        )


def fit_shared_tables(module: Any, state_dict: dict[str, Tensor], prefix: str) -> None:
    """Make the tables ``window_bias`` and ``global_bias`` of what relative bias a file has.

    A file of this model is left as it is. Of a pre-training's shared table, or the mean of those of
    all blocks, both are resized; without any there is nothing to do. In place.
    """
    names = {name: f'{prefix}{name}.{_TABLE}' for name in ('window_bias', 'global_bias')}
    if any(name in state_dict for name in names.values()):
        return
    found = [name for name in state_dict if name.startswith(prefix) and name.endswith(_TABLE)]
    if not found:
        return
    table = torch.stack([state_dict.pop(name) for name in found]).mean(dim=0)
    for name in [n for n in state_dict if n.startswith(prefix) and n.endswith(_INDEX)]:
        state_dict.pop(name)
    for name, key in names.items():
        lines = len(getattr(module, name).relative_position_bias_table)
        state_dict[key] = resize_table(table, lines)


def resize_table(table: Tensor, lines: int) -> Tensor:
    """A (lines, heads) table of a square map, with or without class lines, for another map."""
    side, target = int(len(table) ** 0.5), round(lines**0.5)
    grid = table[: side * side].T.unflatten(1, (side, side))[None].float()
    resized = F.interpolate(grid, size=(target, target), mode='bicubic', align_corners=False)
    return resized[0].flatten(1).T.to(table.dtype)
