"""MIMDet's backbone for benchmarking pre-training methods, which ConMIM uses on COCO."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmpretrain.models.utils import build_2d_sincos_position_embedding
from torch import Tensor, nn

from ..layers.position_bias import SharedBias
from ..layers.position_tables import fit_shared_tables
from ..registry import MODELS
from ..utils.checks import check_input_size
from .windowed_vit import WindowedViT, evenly_spaced


@MODELS.register_module()
class MIMDetViT(WindowedViT):
    """ViT with windows of 16 x 16 patches, four global blocks and two shared bias tables.

    This is MIMDet's "benchmarking" model (Fang et al., ICCV 2023, released
    ``models/benchmarking.py``; after Li et al. 2111.11429). All windowed blocks share one table of
    relative position biases and all global blocks share another. The tables are BEiT's without the
    rows of the class token. The absolute positions are sines and cosines, fixed by default. In
    MIMDet they are trained, without weight decay (``trained_positions=True``). ConMIM adds
    ``qkv_bias='qv'`` and layer scale.

    Drop path drops a residual branch of a whole image. MIMDet's windowed blocks treat each window
    as a sample and draw for each window.

    ``init_cfg=dict(type='Pretrained', checkpoint=..., prefix='backbone.')`` loads a fine-tuned
    ConMIM classifier; with the prefix of the EMA it loads a pre-training checkpoint. Both tables
    are then computed from those of the checkpoint, see
    :func:`mcl_plugins.layers.position_tables.fit_shared_tables`; without any they stay zero.
    Absolute positions of the checkpoint are resized; without any they stay sines and cosines.

    Args:
        arch, img_size, window_size, out_indices, **kwargs: arguments of :class:`WindowedViT` except
            ``decomposed``. By default the outputs of the last block of each quarter are returned.
        trained_positions: train the absolute positions.

    Raises:
        ValueError: see :class:`WindowedViT`.

    Example:
        >>> import torch
        >>> arch = dict(embed_dims=24, num_layers=4, num_heads=2, feedforward_channels=48)
        >>> maps = MIMDetViT(arch, img_size=64, window_size=2)(torch.zeros(1, 3, 64, 64))
        >>> [tuple(m.shape) for m in maps]
        [(1, 24, 4, 4), (1, 24, 4, 4), (1, 24, 4, 4), (1, 24, 4, 4)]
    """

    task_modules = ('window_bias', 'global_bias', 'pos_embed')

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 1024,
        window_size: int = 16,
        out_indices: Sequence[int] | None = None,
        trained_positions: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(arch, img_size, window_size=window_size, out_indices=out_indices, **kwargs)
        if out_indices is None:
            self.out_indices = list(evenly_spaced(self.num_layers))
        self.window_bias = SharedBias((window_size, window_size), self.num_heads)
        self.global_bias = SharedBias(self.patch_resolution, self.num_heads)
        self.position_size = self.patch_resolution
        positions = build_2d_sincos_position_embedding(self.patch_resolution, self.embed_dims)
        if trained_positions:
            self.pos_embed = nn.Parameter(positions)
        else:
            self.register_buffer('pos_embed', positions)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode images (N, C, H, W), H = W = ``img_size``.

        Returns:
            A map (N, D, H / patch, W / patch) for each of ``out_indices``.
        """
        check_input_size(x, self.img_size, self.part_of)
        x = self._embed(x)
        positions = self.pos_embed.unflatten(1, self.patch_resolution)
        return self._encode(x + positions, self.window_bias(), self.global_bias())

    @staticmethod
    def _fit_checkpoint(module: Any, state_dict: dict, prefix: str, *_: Any) -> None:
        """Convert the tables and positions of a checkpoint to those of this model."""
        WindowedViT._fit_checkpoint(module, state_dict, prefix)
        fit_shared_tables(state_dict, prefix, module.state_dict())
