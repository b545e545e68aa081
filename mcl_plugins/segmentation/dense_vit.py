"""Plain vision transformer as the encoder of a segmentor or detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backbones import VisionTransformer
from ..layers.initialisation import fix_parameter
from ..layers.recompute import recompute
from ..registry import MODELS


def check_out_indices(out_indices: Sequence[int], num_layers: int) -> list[int]:
    """The outputs of an encoder as a list.

    Raises:
        ValueError: they are not in ascending order, or the last block, whose parameters would get
            no gradient, is not among them.
    """
    indices = list(out_indices)
    ascending = indices == sorted(set(indices))
    if not indices or not ascending or indices[0] < 0 or indices[-1] != num_layers - 1:
        raise ValueError(
            f'out_indices={tuple(out_indices)} must ascend and end with the last block, '
            f'{num_layers - 1}: blocks after the last output would be trained on nothing.'
        )
    return indices


@MODELS.register_module()
class DenseViT(VisionTransformer):
    """The maps of some blocks of a plain ViT, as they are, from images of any size.

    Absolute positions are those of ``img_size``, resized (bicubic) to other images. All attention
    is global, the class token takes part in it and is left out of the maps, and there is no norm
    after the last block (MAE's, BEiT's and CAE's code for dense tasks).

    Args:
        arch: architecture, by name or as a dict.
        img_size: side in pixels of the images that most batches have.
        patch_size: side in pixels. Images that patches do not tile are padded to the right and
            below.
        out_indices: blocks whose output is taken, counted from 0; the last one must be among them.
        drop_path_rate: stochastic depth of the last block; it rises linearly from 0.
        fixed_positions: do not train the absolute positions (CAE).
        with_cp: recompute blocks in the backward pass, which saves memory.
        init_cfg: ``dict(type='Pretrained', checkpoint=..., prefix='backbone.')`` takes a
            pre-training checkpoint or a fine-tuned classifier.

    Raises:
        ValueError: unknown ``arch``, ``img_size`` is not a multiple of ``patch_size``, or
            ``out_indices`` does not end with the last block.
    """

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 512,
        patch_size: int = 16,
        out_indices: Sequence[int] = (3, 5, 7, 11),
        drop_path_rate: float = 0.0,
        fixed_positions: bool = False,
        with_cp: bool = False,
        init_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            arch,
            img_size,
            patch_size,
            out_indices=list(out_indices),
            drop_path_rate=drop_path_rate,
            final_norm=False,
            out_type='featmap',
            init_cfg=init_cfg,
            **kwargs,
        )
        self.out_indices = check_out_indices(out_indices, self.num_layers)
        if fixed_positions:
            fix_parameter(self, 'pos_embed')
        if with_cp:
            recompute(self.layers)
