"""Rate, warm-up and length of a training of own images, from those of the config it inherits."""

from __future__ import annotations

import copy
from typing import Any

from .rules import scaled_rate, warm_up_epochs


def own_schedule(base: dict, paper_batch: int, batch: int, epochs: int, steps: int) -> dict:
    """Return optimizer, length and schedules of a training in epochs.

    Args:
        base: the inherited config, whose schedule is a warm-up and a decay.
        paper_batch: batch from which the rate is scaled by the square root.
        batch: images in a step.
        epochs: length of the training.
        steps: length of the training.
    """
    optimizer, stated = base['optim_wrapper']['optimizer'], base['auto_scale_lr']['base_batch_size']
    rate = scaled_rate(optimizer['lr'] * paper_batch / stated, paper_batch, batch)
    warm_up, decay = copy.deepcopy(base['param_scheduler'])
    beta2 = optimizer.get('betas', (0.9, 0.999))[1]
    length = base['train_cfg']['max_epochs']
    if warm_up.get('by_epoch', True):
        warm_up['end'] = warm_up_epochs(warm_up['end'] / length, beta2, steps, epochs)
    if decay.get('begin'):  # MoBY's cosine begins with the warm-up
        decay['begin'] = warm_up['end']
    for key, value in (('end', epochs), ('T_max', epochs - decay.get('begin', 0))):
        if key in decay:
            decay[key] = value
    if 'milestones' in decay:
        decay['milestones'] = [round(place * epochs / length) for place in decay['milestones']]
    return {
        **own_rate(rate, batch),
        'train_cfg': dict(max_epochs=epochs),
        'param_scheduler': [warm_up, decay],
        # With another train_cfg.max_epochs on the command line the warm-up keeps its share.
        'auto_scale_schedule': dict(base_epochs=epochs),
    }


def own_rate(rate: float, batch: int) -> dict[str, Any]:
    """Return the sections that set the peak rate of a batch; more GPUs scale it in proportion."""
    return {
        'optim_wrapper': dict(optimizer=dict(lr=float(f'{rate:.4g}'))),
        'auto_scale_lr': dict(enable=True, base_batch_size=batch),
    }
