"""Tensor names of released MoBY checkpoints (``moby_swin_t_300ep_pretrained.pth``, or DeiT's)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from .renaming import Renaming, vit_encoder
from .swin import count_stages, reorder_merging, swin_encoder


class MoBYNames:
    """Conversion between a released MoBY's state dict and this package's, for Swin and DeiT.

    The released code has one pointer for both queues; here each queue has a copy of it. It also
    stores the attention masks of shifted windows. Those are dropped, because both libraries compute
    them when the model is built.
    """

    def from_released(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Convert a released state dict (or gradients) to this package's names and channel order.

        Raises:
            ValueError: a name is not MoBY's.
        """
        state = _table(count_stages(tensors, '.layers.')).from_released(tensors)
        if 'queues.0.pointer' in state:
            state['queues.1.pointer'] = state['queues.0.pointer'].clone()
        return reorder_merging(state, to_ours=True)

    def to_released(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Invert :meth:`from_released`.

        Raises:
            ValueError: a name is not MoBY's.
        """
        table = _table(count_stages(tensors, '.stages.'))
        kept = {name: value for name, value in tensors.items() if name != 'queues.1.pointer'}
        return reorder_merging(table.to_released(kept), to_ours=False)


def _table(num_stages: int) -> Renaming:
    """Return the table for a Swin of ``num_stages`` stages, or for a DeiT, which has 0."""
    pairs = []
    for theirs, ours in (('encoder.', 'backbone.'), ('encoder_k.', 'ema.backbone.')):
        pairs += swin_encoder(theirs, ours, num_stages) if num_stages else vit_encoder(theirs, ours)
    for theirs, ours in (
        ('projector.', 'projector.'),
        ('projector_k.', 'ema.projector.'),
        ('predictor.', 'predictor.'),
    ):
        pairs += [
            (f'{theirs}linear_hidden.1.', f'{ours}fc0.'),
            (f'{theirs}linear_hidden.2.', f'{ours}bn0.'),
            (f'{theirs}linear_out.', f'{ours}fc1.'),
        ]
    pairs += [
        ('queue1', 'queues.0.keys'),
        ('queue2', 'queues.1.keys'),
        ('queue_ptr', 'queues.0.pointer'),
    ]
    masks = [f'{name}.layers.{{i}}.blocks.{{j}}.attn_mask' for name in ('encoder', 'encoder_k')]
    return Renaming('a released MoBY checkpoint', pairs, dropped=masks)


MOBY = MoBYNames()
