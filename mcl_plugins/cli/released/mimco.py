"""Compare MimCo with a golden file."""

from __future__ import annotations

import torch
from mmpretrain.registry import MODELS
from torch import Tensor

from ...checkpoint.mimco import MIMCO
from ...mask_generators import PatchMask
from . import compares
from .golden import Comparison, FixedMask, Golden, load_weights, mlp, pair_gradients, part, tensor


@compares('mimco')
def compare(golden: Golden, device: torch.device) -> Comparison:
    """Compare both losses and the new keys of MimCo on ViT for stored images, mask and queues."""
    state = as_linear(MIMCO.from_released(part(golden, 'state', device)))
    for level in ('patch', 'image'):
        state[f'{level}_contrast.queue.keys'] = tensor(golden, f'queue_{level}', device)
        state[f'{level}_contrast.queue.pointer'] = torch.zeros(1, dtype=torch.long, device=device)
    model = MODELS.build(build_config(golden, state)).to(device, torch.float64)
    teacher = {k.removeprefix('teacher.'): v for k, v in state.items() if k.startswith('teacher.')}
    load_weights(model.teacher.encoder, teacher)
    student = {k: v for k, v in state.items() if not k.startswith('teacher.')}
    load_weights(model, {**student, 'teacher.fingerprint': model.teacher.fingerprint})
    model.mask_generator = FixedMask(PatchMask.from_mask(tensor(golden, 'mask', device)))

    model.ema.update(
        golden['momentum'].item()
    )  # as in MoBY's code: in the step, before the keys are computed
    contrasts = {'patch': model.patch_contrast, 'image': model.image_contrast}
    images = tensor(golden, 'images', device)
    losses = model.loss([images])
    (losses['loss_patch'] + losses['loss_image']).backward()
    return Comparison(
        loss={name: (losses[name], golden[name]) for name in ('loss_patch', 'loss_image')},
        outputs={
            f'enqueue_{level}': (
                contrast.queue.keys[:, : len(images)].T,
                golden[f'enqueue_{level}'],
            )
            for level, contrast in contrasts.items()
        },
        gradients=pair_gradients(
            model, as_linear(MIMCO.from_released(part(golden, 'grad', device)))
        ),
    )


def as_linear(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Reshape weights of 1x1 convolutions to those of linear layers, which the heads use."""
    return {
        name: value
        if name.startswith(('backbone.', 'teacher.')) or value.ndim < 4
        else value.flatten(1)
        for name, value in tensors.items()
    }


def build_config(golden: Golden, state: dict[str, Tensor]) -> dict:
    """Config of a model with the sizes of the golden file."""
    img, patch, dim, depth, heads, out, _, length, unit = golden['meta'].tolist()
    encoder = dict(
        arch=dict(embed_dims=dim, num_layers=depth, num_heads=heads, feedforward_channels=4 * dim),
        img_size=img,
        patch_size=patch,
    )

    def contrast(level: str) -> dict:
        return dict(
            type='mcl_plugins.QueueContrast',
            projector=mlp(state, f'{level}_contrast.projector'),
            predictor=mlp(state, f'{level}_contrast.predictor'),
            head=dict(
                type='mcl_plugins.QueueInfoNCEHead', temperature=golden['temperature'].item()
            ),
            queue=dict(dim=out, length=length),
        )

    return dict(
        type='mcl_plugins.MimCo',
        backbone=dict(type='mcl_plugins.SimMIMViT', **encoder),
        teacher=dict(
            backbone=dict(type='mcl_plugins.VisionTransformer', out_type='featmap', **encoder),
            how_to_get='the golden file holds it.',
        ),
        mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.6, unit=unit),
        patch_contrast=contrast('patch'),
        image_contrast=contrast('image'),
        momentum=dict(start=golden['momentum'].item()),
    )
