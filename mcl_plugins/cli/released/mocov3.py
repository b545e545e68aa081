"""Compare MoCo v3 with a golden file."""

from __future__ import annotations

import torch
from mmpretrain.registry import MODELS
from torch import Tensor

from ...checkpoint.mocov3 import MOCOV3
from . import compares
from .golden import Comparison, Golden, load_weights, pair_gradients, part, tensor


@compares('mocov3')
def compare(golden: Golden, device: torch.device) -> Comparison:
    """Compare the loss and the EMA weights after the step for two stored views."""
    state = MOCOV3.from_released(part(golden, 'state', device))
    model = MODELS.build(build_config(golden, state)).to(device, torch.float64)
    load_weights(model, state)

    model.ema.update(golden['momentum'].item())  # released code: before the keys are computed
    losses = model.loss([tensor(golden, name, device) for name in ('view1', 'view2')])
    losses['loss_contrast'].backward()
    after = MOCOV3.from_released(part(golden, 'after', device))
    weights = model.state_dict()
    return Comparison(
        loss={'loss': (losses['loss_contrast'], golden['loss'])},
        outputs={name: (weights[name], value.cpu().numpy()) for name, value in after.items()},
        gradients=pair_gradients(model, MOCOV3.from_released(part(golden, 'grad', device))),
    )


def build_config(golden: Golden, state: dict[str, Tensor]) -> dict:
    """Config of a model with the sizes of the golden file."""
    img, patch, dim, depth, heads, out, hidden = golden['meta'].tolist()
    temperature = golden['temperature'].item()

    def mlp(inputs: int, name: str) -> dict:
        return dict(
            type='NonLinearNeck',
            in_channels=inputs,
            hid_channels=hidden,
            out_channels=out,
            num_layers=sum(key.startswith(f'{name}.fc') for key in state),
            with_last_bn_affine=False,
            with_avg_pool=False,
            norm_cfg=dict(type='BN1d'),
        )

    return dict(
        type='mcl_plugins.MoCoV3',
        base_momentum=1 - golden['momentum'].item(),
        backbone=dict(
            type='mcl_plugins.MoCoV3ViT',
            arch=dict(
                embed_dims=dim, num_layers=depth, num_heads=heads, feedforward_channels=4 * dim
            ),
            img_size=img,
            patch_size=patch,
            stop_grad_conv1=True,
            norm_cfg=dict(type='LN', eps=1e-6),
        ),
        neck=mlp(dim, 'neck'),
        head=dict(
            type='mcl_plugins.MoCoV3Head',
            predictor=mlp(out, 'head.predictor'),
            loss=dict(type='CrossEntropyLoss', loss_weight=2 * temperature),
            temperature=temperature,
        ),
    )
