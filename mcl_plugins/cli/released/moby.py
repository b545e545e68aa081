"""Compare MoBY with a golden file."""

from __future__ import annotations

import torch
from mmpretrain.registry import MODELS

from ...checkpoint.moby import MOBY
from . import compares
from .golden import Comparison, Golden, load_weights, mlp, pair_gradients, part, tensor


@compares('moby')
def compare(golden: Golden, device: torch.device) -> Comparison:
    """Compare the loss and the new keys in the queues of MoBY on Swin for two stored views."""
    state = MOBY.from_released(part(golden, 'state', device))
    model = MODELS.build(build_config(golden, state)).to(device, torch.float64)
    load_weights(model, state)

    model.ema.update(
        golden['momentum'].item()
    )  # released code: in the step, before the keys are computed
    losses = model.loss([tensor(golden, name, device) for name in ('view1', 'view2')])
    losses['loss_contrast'].backward()
    batch = len(golden['view1'])
    return Comparison(
        loss={'loss': (losses['loss_contrast'], golden['loss'])},
        outputs={
            name: (queue.keys[:, :batch], golden[name])
            for name, queue in zip(('queue1_after', 'queue2_after'), model.queues, strict=True)
        },
        gradients=pair_gradients(model, MOBY.from_released(part(golden, 'grad', device))),
    )


def build_config(golden: Golden, state: dict[str, torch.Tensor]) -> dict:
    """Config of a model with the sizes of the golden file, most of them read from its tensors."""
    img, dim, window, length = golden['meta'].tolist()
    return dict(
        type='mcl_plugins.MoBY',
        backbone=dict(
            type='mcl_plugins.SwinTransformer',
            arch=dict(
                embed_dims=dim,
                depths=golden['depths'].tolist(),
                num_heads=golden['heads'].tolist(),
            ),
            img_size=img,
            window_size=window,
            drop_path_rate=0.0,
        ),
        projector=mlp(state, 'projector', with_avg_pool=True),
        predictor=mlp(state, 'predictor'),
        contrast_head=dict(
            type='mcl_plugins.QueueInfoNCEHead', temperature=golden['temperature'].item()
        ),
        queue=dict(dim=len(state['queues.0.keys']), length=length),
        momentum=dict(start=golden['momentum'].item()),
    )
