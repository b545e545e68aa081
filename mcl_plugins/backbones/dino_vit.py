"""The vision transformers of DINOv2 with registers and of DINOv3."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from mmpretrain.models.utils import resize_pos_embed
from torch import Tensor, nn

from ..layers.initialisation import normal_layers
from ..layers.recompute import run_block
from ..layers.rotary_attention import RotaryAttention, rotation_of
from ..registry import MODELS
from .vit import VisionTransformer


@MODELS.register_module()
class DINOViT(VisionTransformer):
    """A ViT with register tokens, layer scale and, as in DINOv3, rotary positions.

    Weights of DINOv2 with registers ("Vision Transformers Need Registers") and of DINOv3 can be
    loaded into it. DINOv2 without registers is a :class:`VisionTransformer`.

    Args:
        arch: architecture, by name or as a dict.
        img_size: side of the images in pixels; without absolute positions any size will do.
        patch_size: side of a patch in pixels, 14 in DINOv2 and 16 in DINOv3.
        num_registers: number of register tokens, which stand between class token and patches.
        rotary: rotary positions instead of absolute ones.
        out_type: ``'raw'`` for class token, registers and patches, ``'featmap'``, ``'cls_token'``,
            ``'avg_featmap'``.
        layer_scale_init_value: layer scale of random weights.
        with_cp: gradient checkpointing: recompute blocks in the backward pass, which saves memory.
        **kwargs: other arguments of :class:`VisionTransformer`. Registers are frozen if the class
            token is.

    Raises:
        ValueError: see :class:`VisionTransformer`; or there is no class token.

    Example:
        >>> arch = dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=48)
        >>> model = DINOViT(arch, img_size=32, patch_size=8, rotary=True)
        >>> model(torch.zeros(2, 3, 32, 48))[0].shape  # class token, 4 registers, 24 patches
        torch.Size([2, 29, 24])
    """

    def __init__(
        self,
        arch: str | dict = 'base',
        img_size: int = 224,
        patch_size: int = 16,
        num_registers: int = 4,
        rotary: bool = False,
        out_type: str = 'raw',
        layer_scale_init_value: float = 1e-5,
        with_cp: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            arch,
            img_size,
            patch_size,
            out_type=out_type,
            layer_scale_init_value=layer_scale_init_value,
            **kwargs,
        )
        if self.cls_token is None:
            raise ValueError(
                'with_cls_token=False: the registers of DINOViT stand behind its class token. '
                'Leave the argument out, or use VisionTransformer, which has no registers.'
            )
        self.with_cp = with_cp
        self.register_tokens = nn.Parameter(
            torch.zeros(1, num_registers, self.embed_dims), self.cls_token.requires_grad
        )
        self.num_extra_tokens = 1 + num_registers
        self.rotary = rotary
        if rotary:
            self.pos_embed = None
            for layer in self.layers:
                layer.attn.__class__ = RotaryAttention

    def fill_weights(self) -> None:
        """Initialise the weights at random, as DeiT's code does."""
        normal_layers(self, std=0.02)
        for token in (self.cls_token, self.register_tokens, self.pos_embed):
            if token is not None:
                nn.init.trunc_normal_(token, std=0.02)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode images (N, 3, H, W); the form of the output is ``out_type``."""
        x, grid = self.patch_embed(x)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1)
        if self.pos_embed is not None:
            x = x + resize_pos_embed(
                self.pos_embed, self.patch_resolution, grid, self.interpolate_mode
            )
        registers = self.register_tokens.expand(x.shape[0], -1, -1)
        x = self.drop_after_pos(torch.cat((x[:, :1], registers, x[:, 1:]), dim=1))
        width = self.embed_dims // self.arch_settings['num_heads']
        rotation = rotation_of(grid, width, device=x.device) if self.rotary else None
        outputs = []
        for index, layer in enumerate(self.layers):
            block = layer if rotation is None else partial(_turned, layer, rotation)
            x = run_block(block, x, recompute=self.with_cp)
            if index == self.num_layers - 1 and self.final_norm:
                x = self.ln1(x)
            if index in self.out_indices:
                outputs.append(self._format_output(x, grid))
        return tuple(outputs)

    def _prepare_pos_embed(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Resize a checkpoint's absolute positions, which registers have none of."""
        positions = state_dict.get(f'{prefix}pos_embed')
        if positions is None or self.pos_embed is None or positions.shape == self.pos_embed.shape:
            return
        side = int((positions.shape[1] - 1) ** 0.5)
        state_dict[f'{prefix}pos_embed'] = resize_pos_embed(
            positions, (side, side), self.patch_resolution, self.interpolate_mode
        )


def _turned(layer: Any, rotation: tuple[Tensor, Tensor], x: Tensor) -> Tensor:
    """Compute a block for patches with these turns, when it is recomputed, too.

    Until then its attention may have got those of images of another size.
    """
    layer.attn.rotation = rotation
    return layer(x)
