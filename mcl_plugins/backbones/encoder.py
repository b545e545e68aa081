"""What the encoders have in common: how they start and what they load."""

from __future__ import annotations

from typing import Literal

from mmengine.model import BaseModule

from ..checkpoint.loading import init_from_checkpoint


class Encoder(BaseModule):
    """An encoder that starts as in its paper, or from a checkpoint, all of it or not at all.

    It stands before mmpretrain's class among the bases: ``class ViT(Encoder, _ViT)``.

    Attributes:
        task_modules: children that a task adds to the pre-trained encoder, such as the norm after
            mean pooling. They are in no pre-training checkpoint and start fresh.
        task_tensors: last parts of the names of tensors that a task adds to the blocks.
        pretraining_modules: children that pre-training alone needs. A task leaves them out.
        part_of: the model that the encoder is used in, which decides the remedy in the message
            about images of another size.
        with_cp: compute blocks again in the backward pass, which saves memory.
    """

    task_modules: tuple[str, ...] = ()
    task_tensors: tuple[str, ...] = ()
    pretraining_modules: tuple[str, ...] = ()
    part_of: Literal['encoder', 'segmentor', 'detector'] = 'encoder'
    with_cp: bool = False

    def init_weights(self) -> None:
        """Initialise as in the paper, or as ``init_cfg`` says.

        ``dict(type='Pretrained', ...)`` loads the whole checkpoint or raises an error.
        """
        if init_from_checkpoint(self):
            return
        super().init_weights()
        if not self.init_cfg:
            self.fill_weights()

    def fill_weights(self) -> None:
        """Fill the weights with random numbers, as in the paper."""
        raise NotImplementedError
