"""Read golden files, and build the parts that the comparisons share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmpretrain.models.selfsup import BaseSelfSupervisor
from torch import Tensor

from ...mask_generators import PatchMask

Golden = dict[str, np.ndarray]


class MisfitError(ValueError):
    """The tensors of a golden file are not those of its method's model."""


@dataclass
class Comparison:
    """Pairs of our tensor and the file's, by name."""

    loss: dict[str, tuple[Tensor, np.ndarray]]
    outputs: dict[str, tuple[Tensor, np.ndarray]]
    gradients: dict[str, tuple[Tensor, np.ndarray]]


def tensor(golden: Golden, name: str, device: torch.device) -> Tensor:
    """Read a stored tensor; floating point values become float64."""
    value = torch.as_tensor(golden[name], device=device)
    return value.double() if value.is_floating_point() else value


def part(golden: Golden, name: str, device: torch.device) -> dict[str, Tensor]:
    """Read the stored tensors whose names begin with ``name/``, and remove this prefix."""
    start = f'{name}/'
    return {
        key.removeprefix(start): tensor(golden, key, device)
        for key in golden
        if key.startswith(start)
    }


def load_weights(model: torch.nn.Module, state: dict[str, Tensor]) -> None:
    """Load a file's weights into a model, all of them.

    Raises:
        MisfitError: the file and the model have different weights.
    """
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise MisfitError(str(error)) from error


def pair_gradients(
    model: BaseSelfSupervisor, wanted: dict[str, Tensor]
) -> dict[str, tuple[Tensor, np.ndarray]]:
    """Pair each stored gradient with the model's; a missing gradient counts as zeros.

    Raises:
        MisfitError: the file and the model have different trained parameters.
    """
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if trained.keys() != wanted.keys():
        raise MisfitError(
            f'Trained only in the file or in the model: {sorted(trained.keys() ^ wanted.keys())}.'
        )
    return {
        name: (p.grad if p.grad is not None else torch.zeros_like(p), wanted[name].cpu().numpy())
        for name, p in trained.items()
    }


def masked_vit(img: int, patch: int, dim: int, depth: int, heads: int) -> dict:
    """Config of MAE's encoder; the width of its MLPs is four times that of the tokens."""
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


def mlp(state: dict[str, Tensor], name: str, **options: Any) -> dict:
    """Config of two linear layers with a norm in between, as wide as their tensors in ``state``."""
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
        **options,
    }


class FixedMask(torch.nn.Module):
    """A mask generator that returns a stored mask."""

    def __init__(self, mask: PatchMask) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, *_: object) -> PatchMask:
        """Return the stored mask."""
        return self.mask


class Recorder:
    """Keep the arguments of a module's last call."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.arguments: tuple = ()
        module.register_forward_pre_hook(self._keep)

    def _keep(self, _: torch.nn.Module, arguments: tuple) -> None:
        self.arguments = arguments
