"""The frozen teacher: a trained encoder that only looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .registry import build_part


class FrozenTeacher(nn.Module):
    """A pre-trained encoder that stays as its checkpoint made it.

    The encoder moves with the model from device to device, but is no submodule: no optimizer,
    ``train()``, DDP or checkpoint of the model sees it. It is always in eval mode and read from its
    own file, also when a training is resumed.

    Args:
        backbone: config of an encoder with one output, whose ``init_cfg`` names the checkpoint.
        remedy: how to come by such a checkpoint; the end of the message if there is none.

    Attributes:
        is_init: MMEngine's mark that nothing is left to initialise. Set it to try a model without
            a checkpoint for its teacher.
    """

    is_init: bool = False

    def __init__(self, backbone: dict, remedy: str) -> None:
        super().__init__()
        encoder = build_part(backbone).requires_grad_(False)
        encoder.eval()
        self._outside = (encoder,)  # a tuple hides it from nn.Module
        self.remedy = remedy

    @property
    def encoder(self) -> Any:
        """The encoder."""
        return self._outside[0]

    def init_weights(self) -> None:
        """Read the checkpoint; called by MMEngine.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: none is named, or it is another architecture's.
        """
        config = self.encoder.init_cfg
        try:
            if not isinstance(config, dict) or config.get('type') != 'Pretrained':
                raise ValueError(f'The teacher has init_cfg={config}; it must name a checkpoint.')
            self.encoder.init_weights()
        except (FileNotFoundError, ValueError) as error:
            raise type(error)(f'{error}\nA teacher for this student: {self.remedy}') from error

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> the encoder's one output."""
        (features,) = self.encoder(images)
        return features

    def _apply(self, fn: Callable, recurse: bool = True) -> FrozenTeacher:
        """Every change of device or dtype of the model goes through here."""
        self.encoder._apply(fn, recurse)
        return super()._apply(fn, recurse)
