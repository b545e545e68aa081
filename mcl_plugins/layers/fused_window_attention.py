"""Swin's attention within windows, computed by a fused kernel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from mmpretrain.models.utils import ShiftWindowMSA, WindowMSA
from torch import Tensor, nn
from torch.nn import functional as F

from .fused_bias import pad_rows
from .rows import join_heads, split_heads, use_row_sequentials


class FusedWindowAttention(WindowMSA):
    """mmpretrain's attention of a window, with PyTorch's fused kernel; parameters are the same.

    Example:
        >>> import torch
        >>> attention = FusedWindowAttention(8, window_size=(2, 2), num_heads=2)
        >>> attention(torch.zeros(3, 4, 8)).shape
        torch.Size([3, 4, 8])
    """

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Compute self-attention within windows.

        Args:
            x: (N W, T, D), the T tokens of the W windows of each image.
            mask: (W, T, T), added to the logits; None for no mask.

        Returns:
            (N W, T, D).
        """
        windows = x.shape[0]  # not len(x), which a trace would keep as a number
        query, key, value = split_heads(self.qkv(x.flatten(0, 1)), x.shape[:2], self.num_heads)
        bias = self.relative_position_bias_table[self.relative_position_index]  # (T, T, heads)
        bias = bias.permute(2, 0, 1).contiguous()[None].to(query.dtype)
        if mask is not None:
            bias = bias + mask[:, None].to(query.dtype)  # (W, heads, T, T)
        # Kernels take neither a bias that they had to broadcast, nor rows of any length.
        bias = pad_rows(bias)
        if mask is None:
            bias = bias.expand(windows, -1, -1, -1)
        else:
            bias = bias.repeat(windows // mask.shape[0], 1, 1, 1)
        mixed = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=bias[..., : x.shape[1]],
            dropout_p=self.attn_drop.p if self.training else 0.0,
            scale=self.scale,
        )
        return self.proj_drop(self.proj(join_heads(mixed)).view(x.shape))


class ShiftedWindows(ShiftWindowMSA):
    """mmpretrain's shifted windows, whose mask is computed without writing into parts of a map.

    Inductor cannot compile the writing for a CPU (PyTorch's issue 179135), and it takes 24 more
    operations than this.

    Example:
        >>> ShiftedWindows.get_attn_mask((2, 2), window_size=2, shift_size=1)[0, 0]
        tensor([   0., -100., -100., -100.])
    """

    @staticmethod
    def get_attn_mask(
        hw_shape: Sequence[int],
        window_size: int,
        shift_size: int,
        device: torch.device | None = None,
    ) -> Tensor | None:
        """Return what keeps apart tokens that only the cyclic shift has brought together.

        Args:
            hw_shape: rows and columns of the map, multiples of the window.
            window_size: side of a window, in tokens.
            shift_size: tokens by which the map is shifted; 0 for no mask.
            device: device of the mask.

        Returns:
            (W, T, T) of the T tokens of each of the W windows: 0 between tokens that are
            neighbours in the image, and -100 between others.
        """
        if not shift_size:
            return None
        rows, columns = (_parts(side, window_size, shift_size, device) for side in hw_shape)
        parts = 3 * rows[:, None] + columns
        windows = parts.unflatten(0, (-1, window_size)).unflatten(2, (-1, window_size))
        tokens = windows.transpose(1, 2).flatten(2).flatten(0, 1)  # (W, T)
        together = tokens[:, :, None] == tokens[:, None]
        return (together.float() - 1) * 100


def _parts(side: int, window: int, shift: int, device: torch.device | None) -> Tensor:
    """Number the parts of a shifted side: 0, in the last window 1, and 2 what came around."""
    place = torch.arange(side, device=device)
    return (place >= side - window).long() + (place >= side - shift)


def keep_single_windows(encoder: nn.Module) -> None:
    """Let an encoder with ``pad_small_map`` take images of any size as it takes those of training.

    Swin for classification does not shift a map that is not larger than a window, such as that of
    its last stage at 224 px. mmpretrain's shifts it if ``pad_small_map`` is set, as in Swin's
    released code for detection and segmentation.
    """
    for module in encoder.modules():
        if isinstance(module, ShiftWindowMSA):
            module.register_forward_pre_hook(partial(_choose_shift, shift_size=module.shift_size))


def _choose_shift(attention: ShiftWindowMSA, inputs: tuple, shift_size: int) -> None:
    _, hw_shape = inputs
    attention.shift_size = shift_size if min(hw_shape) > attention.window_size else 0


def use_fused_windows(encoder: nn.Module) -> None:
    """Let an encoder's windows be :class:`FusedWindowAttention` and :class:`ShiftedWindows`.

    Its feed-forward layers are computed over rows.
    """
    use_row_sequentials(encoder)
    ours: dict[type, type] = {WindowMSA: FusedWindowAttention, ShiftWindowMSA: ShiftedWindows}
    for module in encoder.modules():
        if type(module) in ours:
            module.__class__ = ours[type(module)]
