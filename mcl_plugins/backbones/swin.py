"""Swin transformer: strict loading for transfer, mask tokens for pre-training."""

from __future__ import annotations

from typing import Any

import torch
from mmpretrain.models.backbones import SwinTransformer as _SwinTransformer
from torch import Tensor, nn

from ..layers.initialisation import normal_layers
from ..layers.position_tables import fit_block_tables
from ..layers.sync_norm import SyncBN
from ..mask_generators import PatchMask, upsample_patches
from ..registry import MODELS
from ..utils.checks import check_choice, check_image_size, check_input_size, resolve_arch
from ..utils.compat import LinspaceOnHost
from .encoder import Encoder

_ARCH_KEYS = ('embed_dims', 'depths', 'num_heads')


class TokenSyncBN(SyncBN):
    """Batch normalisation of tokens over the images and positions of all processes."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, L, C) -> the same shape."""
        return super().forward(input.flatten(0, 1)).view_as(input)


@MODELS.register_module()
class SwinTransformer(Encoder, _SwinTransformer):
    """mmpretrain's ``SwinTransformer`` as MoBY and MimCo use it.

    It takes the arguments of mmpretrain's, and ``mlp_norm`` and ``frozen``. It differs as follows:

    - It may have any number of stages, and by default the last one's map is the output.
    - Weights start as in the released code: linear weights from a normal of 0.02, biases zero.
    - ``init_cfg=dict(type='Pretrained', ...)`` loads every tensor or raises an error that lists
      what is missing. Tables of relative positions are resized as in BEiT's released code.
    - An image size that is not a multiple of the last stage's patches is refused.

    Args:
        arch: ``'tiny'``, ``'small'``, ``'base'``, ``'large'`` or a dict.
        img_size, patch_size: sides in pixels.
        window_size: side of an attention window, in tokens.
        mlp_norm: norm before the MLP of each block, ``'LN'`` or ``'BN'`` (MoBY's "BN trick"; all
            processes together).
        frozen: no parameter learns, and BatchNorm keeps its statistics. Drop path acts in training,
            as in MoBY's linear evaluation.

    Raises:
        ValueError: unknown ``arch`` or ``mlp_norm``, an ``img_size`` that is not a multiple of the
            last stage's patches, a last map that is smaller than a window, or ``frozen_stages``
            beyond the last stage.
    """

    pretraining_modules = ('mask_token',)

    def __init__(
        self,
        arch: str | dict = 'tiny',
        img_size: int = 224,
        patch_size: int = 4,
        window_size: int = 7,
        mlp_norm: str = 'LN',
        frozen: bool = False,
        **kwargs: Any,
    ) -> None:
        depths = resolve_arch(arch, self.arch_zoo, _ARCH_KEYS, exact=True)['depths']
        check_choice('mlp_norm', mlp_norm, ('LN', 'BN'))
        last_patch = patch_size * 2 ** (len(depths) - 1)
        check_image_size(img_size, last_patch, "the last stage's patches")
        if img_size // last_patch < window_size and not kwargs.get('pad_small_map'):
            raise ValueError(
                f'img_size={img_size} leaves {img_size // last_patch} x {img_size // last_patch} '
                f'tokens to the last stage, fewer than a window of window_size={window_size}: use '
                'larger images, a smaller window_size or pad_small_map=True.'
            )
        last = len(depths) - 1
        if not -1 <= kwargs.get('frozen_stages', -1) <= last:
            raise ValueError(
                f'frozen_stages={kwargs["frozen_stages"]} must be -1 (none) to {last}: it is the '
                'last stage that does not learn, counted from 0.'
            )
        kwargs.setdefault('out_indices', (last,))
        with LinspaceOnHost():
            super().__init__(arch, img_size, patch_size, window_size=window_size, **kwargs)
        self.img_size = (img_size, img_size)  # as ViTs have it
        # A task may take other stages' maps too: their norms are not part of pre-training.
        self.task_modules = tuple(f'norm{stage}' for stage in range(last))
        if mlp_norm == 'BN':
            for block in (block for stage in self.stages for block in stage.blocks):
                block.norm2 = TokenSyncBN(block.norm2.normalized_shape[0])
        self._freeze_stages()  # before an optimizer or DDP takes what learns
        self.frozen = frozen
        if frozen:
            self.requires_grad_(False)

    def train(self, mode: bool = True) -> SwinTransformer:
        """Set the mode; the BatchNorms of a frozen encoder stay in evaluation mode."""
        super().train(mode)
        if self.frozen:
            for module in self.modules():
                if isinstance(module, TokenSyncBN):
                    module.eval()
        return self

    def fill_weights(self) -> None:
        """Fill the weights as Swin's released code does."""
        normal_layers(self, std=0.02)

    def _prepare_relative_position_bias_table(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Fit a checkpoint's relative position tables to this model before they are loaded."""
        fit_block_tables(state_dict, prefix, self.state_dict())


@MODELS.register_module()
class SimMIMSwin(SwinTransformer):
    """Swin that replaces hidden tokens by a learned mask token, as in SimMIM.

    A mask is given on the grid of the last stage, whose tokens are 32 px wide with the usual four
    stages: SimMIM's mask unit. Within a hidden unit all tokens of the first stage are replaced,
    after patch embedding and its norm.

    Args:
        arch, img_size, patch_size, window_size, mlp_norm: as in :class:`SwinTransformer`.
        drop_path_rate: stochastic depth of the last block; it rises linearly from 0.
        with_cp: recompute blocks in the backward pass, which saves memory.

    Attributes:
        mask_grid: (rows, columns) of units that a mask hides or shows.
    """

    def __init__(
        self,
        arch: str | dict = 'tiny',
        img_size: int = 224,
        patch_size: int = 4,
        window_size: int = 7,
        mlp_norm: str = 'LN',
        drop_path_rate: float = 0.0,
        with_cp: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            arch,
            img_size,
            patch_size,
            window_size,
            mlp_norm,
            drop_path_rate=drop_path_rate,
            with_cp=with_cp,
            init_cfg=init_cfg,
        )
        self.mask_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims))
        unit = 2 ** (self.num_layers - 1)  # side of a mask unit, in tokens of the first stage
        rows, columns = self.patch_resolution
        self.mask_grid = (rows // unit, columns // unit)

    def init_weights(self) -> None:
        """Initialise as :class:`SwinTransformer`, with a mask token from a normal of 0.02."""
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        super().init_weights()

    def forward(self, x: Tensor, mask: PatchMask | None = None) -> tuple[Tensor]:
        """Encode images, parts of which are hidden.

        Args:
            x: (N, 3, H, W) with H = W = ``img_size``.
            mask: over the L units of ``mask_grid``; None shows everything.

        Returns:
            One map (N, D, rows, columns) of the last stage.
        """
        tokens, shape = self.patch_embed(x)
        if mask is not None:  # without one, images may have any size
            check_input_size(x, self.img_size, self.part_of)
            hidden = upsample_patches(mask.mask, self.mask_grid, shape).flatten(1)
            tokens = torch.where(hidden[..., None], self.mask_token, tokens)
        tokens = self.drop_after_pos(tokens)
        for stage in self.stages:
            tokens, shape = stage(tokens, shape)
        tokens = getattr(self, f'norm{self.num_layers - 1}')(tokens)
        return (tokens.transpose(1, 2).unflatten(2, shape),)
