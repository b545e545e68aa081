"""Compare ConMIM with a golden file."""

from __future__ import annotations

import torch
from mmpretrain.registry import MODELS

from ...checkpoint.conmim import CONMIM
from ...mask_generators import PatchMask
from . import compares
from .golden import (
    Comparison,
    FixedMask,
    Golden,
    Recorder,
    load_weights,
    pair_gradients,
    part,
    tensor,
)


@compares('conmim')
def compare(golden: Golden, device: torch.device) -> Comparison:
    """Compare the loss and both L2-normalised projections for two stored views and a mask."""
    img, patch, dim, depth, heads, out, hidden = golden['meta'].tolist()
    model = MODELS.build(
        dict(
            type='mcl_plugins.ConMIM',
            backbone=dict(
                type='mcl_plugins.MaskedBEiTViT',
                arch=dict(
                    embed_dims=dim,
                    num_layers=depth,
                    num_heads=heads,
                    feedforward_channels=4 * dim,
                ),
                img_size=img,
                patch_size=patch,
            ),
            neck=dict(
                type='NonLinearNeck',
                in_channels=dim,
                hid_channels=hidden,
                out_channels=out,
                num_layers=3,
                with_last_bn_affine=False,
                with_avg_pool=False,
                norm_cfg=dict(type='BN1d'),
            ),
            head=dict(type='mcl_plugins.PatchContrastHead', temperature=0.1),
            mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.5),  # replaced below
            momentum=dict(start=0.996),
        )
    ).to(device, torch.float64)
    student = CONMIM.from_released(part(golden, 'student', device))
    teacher = CONMIM.from_released(part(golden, 'teacher', device))
    state = {**student, **{f'ema.{name}': value for name, value in teacher.items()}}
    load_weights(model, state)

    mask = PatchMask.from_mask(tensor(golden, 'mask', device))
    model.mask_generator = FixedMask(mask)
    recorder = Recorder(model.head)
    losses = model.loss([tensor(golden, name, device) for name in ('images', 'images_strong')])
    losses['loss_contrast'].backward()
    query, key, _ = recorder.arguments
    return Comparison(
        loss={'loss': (losses['loss_contrast'], golden['loss'])},
        outputs={
            'student_proj': (torch.nn.functional.normalize(query, dim=-1), golden['student_proj']),
            'teacher_proj': (torch.nn.functional.normalize(key, dim=-1), golden['teacher_proj']),
        },
        gradients=pair_gradients(model, CONMIM.from_released(part(golden, 'grad', device))),
    )
