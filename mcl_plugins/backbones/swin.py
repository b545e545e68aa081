"""Swin transformer: with strict loading for downstream tasks, and with mask token (SimMIM)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmpretrain.models.backbones import SwinTransformer as _SwinTransformer
from torch import Tensor, nn

from ..layers.fused_window_attention import use_fused_windows
from ..layers.initialisation import normal_layers
from ..layers.position_tables import fit_block_tables
from ..layers.recompute import recompute_blocks
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
        """Normalise tokens (N, L, C); the shape stays the same."""
        return super().forward(input.flatten(0, 1)).view_as(input)


@MODELS.register_module()
class SwinTransformer(Encoder, _SwinTransformer):
    """mmpretrain's ``SwinTransformer`` as MoBY and MimCo use it.

    The arguments are those of mmpretrain's class, and ``mlp_norm`` and ``frozen``. The differences
    are:

    - The number of stages is arbitrary, and the default output is the map of the last stage.
    - Weights are initialised as in the released code: linear weights are drawn from a
      normal distribution of standard deviation 0.02, biases are zero.
    - ``init_cfg=dict(type='Pretrained', ...)`` loads every tensor, or raises an error that lists
      the missing ones. Tables of relative positions are resized as in BEiT's released code.
    - Attention within windows uses PyTorch's fused kernel.
    - An image size that is not a multiple of the patch size of the last stage is an error.

    Args:
        arch: ``'tiny'``, ``'small'``, ``'base'``, ``'large'`` or a dict.
        img_size, patch_size: sides in pixels.
        window_size: side of an attention window, in tokens.
        mlp_norm: norm before the MLP of each block: ``'LN'``, or ``'BN'`` for a BatchNorm whose
            statistics are those of all processes (MoBY's "BN trick").
        frozen: train no parameter and keep the statistics of BatchNorm. Drop path remains active in
            training, as in MoBY's linear evaluation.
        with_cp: gradient checkpointing: recompute blocks in the backward pass, which saves memory.

    Raises:
        ValueError: ``arch`` or ``mlp_norm`` is unknown, ``img_size`` is not a multiple of the last
            stage's patch size, the map of the last stage is smaller than a window,
            ``frozen_stages`` is not a stage, or ``out_indices`` does not end with the last stage.

    Example:
        >>> arch = dict(embed_dims=8, depths=(1, 1), num_heads=(1, 2))
        >>> model = SwinTransformer(arch, img_size=32, window_size=4)
        >>> model(torch.zeros(2, 3, 32, 32))[0].shape  # stride 8
        torch.Size([2, 16, 4, 4])
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
        with_cp: bool = False,
        **kwargs: Any,
    ) -> None:
        depths = resolve_arch(arch, self.arch_zoo, _ARCH_KEYS, exact=True)['depths']
        check_choice('mlp_norm', mlp_norm, ('LN', 'BN'))
        last_patch = patch_size * 2 ** (len(depths) - 1)
        check_image_size(img_size, last_patch, "the last stage's patches")
        if img_size // last_patch < window_size and not kwargs.get('pad_small_map'):
            raise ValueError(
                f'img_size={img_size} leaves {img_size // last_patch} x {img_size // last_patch} '
                f'tokens to the last stage, fewer than a window of window_size={window_size}: set '
                'a larger img_size, a smaller window_size or pad_small_map=True.'
            )
        last = len(depths) - 1
        if not -1 <= kwargs.get('frozen_stages', -1) <= last:
            raise ValueError(
                f'frozen_stages={kwargs["frozen_stages"]} must be -1 (none) to {last}: it is the '
                'number, counted from 0, of the last stage that is frozen.'
            )
        _check_stages(kwargs.setdefault('out_indices', (last,)), last)
        with LinspaceOnHost():
            super().__init__(arch, img_size, patch_size, window_size=window_size, **kwargs)
        use_fused_windows(self)
        if with_cp:
            recompute_blocks(block for stage in self.stages for block in stage.blocks)
        self.img_size = (img_size, img_size)  # in the same form as in vision transformers
        # Downstream tasks may use maps of other stages, whose norms are not pre-trained.
        self.task_modules = tuple(f'norm{stage}' for stage in range(last))
        if mlp_norm == 'BN':
            for block in (block for stage in self.stages for block in stage.blocks):
                block.norm2 = TokenSyncBN(block.norm2.normalized_shape[0])
        self._freeze_stages()  # now, so that optimizer and DDP get only the trained parameters
        self.frozen = frozen
        if frozen:
            self.requires_grad_(False)

    def train(self, mode: bool = True) -> SwinTransformer:
        """Set train or evaluation mode; a frozen encoder's BatchNorms stay in evaluation mode."""
        super().train(mode)
        if self.frozen:
            for module in self.modules():
                if isinstance(module, TokenSyncBN):
                    module.eval()
        return self

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """Return the layer of a parameter and the number of layers, for layer-wise lr decay.

        Absolute positions are layer 0, as in vision transformers; mmpretrain counts them as last.
        """
        depth, layers = super().get_layer_depth(param_name, prefix)
        return 0 if param_name == f'{prefix}absolute_pos_embed' else depth, layers

    def _freeze_stages(self) -> None:
        """Freeze as mmpretrain does, and the absolute positions with the patch embedding."""
        super()._freeze_stages()
        if self.frozen_stages >= 0 and self.use_abs_pos_embed:
            self.absolute_pos_embed.requires_grad_(False)

    def fill_weights(self) -> None:
        """Initialise the weights at random, as Swin's released code does."""
        normal_layers(self, std=0.02)

    def _prepare_relative_position_bias_table(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Resize a checkpoint's tables of relative positions to this model before loading."""
        fit_block_tables(state_dict, prefix, self.state_dict())


def _check_stages(out_indices: Sequence[int], last: int) -> None:
    """Raise a ValueError unless the stages whose maps are returned ascend to the last one."""
    stages = list(out_indices)
    if stages != sorted({*stages, last}) or stages[0] < 0 or stages[-1] != last:
        raise ValueError(
            f'out_indices={tuple(stages)} must ascend and end with the last stage, {last}: stages '
            'after the last output would get no gradient. Add it, or set arch to a dict without '
            'these stages.'
        )


@MODELS.register_module()
class SimMIMSwin(SwinTransformer):
    """Swin that replaces masked tokens by a learned mask token, as in SimMIM.

    Masks are drawn over the tokens of the last stage, which are 32 px wide with the usual four
    stages, as wide as SimMIM's mask units. All tokens of the first stage inside a masked unit are
    replaced, after the patch embedding and its norm.

    Args:
        arch, img_size, patch_size, window_size, mlp_norm: as in :class:`SwinTransformer`.
        drop_path_rate: drop path rate of the last block; the rate rises linearly from 0.
        with_cp: gradient checkpointing: recompute blocks in the backward pass, which saves memory.
        in_channels: number of bands of the images.

    Attributes:
        mask_grid: (rows, columns) of mask units over which masks are drawn.

    Example:
        >>> arch = dict(embed_dims=8, depths=(1, 1), num_heads=(1, 2))
        >>> model = SimMIMSwin(arch, img_size=32, window_size=4)
        >>> mask = PatchMask.from_mask(torch.arange(16).expand(2, 16) < 8)  # half masked
        >>> model.mask_grid, model(torch.zeros(2, 3, 32, 32), mask)[0].shape
        ((4, 4), torch.Size([2, 16, 4, 4]))
    """

    masked_output = 'one map'

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
        in_channels: int = 3,
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
            in_channels=in_channels,
        )
        self.mask_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims))
        unit = 2 ** (self.num_layers - 1)  # side of a mask unit, in tokens of the first stage
        rows, columns = self.patch_resolution
        self.mask_grid = (rows // unit, columns // unit)

    def init_weights(self) -> None:
        """Initialise as :class:`SwinTransformer`; the mask token has a deviation of 0.02."""
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        super().init_weights()

    def forward(self, x: Tensor, mask: PatchMask | None = None) -> tuple[Tensor]:
        """Encode masked images.

        Args:
            x: (N, 3, H, W), with H = W = ``img_size`` if there is a mask.
            mask: the mask over the L units of ``mask_grid``; None if nothing is masked.

        Returns:
            One map (N, D, rows, columns), that of the last stage.
        """
        tokens, shape = self.patch_embed(x)
        if mask is not None:  # without a mask, images of any size are allowed
            check_input_size(x, self.img_size, self.part_of)
            masked = upsample_patches(mask.mask, self.mask_grid, shape).flatten(1)
            tokens = torch.where(masked[..., None], self.mask_token, tokens)
        tokens = self.drop_after_pos(tokens)
        for stage in self.stages:
            tokens, shape = stage(tokens, shape)
        tokens = getattr(self, f'norm{self.num_layers - 1}')(tokens)
        return (tokens.transpose(1, 2).unflatten(2, shape),)
