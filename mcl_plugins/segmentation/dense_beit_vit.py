"""Vision transformers with relative positions as encoders of a segmentor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ..backbones import BEiTViT
from ..layers.beit_attention import ADDED_TENSORS
from ..layers.position_tables import RESIZERS
from ..registry import MODELS
from ..utils.checks import check_choice, check_out_indices


@MODELS.register_module()
class DenseBEiTViT(BEiTViT):
    """ConMIM's encoder, which returns the outputs of selected blocks as maps.

    Each block has a table of relative position biases; there are no absolute positions. A
    pre-training checkpoint has one table for all blocks, a fine-tuned classifier has one table per
    block. Both can be loaded, and the tables are resized from the checkpoint's grid (14 x 14
    patches) to the model's. All images must have the size ``img_size``.

    Args:
        arch: name of an architecture, or a dict with its settings.
        img_size: side of the images in pixels.
        patch_size: side of a patch in pixels.
        out_indices: indices of the blocks whose outputs are returned, counted from 0; the last
            block must be included.
        table_resizing: ``'spline'``, cubic splines over geometrically spaced offsets (BEiT's
            released code), ``'bilinear'`` (ConMIM, Table 12) or ``'bicubic'`` (MIMDet).
        with_cp: recompute the blocks in the backward pass, which saves memory.
        **kwargs: further arguments of :class:`mcl_plugins.backbones.BEiTViT`.

    Raises:
        ValueError: ``arch`` or ``table_resizing`` is unknown, ``img_size`` is not a multiple of
            ``patch_size``, or ``out_indices`` does not end with the last block.

    Example:
        >>> import torch
        >>> arch = dict(embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=48)
        >>> model = DenseBEiTViT(arch, img_size=64, out_indices=(0, 1))
        >>> [tuple(m.shape) for m in model(torch.zeros(1, 3, 64, 64))]
        [(1, 24, 4, 4), (1, 24, 4, 4)]
    """

    part_of = 'segmentor'

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 512,
        patch_size: int = 16,
        out_indices: Sequence[int] = (3, 5, 7, 11),
        table_resizing: Literal['spline', 'bilinear', 'bicubic'] = 'spline',
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
        self.table_resizing, self.with_cp = table_resizing, with_cp


@MODELS.register_module()
class RelativeViT(DenseBEiTViT):
    """A plain ViT with relative positions and layer scale added for segmentation.

    This follows MAE's transfer to ADE20K (its appendix A.4; the re-implementation that reproduces
    48.1). The learned absolute positions come from pre-training. Each block gets a table of
    relative position biases, initialised to zero, and layer scale, initialised to one. Before
    fine-tuning, the model therefore computes the same as the pre-trained ViT.

    Args:
        *args: positional arguments of :class:`DenseBEiTViT`.
        **kwargs: keyword arguments of :class:`DenseBEiTViT`.

    Example:
        >>> import torch
        >>> arch = dict(embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=48)
        >>> model = RelativeViT(arch, img_size=64, out_indices=(1,))
        >>> [tuple(m.shape) for m in model(torch.zeros(1, 3, 64, 64))]
        [(1, 24, 4, 4)]
    """

    task_tensors = ADDED_TENSORS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        defaults = dict(use_abs_pos_emb=True, bias=True, layer_scale_init_value=1.0)
        super().__init__(*args, **{**defaults, **kwargs})
