"""Plain vision transformer: with strict loading for downstream tasks, and MAE's encoder."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from mmpretrain.models.backbones import VisionTransformer as _VisionTransformer
from mmpretrain.models.utils import build_2d_sincos_position_embedding
from torch import Tensor, nn

from ..layers.class_attention import class_logits
from ..layers.initialisation import fix_parameter, xavier_layers
from ..layers.recompute import recompute_blocks
from ..layers.row_block import use_row_blocks
from ..mask_generators import PatchMask, gather_patches
from ..registry import MODELS
from ..utils.checks import (
    ARCH_KEYS,
    check_choice,
    check_image_size,
    check_input_size,
    resolve_arch,
)
from ..utils.compat import forget_autocast_weights
from ..utils.sharded import whole_weights
from .encoder import Encoder
from .partial import freeze_all_but

# What comes before the blocks besides the patch embedding, positions and class token.
_STEM = ('pre_norm.', 'register_tokens')

# The arguments of MaskedViT.class_attention and their values.
IMPORTANCE = {
    'blocks': ('all', 'last'),
    'kind': ('probability', 'logit'),
    'scale': ('head', 'width'),
}


@MODELS.register_module()
class VisionTransformer(Encoder, _VisionTransformer):
    """mmpretrain's ``VisionTransformer`` as MAE and the methods based on it use it.

    The arguments are those of mmpretrain's class, for square images and patches, ``trained_blocks``
    and ``with_cp``. The differences are:

    - ``'small'`` is ViT-S (width 384, 12 blocks, 6 heads), as in the papers, ``'mocov3-small'`` is
      MoCo v3's ViT-S with 12 heads, and norms have epsilon 1e-6.
    - Weights are initialised as in MAE: linear weights are Xavier uniform, biases zero, the class
      token is drawn from a normal distribution of standard deviation 0.02, and the positions are
      sines and cosines. The first half of the position channels encodes the row; in MAE it encodes
      the column. This makes no difference to training, and checkpoints contain their positions.
    - ``init_cfg=dict(type='Pretrained', ...)`` loads every tensor, or raises an error that lists
      the missing ones.
    - ``trained_blocks`` freezes all but the last blocks (partial fine-tuning), see
      :func:`freeze_all_but`; None freezes nothing.
    - ``with_cp`` is gradient checkpointing: blocks are recomputed in the backward pass.

    Raises:
        ValueError: ``arch`` is unknown, ``img_size`` is not a multiple of ``patch_size``, or
            ``trained_blocks`` is not a number of blocks of this encoder.

    Example:
        >>> arch = dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=48)
        >>> model = VisionTransformer(arch, img_size=32, patch_size=8, out_type='raw')
        >>> model(torch.zeros(2, 3, 32, 32))[0].shape  # the class token and 16 patches
        torch.Size([2, 17, 24])
    """

    task_modules = ('ln2',)  # norm after mean pooling
    pretraining_modules = ('ln1', 'mask_token')

    arch_zoo: ClassVar[dict[str, dict]] = {
        **_VisionTransformer.arch_zoo,
        's': _VisionTransformer.arch_zoo['deit-s'],
        'small': _VisionTransformer.arch_zoo['deit-s'],
        **{
            name: {**_VisionTransformer.arch_zoo['deit-s'], 'num_heads': 12}
            for name in ('mocov3-s', 'mocov3-small')
        },
    }

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 224,
        patch_size: int = 16,
        norm_cfg: dict | None = None,
        trained_blocks: float | None = None,
        with_cp: bool = False,
        **kwargs: Any,
    ) -> None:
        resolve_arch(arch, self.arch_zoo, ARCH_KEYS)
        check_image_size(img_size, patch_size)
        norm_cfg = norm_cfg or dict(type='LN', eps=1e-6)
        super().__init__(arch, img_size, patch_size, norm_cfg=norm_cfg, **kwargs)
        use_row_blocks(self.layers)
        if with_cp:
            recompute_blocks(self.layers)
        self._frozen: list[nn.Module] = []
        if trained_blocks is not None:
            self._frozen = freeze_all_but(self, trained_blocks)

    def train(self, mode: bool = True) -> VisionTransformer:
        """Set train or evaluation mode; frozen modules stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """Return the layer of a parameter and the number of layers, for layer-wise lr decay.

        Everything before the blocks is layer 0. To mmpretrain some of it is as late as the head.
        """
        depth, layers = _VisionTransformer.get_layer_depth(self, param_name, prefix)
        return 0 if param_name.startswith(tuple(prefix + name for name in _STEM)) else depth, layers

    def fill_weights(self) -> None:
        """Initialise the weights at random, as MAE's released code does."""
        xavier_layers(self)
        nn.init.xavier_uniform_(self.patch_embed.projection.weight.data.flatten(1))
        if self.cls_token is not None:
            nn.init.normal_(self.cls_token, std=0.02)
        positions = build_2d_sincos_position_embedding(
            self.patch_resolution, self.embed_dims, cls_token=self.cls_token is not None
        )
        self.pos_embed.data.copy_(positions)


@MODELS.register_module()
class MaskedViT(VisionTransformer):
    """MAE's encoder, which encodes the visible patches only. Its positions are not trained.

    :meth:`forward` is :meth:`embed` followed by :meth:`encode`. Methods that encode several parts
    of an image (ccMIM, Masked MoCo) call these two, to embed the patches only once.

    Args:
        arch: architecture, by name or as a dict.
        img_size, patch_size: sides in pixels.
        final_norm: apply a norm after the last block.
        drop_path_rate: drop path rate of the last block; the rate rises linearly from 0.
        in_channels: number of bands of the images.
        with_cp: gradient checkpointing: recompute blocks in the backward pass, which saves memory.

    Attributes:
        mask_grid: (rows, columns) of patches over which masks are drawn.

    Example:
        >>> arch = dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=48)
        >>> model = MaskedViT(arch, img_size=32, patch_size=8)
        >>> mask = PatchMask.from_mask(torch.arange(16).expand(2, 16) < 12)  # 75 % masked
        >>> model(torch.zeros(2, 3, 32, 32), mask)[0].shape  # the class token and 4 patches
        torch.Size([2, 5, 24])
    """

    masked_output = 'the visible tokens'

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 224,
        patch_size: int = 16,
        final_norm: bool = True,
        drop_path_rate: float = 0.0,
        init_cfg: dict | None = None,
        in_channels: int = 3,
        with_cp: bool = False,
    ) -> None:
        super().__init__(
            arch,
            img_size,
            patch_size,
            final_norm=final_norm,
            drop_path_rate=drop_path_rate,
            out_type='raw',
            init_cfg=init_cfg,
            in_channels=in_channels,
            with_cp=with_cp,
        )
        fix_parameter(self, 'pos_embed')
        self.mask_grid = self.patch_resolution

    def forward(self, x: Tensor, mask: PatchMask | None = None) -> tuple[Tensor]:
        """Encode the visible patches of images.

        Args:
            x: (N, 3, H, W) with H = W = ``img_size``.
            mask: the mask of the images; None if nothing is masked.

        Returns:
            One tensor (N, 1 + V, D): the class token, then the V visible patches in the order of
            ``mask.ids_keep``.
        """
        return (self.encode(self.embed(x), None if mask is None else mask.ids_keep),)

    def embed(self, x: Tensor) -> Tensor:
        """Embed the patches of images (N, 3, H, W) and add their positions: (N, L, D)."""
        check_input_size(x, self.img_size, self.part_of)
        return self.patch_embed(x)[0] + self.pos_embed[:, 1:]

    def encode(self, patches: Tensor, ids: Tensor | None = None) -> Tensor:
        """Encode all embedded patches, or some of them.

        Args:
            patches: (N, L, D) from :meth:`embed`.
            ids: (N, V) int64, indices of the patches to encode; None for all patches. With
                (N, n, V), n sets of patches of each image are encoded separately, as one batch of
                N n sequences.

        Returns:
            (N, 1 + V, D), the class token first; with n sets (N n, 1 + V, D), ordered by image.
        """
        if ids is not None:
            patches = gather_patches(patches, ids).flatten(0, -3)
        x = self._with_class_token(patches)
        for layer in self.layers:
            x = layer(x)
        return self.ln1(x) if self.final_norm else x

    @torch.no_grad()
    def class_attention(
        self,
        patches: Tensor,
        blocks: Literal['all', 'last'] = 'all',
        kind: Literal['probability', 'logit'] = 'probability',
        scale: Literal['head', 'width'] = 'head',
    ) -> Tensor:
        """Compute the attention of the class token to each patch of the whole image.

        Only the class token's row of the attention matrix is computed, in float32. The blocks
        themselves use fused attention, which does not return the matrix.

        Args:
            patches: (N, L, D) from :meth:`embed`.
            blocks: ``'all'`` adds the attention of all blocks (ccMIM's released code), ``'last'``
                uses the last block only.
            kind: ``'probability'`` averages the attention probabilities over the heads (released
                code), ``'logit'`` the scaled logits before the softmax (ccMIM, Eq. 4), up to a
                number that is the same for all patches of an image.
            scale: ``'head'`` divides the logits by the square root of the width of a head, as the
                attention itself does, ``'width'`` by that of the encoder's width D (Eq. 4).

        Returns:
            (N, L) float32, without gradient.

        Raises:
            ValueError: ``blocks``, ``kind`` or ``scale`` is unknown.
        """
        check_choice('blocks', blocks, IMPORTANCE['blocks'])
        check_choice('kind', kind, IMPORTANCE['kind'])
        check_choice('scale', scale, IMPORTANCE['scale'])
        x = self._with_class_token(patches)
        logits = []
        for index, layer in enumerate(self.layers):
            last = index == self.num_layers - 1
            if last or blocks == 'all':
                with whole_weights(layer):  # only parts of the block are called
                    logits.append(class_logits(layer.attn, layer.ln1(x)))
            if not last:  # the output of the last block is not needed
                x = layer(x)
        # The training pass must not reuse the weights that autocast has cast without gradient.
        forget_autocast_weights()
        importance = torch.stack(logits)  # (blocks, N, heads, 1 + L)
        if scale == 'width':  # they were divided by the root of D / heads
            importance = importance / self.layers[-1].attn.num_heads ** 0.5
        if kind == 'probability':
            importance = importance.softmax(dim=-1)
        return importance.mean(dim=2).sum(dim=0)[:, 1:]

    def _with_class_token(self, patches: Tensor) -> Tensor:
        token = (self.cls_token + self.pos_embed[:, :1]).expand(len(patches), -1, -1)
        return self.drop_after_pos(torch.cat((token, patches), dim=1))
