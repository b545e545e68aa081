"""The transformer block of plain vision transformers, computed over the rows of one matrix."""

from __future__ import annotations

from mmcv.cnn.bricks import DropPath
from mmcv.cnn.bricks.transformer import FFN
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from mmpretrain.models.utils import MultiheadAttention
from torch import Tensor, nn

from .self_attention import SelfAttention


class RowBlock(TransformerEncoderLayer):
    """mmpretrain's block, whose tokens stay one matrix from its first layer to its last.

    Only attention and drop path ask which rows belong to an image. Parameters, outputs and draws of
    drop path are the same. A block with a part that was replaced (an adapter), that got another
    ``forward`` or that has hooks (GradCAM) computes as mmpretrain's, so the part gets (N, T, D).

    Example:
        >>> import torch
        >>> blocks = nn.ModuleList([TransformerEncoderLayer(8, 2, 16)])
        >>> use_row_blocks(blocks)
        >>> type(blocks[0]).__name__, blocks[0](torch.zeros(1, 5, 8)).shape
        ('RowBlock', torch.Size([1, 5, 8]))
    """

    attn: SelfAttention

    def forward(self, x: Tensor) -> Tensor:
        """Compute a block (N, T, D) -> (N, T, D)."""
        if not self._parts_are_plain():
            return super().forward(x)
        shape = x.shape[:2]
        rows = x.flatten(0, 1)
        change = self.attn.mix(self.ln1(rows), shape)
        rows = rows + drop_images(self.attn.out_drop, change, shape)
        change = self.ffn.gamma2(self.ffn.layers(self.ln2(rows)))
        rows = rows + drop_images(self.ffn.dropout_layer, change, shape)
        return rows.view(x.shape)

    def _parts_are_plain(self) -> bool:
        parts = (self.ln1, self.attn, self.ln2, self.ffn)
        replaced = type(self.attn).forward is not SelfAttention.forward or type(self.ffn) is not FFN
        return not replaced and not any(map(is_changed, parts))


def is_changed(module: nn.Module) -> bool:
    """Whether a call of a module runs hooks, or another ``forward`` than that of its class.

    Example:
        >>> layer = nn.Linear(2, 2)
        >>> handle = layer.register_forward_hook(print)
        >>> is_changed(layer), is_changed(nn.Linear(2, 2))
        (True, False)
    """
    return bool(
        'forward' in module.__dict__
        or module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )


def drop_images(drop: nn.Module, rows: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Apply a block's drop path, which drops whole images, to the rows (N T, D) of (N, T) tokens.

    Example:
        >>> import torch
        >>> dropped = drop_images(DropPath(0.5), torch.ones(2 * 3, 1), (2, 3)).view(2, 3)
        >>> bool((dropped == dropped[:, :1]).all())
        True
    """
    if isinstance(drop, DropPath) and not (drop.training and drop.drop_prob):
        return rows
    return drop(rows.view(*shape, rows.shape[-1])).flatten(0, 1)


def use_row_blocks(layers: nn.ModuleList) -> None:
    """Let mmpretrain's blocks be :class:`RowBlock`, with their parameters.

    Blocks with another feed-forward layer (SwiGLU) only get :class:`SelfAttention`.
    """
    for layer in layers:
        if type(layer.attn) is MultiheadAttention:
            layer.attn.__class__ = SelfAttention
            if type(layer.ffn) is FFN:
                layer.__class__ = RowBlock
