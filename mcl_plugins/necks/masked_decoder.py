"""From visible tokens to an output for every patch."""

from __future__ import annotations

import math
from typing import Any

import torch
from mmengine.model import BaseModule
from mmpretrain.models.necks import MAEPretrainDecoder
from mmpretrain.models.utils import build_2d_sincos_position_embedding
from torch import Tensor, nn

from ..layers.initialisation import fix_parameter, xavier_layers
from ..registry import MODELS


@MODELS.register_module()
class MaskedDecoder(MAEPretrainDecoder):
    """mmpretrain's MAE decoder, which also takes encoders that have no class token.

    Mask tokens stand in for the hidden patches, fixed positions are added to all, and transformer
    blocks fill in what is missing. Weights start as in MAE (Xavier uniform, zero biases).

    Args:
        num_patches: L, a square number.
        with_cls_token: whether a class token comes before the patches.
        predict_feature_dim: width of the output; None for the pixels of a patch.
        **kwargs: the other arguments of ``MAEPretrainDecoder``.
    """

    decoder_embed: nn.Linear
    mask_token: nn.Parameter
    decoder_pos_embed: Tensor
    decoder_blocks: nn.ModuleList
    decoder_pred: nn.Linear

    def __init__(self, num_patches: int = 196, with_cls_token: bool = True, **kwargs: Any) -> None:
        super().__init__(num_patches=num_patches, **kwargs)
        self.num_extra_tokens = int(with_cls_token)
        fix_parameter(self, 'decoder_pos_embed')
        if not with_cls_token:
            self.decoder_pos_embed = self.decoder_pos_embed[:, 1:]

    def init_weights(self) -> None:
        """Initialise layers, positions and mask token."""
        BaseModule.init_weights(self)  # the parent's presumes a class token
        xavier_layers(self)
        nn.init.normal_(self.mask_token, std=0.02)
        positions = build_2d_sincos_position_embedding(
            math.isqrt(self.num_patches),
            self.decoder_pos_embed.shape[-1],
            cls_token=self.num_extra_tokens > 0,
        )
        self.decoder_pos_embed.copy_(positions)

    def check_encoder(self, encoder: Any) -> None:
        """Raise a ValueError unless this decoder takes the tokens of ``encoder``."""
        rows, columns = encoder.patch_resolution
        for name, own, wanted in (
            ('num_patches', self.num_patches, rows * columns),
            ('embed_dim', self.decoder_embed.in_features, encoder.embed_dims),
            ('with_cls_token', bool(self.num_extra_tokens), bool(encoder.num_extra_tokens)),
        ):
            if own != wanted:
                raise ValueError(
                    f'The decoder has {name}={own}, but {type(encoder).__name__} needs {wanted} '
                    f'({rows}x{columns} patches of width {encoder.embed_dims}): set it to that.'
                )

    def check_output(self, width: int, how_to_fix: str) -> None:
        """Raise a ValueError unless the output has ``width`` values a patch."""
        if self.decoder_pred.out_features != width:
            raise ValueError(
                f'The decoder predicts {self.decoder_pred.out_features} values a patch where '
                f'{width} are needed: {how_to_fix}.'
            )

    def share_blocks(self, other: MaskedDecoder) -> None:
        """Use the embedding, the mask token and the first blocks of ``other`` as one's own.

        Raises:
            ValueError: ``other`` has fewer blocks or another width.
        """
        depth, width = len(self.decoder_blocks), self.decoder_embed.out_features
        others = len(other.decoder_blocks), other.decoder_embed.out_features
        if depth > others[0] or width != others[1]:
            raise ValueError(
                f'A decoder of {depth} blocks of width {width} cannot share those of one that has '
                f'{others[0]} of width {others[1]}; choose decoder_depth and decoder_embed_dim '
                'accordingly.'
            )
        self.decoder_embed = other.decoder_embed
        self.mask_token = other.mask_token
        self.decoder_blocks = other.decoder_blocks[:depth]

    def forward(self, tokens: Tensor, ids_restore: Tensor) -> Tensor:
        """Decode every patch.

        Args:
            tokens: (N, 1 + V, D) of the encoder, the class token first; without one, (N, V, D).
            ids_restore: (N, L), where each patch stands among the visible and then the hidden ones.

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
    """Raise a ValueError unless the decoder's output is the pixels of the encoder's patches."""
    decoder.check_encoder(encoder)
    patch_size = encoder.img_size[0] // encoder.patch_resolution[0]
    if head.patch_size != patch_size:
        raise ValueError(
            f'The pixel head has patch_size={head.patch_size}, but the patches of '
            f'{type(encoder).__name__} are {patch_size} px: set it to that.'
        )
    decoder.check_output(head.in_channels * patch_size**2, f'set its patch_size to {patch_size}')
