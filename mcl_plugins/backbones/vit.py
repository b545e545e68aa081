"""Plain vision transformer: strict loading for transfer, visible tokens only for pre-training."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from mmpretrain.models.backbones import VisionTransformer as _VisionTransformer
from mmpretrain.models.utils import build_2d_sincos_position_embedding
from torch import Tensor, nn

from ..layers.class_attention import class_logits
from ..layers.initialisation import fix_parameter, xavier_layers
from ..mask_generators import PatchMask
from ..registry import MODELS
from ..utils.checks import (
    ARCH_KEYS,
    check_choice,
    check_image_size,
    check_input_size,
    resolve_arch,
)
from ..utils.compat import forget_autocast_weights
from .encoder import Encoder
from .partial import freeze_all_but

# What MaskedViT.class_attention can be asked for.
IMPORTANCE = {'blocks': ('all', 'last'), 'kind': ('probability', 'logit')}


@MODELS.register_module()
class VisionTransformer(Encoder, _VisionTransformer):
    """mmpretrain's ``VisionTransformer`` as MAE and its descendants use it.

    It takes the arguments of mmpretrain's, for square images and patches, and ``trained_blocks``.
    It differs as follows:

    - ``'small'`` is ViT-S (width 384, 12 blocks, 6 heads), as in the papers, ``'mocov3-small'`` is
      MoCo v3's with 12 heads, and norms have epsilon 1e-6.
    - Weights start as in MAE: Xavier uniform, linear biases zero, the class token from a normal
      of 0.02, positions from sines and cosines. The rows are in the first half of the channels. MAE
      has the columns there, which makes no difference to training; checkpoints carry their
      positions.
    - ``init_cfg=dict(type='Pretrained', ...)`` loads every tensor or raises an error that lists
      what is missing.
    - ``trained_blocks`` freezes all but the last blocks (partial fine-tuning), see
      :func:`freeze_all_but`; None freezes nothing.

    Raises:
        ValueError: unknown ``arch``, ``img_size`` is not a multiple of ``patch_size``, or
            ``trained_blocks`` is more than there are.
    """

    task_modules = ('ln2',)  # the norm after mean pooling
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
        **kwargs: Any,
    ) -> None:
        resolve_arch(arch, self.arch_zoo, ARCH_KEYS)
        check_image_size(img_size, patch_size)
        norm_cfg = norm_cfg or dict(type='LN', eps=1e-6)
        super().__init__(arch, img_size, patch_size, norm_cfg=norm_cfg, **kwargs)
        self._frozen: list[nn.Module] = []
        if trained_blocks is not None:
            self._frozen = freeze_all_but(self, trained_blocks)

    def train(self, mode: bool = True) -> VisionTransformer:
        """Set the mode of what is not frozen."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def fill_weights(self) -> None:
        """Fill the weights as MAE's released code does."""
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
    """MAE's encoder: it sees the visible patches only; positions are fixed.

    The steps of :meth:`forward` are public, so that a method which encodes several parts of an
    image (ccMIM, Masked MoCo) embeds it once.

    Args:
        arch: architecture, by name or as a dict.
        img_size, patch_size: sides in pixels.
        final_norm: normalise the output.
        drop_path_rate: stochastic depth of the last block; it rises linearly from 0.

    Attributes:
        mask_grid: (rows, columns) of patches, over which masks are drawn.
    """

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 224,
        patch_size: int = 16,
        final_norm: bool = True,
        drop_path_rate: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            arch,
            img_size,
            patch_size,
            final_norm=final_norm,
            drop_path_rate=drop_path_rate,
            out_type='raw',
            init_cfg=init_cfg,
        )
        fix_parameter(self, 'pos_embed')
        self.mask_grid = self.patch_resolution

    def forward(self, x: Tensor, mask: PatchMask | None = None) -> tuple[Tensor]:
        """Encode the visible patches of images.

        Args:
            x: (N, 3, H, W) with H = W = ``img_size``.
            mask: None shows everything.

        Returns:
            One tensor (N, 1 + V, D): the class token, then the V visible patches in the order of
            ``mask.ids_keep``.
        """
        return (self.encode(self.embed(x), None if mask is None else mask.ids_keep),)

    def embed(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, L, D) patch embeddings with their positions."""
        check_input_size(x, self.img_size, self.part_of)
        return self.patch_embed(x)[0] + self.pos_embed[:, 1:]

    def encode(self, patches: Tensor, ids: Tensor | None = None) -> Tensor:
        """Encode a part of the embedded patches.

        Args:
            patches: (N, L, D) from :meth:`embed`.
            ids: (N, V) int64, the patches to encode; None for all of them. With (N, n, V), n parts
                of each image are encoded, as one batch of N n sequences.

        Returns:
            (N, 1 + V, D), the class token first; (N n, 1 + V, D) for n parts, image by image.
        """
        if ids is not None:
            patches = take_patches(patches, ids.flatten(1)).unflatten(0, (-1, ids.shape[-1]))
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
    ) -> Tensor:
        """How much the class token attends to each patch when it sees all of them.

        Only the class token's row is computed, in float32; the tokens themselves go through fused
        attention.

        Args:
            patches: (N, L, D) from :meth:`embed`.
            blocks: ``'all'`` sums over the blocks (ccMIM's released code), ``'last'`` takes the
                last one.
            kind: ``'probability'`` averages the softmax over the heads (released code),
                ``'logit'`` the scaled scores before it (ccMIM, Eq. 4).

        Returns:
            (N, L) float32, no gradient.
        """
        check_choice('blocks', blocks, IMPORTANCE['blocks'])
        check_choice('kind', kind, IMPORTANCE['kind'])
        x = self._with_class_token(patches)
        rows = []
        for index, layer in enumerate(self.layers):
            last = index == self.num_layers - 1
            if last or blocks == 'all':
                logits = class_logits(layer.attn, layer.ln1(x))  # (N, heads, 1 + L)
                row = logits.softmax(dim=-1) if kind == 'probability' else logits
                rows.append(row.mean(dim=1)[:, 1:])
            if not last:  # the tokens after the last block are not used
                x = layer(x)
        forget_autocast_weights()  # the same weights are about to be trained
        return torch.stack(rows).sum(dim=0)

    def drop_final_norm(self) -> None:
        """Do without the final norm from now on (CMAE's target)."""
        self.final_norm = False
        self.ln1 = nn.Identity()

    def _with_class_token(self, patches: Tensor) -> Tensor:
        token = (self.cls_token + self.pos_embed[:, :1]).expand(len(patches), -1, -1)
        return self.drop_after_pos(torch.cat((token, patches), dim=1))


def take_patches(patches: Tensor, ids: Tensor) -> Tensor:
    """Rows of chosen patches, image by image.

    Whole rows are copied: gathering along a dimension goes element by element, and back again in
    the backward pass.

    Args:
        patches: (N, L, D).
        ids: (N, V) int64.

    Returns:
        (N V, D).
    """
    first = patches.shape[1] * torch.arange(len(patches), device=ids.device)
    return patches.flatten(0, 1).index_select(0, (ids + first[:, None]).flatten())
