"""MAE's decoder: from the visible tokens to a prediction for every patch."""

from __future__ import annotations

import math
from typing import Any

import torch
from mmengine.model import BaseModule
from mmpretrain.models.necks import MAEPretrainDecoder
from mmpretrain.models.utils import build_2d_sincos_position_embedding
from torch import Tensor, nn

from ..layers.initialisation import fix_parameter, xavier_layers
from ..layers.recompute import recompute_blocks
from ..layers.row_block import use_row_blocks
from ..registry import MODELS


@MODELS.register_module()
class MaskedDecoder(MAEPretrainDecoder):
    """mmpretrain's MAE decoder, which also supports encoders without a class token.

    Mask tokens are inserted at the masked patches, fixed positions are added to all tokens, and
    transformer blocks predict the output. The weights are initialised as in MAE (Xavier uniform
    weights, zero biases).

    Args:
        num_patches: L, a square number.
        with_cls_token: whether a class token comes before the patches.
        with_cp: gradient checkpointing: recompute blocks in the backward pass, which saves memory.
        **kwargs: the other arguments of ``MAEPretrainDecoder``. Its ``predict_feature_dim`` is the
            width P of the output; None for the number of pixel values of a patch.

    Example:
        >>> decoder = MaskedDecoder(4, patch_size=2, embed_dim=8, decoder_embed_dim=8,
        ...                         decoder_depth=1, decoder_num_heads=2)
        >>> ids_restore = torch.tensor([[0, 2, 1, 3]])  # patches 0 and 2 are visible
        >>> decoder(torch.zeros(1, 1 + 2, 8), ids_restore).shape  # 2 x 2 RGB pixels per patch
        torch.Size([1, 4, 12])
    """

    decoder_embed: nn.Linear
    mask_token: nn.Parameter
    decoder_pos_embed: Tensor
    decoder_blocks: nn.ModuleList
    decoder_pred: nn.Linear

    def __init__(
        self,
        num_patches: int = 196,
        with_cls_token: bool = True,
        with_cp: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_patches=num_patches, **kwargs)
        use_row_blocks(self.decoder_blocks)
        if with_cp:
            recompute_blocks(self.decoder_blocks)
        self.num_extra_tokens = int(with_cls_token)
        fix_parameter(self, 'decoder_pos_embed')
        if not with_cls_token:
            self.decoder_pos_embed = self.decoder_pos_embed[:, 1:]

    def init_weights(self) -> None:
        """Initialise layers, positions and the mask token."""
        BaseModule.init_weights(self)  # the parent's assumes a class token
        xavier_layers(self)
        nn.init.normal_(self.mask_token, std=0.02)
        positions = build_2d_sincos_position_embedding(
            math.isqrt(self.num_patches),
            self.decoder_pos_embed.shape[-1],
            cls_token=self.num_extra_tokens > 0,
        )
        self.decoder_pos_embed.copy_(positions)

    def check_encoder(self, encoder: Any) -> None:
        """Raise a ValueError unless this decoder fits the tokens of ``encoder``."""
        rows, columns = encoder.patch_resolution
        for name, own, wanted in (
            ('num_patches', self.num_patches, rows * columns),
            ('embed_dim', self.decoder_embed.in_features, encoder.embed_dims),
            ('with_cls_token', bool(self.num_extra_tokens), bool(encoder.num_extra_tokens)),
        ):
            if own != wanted:
                raise ValueError(
                    f'The decoder has {name}={own}, but {type(encoder).__name__} needs {wanted} '
                    f'({rows}x{columns} patches of width {encoder.embed_dims}): '
                    f'set {name}={wanted}.'
                )

    def check_output(self, width: int, how_to_fix: str) -> None:
        """Raise a ValueError unless the output has ``width`` values per patch.

        Args:
            width: required number of values.
            how_to_fix: instruction at the end of the message.
        """
        if self.decoder_pred.out_features != width:
            raise ValueError(
                f'The decoder predicts {self.decoder_pred.out_features} values per patch, but '
                f'{width} are needed: {how_to_fix}.'
            )

    def share_blocks(self, other: MaskedDecoder) -> None:
        """Share the embedding, the mask token and the first blocks of ``other``.

        Raises:
            ValueError: ``other`` has fewer blocks or another width.
        """
        depth, width = len(self.decoder_blocks), self.decoder_embed.out_features
        others = len(other.decoder_blocks), other.decoder_embed.out_features
        if depth > others[0] or width != others[1]:
            raise ValueError(
                f'A decoder of {depth} blocks of width {width} cannot share those of a decoder '
                f'of {others[0]} blocks of width {others[1]}. Set decoder_embed_dim to the same '
                'value for both, and decoder_depth to no more than that of the other.'
            )
        self.decoder_embed = other.decoder_embed
        self.mask_token = other.mask_token
        self.decoder_blocks = other.decoder_blocks[:depth]

    def forward(self, tokens: Tensor, ids_restore: Tensor) -> Tensor:
        """Decode every patch.

        Args:
            tokens: (N, 1 + V, D), the class token and V visible patches; (N, V, D) without a class
                token.
            ids_restore: (N, L), the index of each patch in the list of visible patches followed by
                masked patches.

        Returns:
            (N, L, P), in raster order, without the class token.
        """
        extra = self.num_extra_tokens
        x = self.decoder_embed(tokens)
        num_hidden = extra + ids_restore.shape[1] - x.shape[1]
        mask_tokens = self.mask_token.expand(len(x), num_hidden, -1)
        patches = torch.cat((x[:, extra:], mask_tokens), dim=1)
        patches = patches.take_along_dim(ids_restore[..., None], dim=1)
        x = torch.cat((x[:, :extra], patches), dim=1) + self.decoder_pos_embed
        for block in self.decoder_blocks:
            x = block(x)
        return self.decoder_pred(self.decoder_norm(x[:, extra:]))


def check_pixels(encoder: Any, decoder: MaskedDecoder, head: Any) -> None:
    """Raise a ValueError unless the decoder predicts the pixels of the encoder's patches.

    Args:
        encoder: the encoder, which decides the patch size.
        decoder: the decoder.
        head: the pixel head, with ``patch_size`` and ``in_channels``.
    """
    decoder.check_encoder(encoder)
    patch_size = encoder.img_size[0] // encoder.patch_resolution[0]
    bands = next(m.in_channels for m in encoder.modules() if isinstance(m, nn.Conv2d))
    if head.in_channels != bands:
        raise ValueError(
            f'The pixel head reconstructs in_channels={head.in_channels} bands, but '
            f'{type(encoder).__name__} takes {bands}: set in_channels={bands} of the pixel head '
            f'and in_chans={bands} of the decoder.'
        )
    if head.patch_size != patch_size:
        raise ValueError(
            f'The pixel head has patch_size={head.patch_size}, but the patches of '
            f'{type(encoder).__name__} are {patch_size} px: set patch_size={patch_size}.'
        )
    decoder.check_output(
        head.in_channels * patch_size**2,
        f'set its patch_size to {patch_size} and its in_chans to {bands}',
    )
