"""Vision transformers with relative positions as encoders of a segmentor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from torch import Tensor

from ..backbones import BEiTViT
from ..layers.recompute import recompute
from ..layers.relative_position import (
    expand_shared_bias,
    resize_bias_table,
    resize_bias_tables,
    stretch_bias_table,
)
from ..registry import MODELS
from ..utils.checks import check_choice
from .dense_vit import check_out_indices
from .fixed_size import check_crop

RESIZERS = {'spline': resize_bias_table, 'bilinear': stretch_bias_table}


@MODELS.register_module()
class DenseBEiTViT(BEiTViT):
    """The maps of some blocks of ConMIM's encoder, as they are.

    A table of relative positions in each block, no absolute ones. A checkpoint of pre-training has
    one table for all blocks, a fine-tuned one a table for each: both go in, resized from their
    grid (14 x 14 patches) to this one. Images must have ``img_size``.

    Args:
        arch: architecture, by name or as a dict.
        img_size, patch_size: sides in pixels.
        out_indices: blocks whose output is taken, counted from 0; the last one must be among them.
        table_resizing: ``'spline'``, cubic over offsets that are spread geometrically (BEiT's
            released code), or ``'bilinear'`` (ConMIM, Table 12).
        with_cp: recompute blocks in the backward pass, which saves memory.
        **kwargs: further arguments of :class:`mcl_plugins.backbones.BEiTViT`.

    Raises:
        ValueError: unknown ``arch`` or ``table_resizing``, ``img_size`` is not a multiple of
            ``patch_size``, or ``out_indices`` does not end with the last block.
    """

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 512,
        patch_size: int = 16,
        out_indices: Sequence[int] = (3, 5, 7, 11),
        table_resizing: Literal['spline', 'bilinear'] = 'spline',
        with_cp: bool = False,
        **kwargs: Any,
    ) -> None:
        check_choice('table_resizing', table_resizing, RESIZERS)
        super().__init__(
            arch,
            img_size,
            patch_size,
            out_indices=list(out_indices),
            final_norm=False,
            out_type='featmap',
            use_rel_pos_bias=True,
            **kwargs,
        )
        self.out_indices = check_out_indices(out_indices, self.num_layers)
        self.table_resizing = table_resizing
        if with_cp:
            recompute(self.layers)

    def _embed(self, x: Tensor) -> Tensor:
        check_crop(x, self.img_size)
        return super()._embed(x)

    def _prepare_relative_position_bias_table(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Fit a checkpoint's relative position tables to this model before they are loaded."""
        expand_shared_bias(state_dict, prefix, self.num_layers)
        resize = RESIZERS[self.table_resizing]
        resize_bias_tables(state_dict, prefix, self.state_dict(), resize=resize)


@MODELS.register_module()
class RelativeViT(DenseBEiTViT):
    """A plain ViT that gets relative positions and layer scale for segmentation.

    The recipe of MAE's transfer to ADE20K (its appendix A.4; the re-implementation that reproduces
    48.1): learned absolute positions from pre-training, and in each block a table of relative ones,
    which starts at zero, and layer scale, which starts at one. So it begins as the pre-trained ViT.

    Args:
        **kwargs: those of :class:`DenseBEiTViT`.
    """

    task_tensors: ClassVar[tuple[str, ...]] = (
        'relative_position_bias_table',
        'relative_position_index',
        'gamma_1',
        'gamma_2',
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        defaults = dict(use_abs_pos_emb=True, bias=True, layer_scale_init_value=1.0)
        super().__init__(*args, **{**defaults, **kwargs})
