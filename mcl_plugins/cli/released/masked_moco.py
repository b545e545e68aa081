"""Compare Masked MoCo and Masked BYOL with golden files, with one chunk also with MoCo v3's."""

from __future__ import annotations

import torch
from mmpretrain.models.selfsup import BaseSelfSupervisor
from mmpretrain.registry import MODELS
from torch import Tensor

from ...checkpoint.masked_moco import MASKED_MOCO, MOCOV3
from ...checkpoint.renaming import Renaming
from ...mask_generators import Partition
from ...utils.similarity import l2_normalize
from . import compares
from .golden import Comparison, Golden, load_weights, pair_gradients, part, tensor

NORMS = {
    'BN': dict(type='mcl_plugins.SyncBN'),
    'LN': dict(type='mcl_plugins.LayerNorm', eps=1e-6),
}


class GivenPartition(Partition):
    """Partition patches by stored noise, one array (N, L) for each call."""

    def __init__(self, num_chunks: int, noise: Tensor) -> None:
        super().__init__(num_chunks)
        self.noise = iter(noise)

    def forward(self, *_: object) -> Tensor:
        """Return the chunks of the next call."""
        return self.from_noise(next(self.noise))


@compares('masked_moco', 'masked_byol')
def compare(golden: Golden, device: torch.device) -> Comparison:
    """Compare the loss and the first view's queries and keys for two views and stored noise."""
    model = build(golden, MASKED_MOCO, device)
    noise = tensor(golden, 'noise', device)
    *_, online, target = golden['meta'].tolist()
    model.partition = GivenPartition(online, noise[:2])
    model.target_partition = GivenPartition(target, noise[2:])
    calls: list[tuple[Tensor, Tensor]] = []
    model.contrast_head.register_forward_pre_hook(lambda _, arguments: calls.append(arguments))

    comparison = step(model, golden, MASKED_MOCO, device)
    (query, _), (_, key) = calls  # the second view's queries are compared with the first one's keys
    comparison.outputs = {
        'query1': (l2_normalize(query), golden['query1']),
        'key1': (key, golden['key1']),
    }
    return comparison


@compares('mocov3')
def compare_mocov3(golden: Golden, device: torch.device) -> Comparison:
    """Compare with MoCo v3's file: one chunk, frozen patch embedding, EMA moved before the keys."""
    model = build(golden, MOCOV3, device)
    momentum = golden['momentum'].item()
    model.ema.update(momentum)
    # MoCo v3's code also averages the fixed positions, which are equal on both sides in training.
    model.ema.backbone.pos_embed.lerp_(model.backbone.pos_embed, 1 - momentum)
    comparison = step(model, golden, MOCOV3, device)
    weights = model.state_dict()
    comparison.outputs = {
        name: (weights[name], value.cpu().numpy())
        for name, value in MOCOV3.from_released(part(golden, 'after', device)).items()
    }
    return comparison


def step(
    model: BaseSelfSupervisor, golden: Golden, table: Renaming, device: torch.device
) -> Comparison:
    """Compute loss and gradients of the file's views."""
    losses = model.loss([tensor(golden, name, device) for name in ('view1', 'view2')])
    losses['loss_contrast'].backward()
    gradients = pair_gradients(model, table.from_released(part(golden, 'grad', device)))
    return Comparison({'loss': (losses['loss_contrast'], golden['loss'])}, {}, gradients)


def build(golden: Golden, table: Renaming, device: torch.device) -> BaseSelfSupervisor:
    """Build a model with the file's sizes and weights."""
    state = table.from_released(part(golden, 'state', device))
    model = MODELS.build(build_config(golden, state)).to(device, torch.float64)
    load_weights(model, state)
    return model


def build_config(golden: Golden, state: dict[str, Tensor]) -> dict:
    """Config of a model with the file's method, sizes and norms."""
    method = str(golden['method'])
    img, patch, dim, depth, heads, out, hidden, *chunks = golden['meta'].tolist()
    online, target = chunks or (1, 1)
    norm = NORMS[str(golden.get('head_norm', 'BN'))]

    def mlp(name: str, inputs: int, last_norm: bool = True) -> dict:
        return dict(
            type='NonLinearNeck',
            in_channels=inputs,
            hid_channels=hidden,
            out_channels=out,
            num_layers=sum(f'{name}.fc{i}.weight' in state for i in range(3)),
            with_last_bn=last_norm,
            with_last_bn_affine=False,
            with_avg_pool=False,
            norm_cfg=norm,
        )

    config = dict(
        type='mcl_plugins.MaskedMoCo',
        backbone=dict(
            type='mcl_plugins.MaskedMoCoViT',
            arch=dict(
                embed_dims=dim, num_layers=depth, num_heads=heads, feedforward_channels=4 * dim
            ),
            img_size=img,
            patch_size=patch,
            frozen_patch_embed=method == 'mocov3',
        ),
        projector=mlp('projector', dim),
        predictor=mlp('predictor', out, last_norm=method != 'masked_byol'),
        num_chunks=online,
        target_chunks=target,
        momentum=dict(start=0.99),
    )
    if method == 'masked_byol':
        return {**config, 'type': 'mcl_plugins.MaskedBYOL'}
    temperature = golden['temperature'].item()
    return {
        **config,
        'contrast_head': dict(type='mcl_plugins.InfoNCEHead', temperature=temperature),
    }
