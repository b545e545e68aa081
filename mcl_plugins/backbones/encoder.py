"""Base class of the encoders: how their weights are initialised and loaded."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from mmengine.model import BaseModule
from torch import nn

from ..checkpoint.loading import init_from_checkpoint


class Encoder(BaseModule):
    """An encoder that is initialised at random as in its paper, or from a complete checkpoint.

    In a class definition it comes before mmpretrain's class: ``class ViT(Encoder, _ViT)``.

    Attributes:
        task_modules: names of submodules that only downstream tasks use, such as the norm after
            mean pooling. A pre-training checkpoint does not contain them, so they are initialised
            at random.
        task_tensors: last parts of the names of tensors that a downstream task adds to the blocks.
        pretraining_modules: names of submodules that only pre-training uses. A downstream task does
            not load them.
        part_of: the kind of model that contains the encoder. The error message about images of
            another size depends on it, because it says what to do.
        masked_output: what ``encoder(images, mask)`` returns, ``'the visible tokens'``, ``'all
            tokens'`` (with a mask token) or ``'one map'``; None if it takes no mask. Methods
            compare it with what they need.
        with_cp: gradient checkpointing: recompute blocks in the backward pass, which saves memory.
        frozen_stages: number of blocks of a ViT that are frozen, with all that comes before them.
    """

    task_modules: tuple[str, ...] = ()
    task_tensors: tuple[str, ...] = ()
    pretraining_modules: tuple[str, ...] = ()
    part_of: Literal['encoder', 'segmentor', 'detector'] = 'encoder'
    masked_output: ClassVar[str | None] = None
    with_cp: bool = False
    frozen_stages: int = -1

    def init_weights(self) -> None:
        """Initialise at random as in the paper, or as ``init_cfg`` says.

        ``init_cfg=dict(type='Pretrained', ...)`` loads a checkpoint. It is an error if a tensor is
        missing or does not fit.
        """
        if init_from_checkpoint(self):
            return
        super().init_weights()
        if not self.init_cfg:
            self.fill_weights()

    def train(self, mode: bool = True) -> Encoder:
        """Set train or evaluation mode, and return the encoder, as ``nn.Module`` does.

        mmpretrain's own classes return None, and ``eval`` is a call of this method. Its ViTs set
        frozen blocks to evaluation only when they are built, and drop path would return to them.
        """
        super().train(mode)
        if self.frozen_stages > 0:
            self._freeze_stages()
        return self

    def _freeze_stages(self) -> None:
        blocks: Any = getattr(self, 'layers', None)  # a Swin has stages, which it has checked
        if blocks is not None and self.frozen_stages > len(blocks):
            raise ValueError(
                f'frozen_stages={self.frozen_stages} of {type(self).__name__} is more than its '
                f'{len(blocks)} blocks.'
            )
        super()._freeze_stages()

    def fill_weights(self) -> None:
        """Initialise the weights at random, as in the paper."""
        raise NotImplementedError

    def drop_final_norm(self) -> None:
        """Remove the final norm ``ln1`` of a vision transformer (CMAE's target).

        Raises:
            TypeError: the encoder has no such norm, for example a Swin transformer.
        """
        if not hasattr(self, 'final_norm'):
            raise TypeError(
                f'{type(self).__name__} has no final norm ln1 that could be removed: use a vision '
                'transformer.'
            )
        self.final_norm = False
        self.ln1 = nn.Identity()
