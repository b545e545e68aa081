"""BEiT's attention with relative positions, computed by a fused kernel."""

from __future__ import annotations

import torch
from mmpretrain.models.utils import BEiTAttention
from torch import Tensor, nn
from torch.nn import functional as F

from ..utils.compat import quiet_meshgrid
from .fused_bias import align_rows
from .position_tables import CLASS_ROWS
from .rows import join_heads, split_heads

# Tensors that relative positions and layer scale add to a ViT that was pre-trained without them.
ADDED_TENSORS = (
    'relative_position_bias_table',
    'relative_position_index',
    'gamma_1',
    'gamma_2',
)


class FusedBEiTAttention(BEiTAttention):
    """mmpretrain's BEiT attention with PyTorch's fused kernel; parameters and outputs are the same.

    The bias tables are initialised to zero, as in BEiT's and ConMIM's released code.

    Example:
        >>> attention = FusedBEiTAttention(8, 2, window_size=(2, 2), use_rel_pos_bias=True)
        >>> attention(torch.zeros(1, 1 + 4, 8)).shape
        torch.Size([1, 5, 8])
    """

    relative_position_bias_table: Tensor | None
    relative_position_index: Tensor | None

    @classmethod
    def from_attention(cls, attention: BEiTAttention) -> FusedBEiTAttention:
        """Build the fused form of an attention, which reuses its parameters and buffers.

        mmpretrain's blocks build their own attention, which is then replaced by this one. No random
        numbers are drawn here, so the initial weights for a seed do not change. Frozen parameters
        stay frozen.
        """
        with torch.device('meta'), quiet_meshgrid():
            fused = cls(
                attention.embed_dims,
                attention.num_heads,
                attention.window_size,
                attention.use_rel_pos_bias,
                bias=attention.bias,
                qk_scale=attention.scale,
                attn_drop_rate=attention.attn_drop.p,
                proj_drop_rate=attention.proj_drop.p,
                init_cfg=attention.init_cfg,
            )
        for name, parameter in fused.named_parameters():
            # Assigned parameters take over whether the ones that they replace are trained.
            parameter.requires_grad_(attention.get_parameter(name).requires_grad)
        fused.load_state_dict(attention.state_dict(keep_vars=True), assign=True)
        return fused.train(attention.training)

    def init_weights(self) -> None:
        """Keep the bias tables at zero."""

    def forward(self, x: Tensor, rel_pos_bias: Tensor | None = None) -> Tensor:
        """Compute self-attention over all tokens.

        Args:
            x: (N, T, D) tokens.
            rel_pos_bias: (heads, T, T), a bias that blocks share, added to the logits; or None.

        Returns:
            (N, T, D).
        """
        rows = x.flatten(0, 1)
        if self.bias == 'qv_bias':
            bias = torch.cat((self.q_bias, torch.zeros_like(self.v_bias), self.v_bias))
            qkv = F.linear(rows, self.qkv.weight, bias)
        else:
            qkv = self.qkv(rows)
        q, k, v = split_heads(qkv, x.shape[:2], self.num_heads)
        logit_bias = self.position_bias(rel_pos_bias)
        if logit_bias is not None:
            logit_bias = align_rows(logit_bias.to(q.dtype))[None]
        mixed = F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=logit_bias,
            dropout_p=self.attn_drop.p if self.training else 0.0,
            scale=self.scale,
        )
        return self.proj_drop(self.proj(join_heads(mixed)).view(x.shape))

    def position_bias(self, rel_pos_bias: Tensor | None = None) -> Tensor | None:
        """Return the bias of the logits: the block's own, the shared one, their sum, or None.

        Args:
            rel_pos_bias: (heads, T, T) shared bias, or None.

        Returns:
            (heads, T, T) or None.
        """
        if self.relative_position_bias_table is None:
            return rel_pos_bias
        own = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        own = own.contiguous()  # the last axis of a bias has to be, for CUDA's fused kernels
        return own if rel_pos_bias is None else own + rel_pos_bias

    def drop_class_token(self) -> None:
        """Remove the class token's rows from the bias table, for inputs that are only patches."""
        table, index = self.relative_position_bias_table, self.relative_position_index
        if table is not None and index is not None:
            self.relative_position_bias_table = nn.Parameter(
                table.data[:-CLASS_ROWS].clone(), table.requires_grad
            )
            self.relative_position_index = index[1:, 1:].clone()
