"""Class attention between an encoder and its projector (CaiT, ExtreMA; Masked MoCo, 3.4)."""

from __future__ import annotations

from functools import partial

import torch
from mmcv.cnn.bricks.transformer import FFN
from mmpretrain.models.utils import CrossMultiheadAttention, LayerScale
from torch import Tensor, nn

from ..layers.initialisation import xavier_layers
from ..layers.rows import use_row_sequentials
from ..registry import MODELS
from ..utils.checks import check_num_heads


@MODELS.register_module()
class ClassAttentionBlocks(nn.Module):
    """Blocks in which only the class token is updated, by attention to all tokens.

    The sizes and the layer scale are those of ExtreMA's released code for ViT-B. In that code the
    query is a new token; here it is the encoder's class token, after the encoder's final norm. A
    layer norm follows the last block.

    Args:
        embed_dims: width D of the tokens.
        num_heads: attention heads.
        num_blocks: number of blocks.
        layer_scale: initial value of the learned factors on both residual branches.

    Raises:
        ValueError: ``embed_dims`` is not a multiple of ``num_heads``, or ``num_blocks`` or
            ``layer_scale`` is not positive.

    Example:
        >>> ClassAttentionBlocks(embed_dims=8, num_heads=2)(torch.zeros(4, 1 + 9, 8)).shape
        torch.Size([4, 1, 8])
    """

    def __init__(
        self, embed_dims: int, num_heads: int, num_blocks: int = 2, layer_scale: float = 0.1
    ) -> None:
        super().__init__()
        check_num_heads(embed_dims, num_heads)
        if num_blocks < 1 or layer_scale <= 0:
            raise ValueError(
                f'num_blocks={num_blocks} and layer_scale={layer_scale} must be positive, for '
                'example 2 and 0.1. For no class attention set class_attention=None.'
            )
        self.blocks = nn.ModuleList(
            ClassAttentionBlock(embed_dims, num_heads, layer_scale) for _ in range(num_blocks)
        )
        use_row_sequentials(self.blocks)
        self.norm = nn.LayerNorm(embed_dims, eps=1e-6)

    def init_weights(self) -> None:
        """Fill linear layers with Xavier uniform weights and zero biases."""
        xavier_layers(self)

    def forward(self, tokens: Tensor) -> Tensor:
        """Compute the class token after all blocks.

        Args:
            tokens: (N, 1 + L, D), the class token first.

        Returns:
            (N, 1, D), the class token.
        """
        token, patches = tokens.split((1, tokens.shape[1] - 1), dim=1)
        for block in self.blocks:
            token = block(token, patches)
        return self.norm(token)


class ClassAttentionBlock(nn.Module):
    """One pre-norm block: class attention, then an MLP with a hidden width of 4 D.

    Args:
        embed_dims: width D of the tokens.
        num_heads: attention heads.
        layer_scale: initial value of the learned factors on both residual branches.

    Example:
        >>> block = ClassAttentionBlock(embed_dims=8, num_heads=2, layer_scale=0.1)
        >>> block(torch.zeros(4, 1, 8), torch.zeros(4, 9, 8)).shape
        torch.Size([4, 1, 8])
    """

    def __init__(self, embed_dims: int, num_heads: int, layer_scale: float) -> None:
        super().__init__()
        layer_norm = partial(nn.LayerNorm, embed_dims, eps=1e-6)
        self.norm1 = layer_norm()
        self.attn = CrossMultiheadAttention(embed_dims, num_heads, qkv_bias=True)
        self.scale = LayerScale(embed_dims, layer_scale)
        self.norm2 = layer_norm()
        self.ffn = FFN(
            embed_dims,
            4 * embed_dims,
            act_cfg=dict(type='GELU'),
            layer_scale_init_value=layer_scale,
        )

    def forward(self, token: Tensor, patches: Tensor) -> Tensor:
        """(N, 1, D) and (N, L, D) -> (N, 1, D)."""
        keys = self.norm1(torch.cat((token, patches), dim=1))
        token = token + self.scale(self.attn(keys[:, :1], keys, keys))
        return self.ffn(self.norm2(token), identity=token)
