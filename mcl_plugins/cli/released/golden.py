"""What golden files hold, and what the methods need to compare themselves with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmpretrain.models.selfsup import BaseSelfSupervisor
from torch import Tensor

from ...mask_generators import PatchMask

Golden = dict[str, np.ndarray]


@dataclass
class Comparison:
    """Ours against the file's, by name."""

    loss: dict[str, tuple[Tensor, np.ndarray]]
    outputs: dict[str, tuple[Tensor, np.ndarray]]
    gradients: dict[str, tuple[Tensor, np.ndarray]]


def tensor(golden: Golden, name: str, device: torch.device) -> Tensor:
    """A stored tensor; floating point ones in float64."""
    value = torch.as_tensor(golden[name], device=device)
    return value.double() if value.is_floating_point() else value


def part(golden: Golden, name: str, device: torch.device) -> dict[str, Tensor]:
    """The stored tensors under ``name/``, without it."""
    start = f'{name}/'
    return {
        key.removeprefix(start): tensor(golden, key, device)
        for key in golden
        if key.startswith(start)
    }


def gradients_of(
    model: BaseSelfSupervisor, wanted: dict[str, Tensor]
) -> dict[str, tuple[Tensor, np.ndarray]]:
    """Pair each stored gradient with the model's; a parameter without gradient has zeros.

    Raises:
        ValueError: the file and the model do not train the same parameters.
    """
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if trained.keys() != wanted.keys():
        raise ValueError(f'Trained on one side only: {sorted(trained.keys() ^ wanted.keys())}.')
    return {
        name: (p.grad if p.grad is not None else torch.zeros_like(p), wanted[name].cpu().numpy())
        for name, p in trained.items()
    }


def masked_vit(img: int, patch: int, dim: int, depth: int, heads: int) -> dict:
    """Config of MAE's encoder, whose MLPs are four times as wide as its tokens."""
    return dict(
        type='mcl_plugins.MaskedViT',
        arch=dict(embed_dims=dim, num_layers=depth, num_heads=heads, feedforward_channels=4 * dim),
        img_size=img,
        patch_size=patch,
    )


def pixel_head(patch: int) -> dict:
    """Config of MAE's loss on normalised pixels."""
    return dict(
        type='MAEPretrainHead',
        norm_pix=True,
        patch_size=patch,
        loss=dict(type='PixelReconstructionLoss', criterion='L2'),
    )


def mlp(state: dict[str, Tensor], name: str, **settings: Any) -> dict:
    """Config of two linear layers with one norm between, as wide as their tensors in ``state``."""
    hidden, inputs = state[f'{name}.fc0.weight'].shape
    return {
        **dict(
            type='NonLinearNeck',
            in_channels=inputs,
            hid_channels=hidden,
            out_channels=len(state[f'{name}.fc1.weight']),
            with_bias=True,
            with_last_bias=f'{name}.fc1.bias' in state,
            with_last_bn=False,
            with_avg_pool=False,
            norm_cfg=dict(type='mcl_plugins.SyncBN'),
        ),
        **settings,
    }


class FixedMask(torch.nn.Module):
    """A mask generator that returns a stored mask."""

    def __init__(self, mask: PatchMask) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, *_: object) -> PatchMask:
        """The stored mask."""
        return self.mask


class Recorder:
    """Keeps the arguments of a module's last call."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.arguments: tuple = ()
        module.register_forward_pre_hook(self._keep)

    def _keep(self, _: torch.nn.Module, arguments: tuple) -> None:
        self.arguments = arguments
