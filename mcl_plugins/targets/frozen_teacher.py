"""The frozen teacher: a trained encoder that only looks."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..checkpoint.loading import load_encoder
from ..registry import build_part


class FrozenTeacher(nn.Module):
    """A pre-trained encoder that stays as its checkpoint made it.

    The encoder moves with the model from device to device, but is no submodule: no optimizer,
    ``train()``, DDP or checkpoint of the model sees it. It is always in eval mode and read from its
    own file, also when a training is resumed.

    Args:
        backbone: config of an encoder with one output, whose ``init_cfg`` names the checkpoint.
        how_to_get: an instruction that produces such a checkpoint. The error about a missing or
            unsuitable checkpoint ends with it.
        remedy: the name of ``how_to_get`` in configs written before version 0.2.

    Attributes:
        fingerprint: (1,) int64 checksum of the encoder, a buffer: what a checkpoint has of it.
        is_init: MMEngine's mark that nothing is left to initialise. Set it to try a model without
            a checkpoint for its teacher.
    """

    is_init: bool = False
    fingerprint: Tensor

    def __init__(self, backbone: dict, how_to_get: str = '', remedy: str = '') -> None:
        super().__init__()
        encoder = build_part(backbone).requires_grad_(False)
        encoder.eval()
        self._outside = (encoder,)  # a tuple hides it from nn.Module
        self.how_to_get = remedy or how_to_get or 'pre-train an encoder of the same architecture.'
        self.register_buffer('fingerprint', torch.zeros(1, dtype=torch.long))

    @property
    def encoder(self) -> Any:
        """The encoder."""
        return self._outside[0]

    def init_weights(self) -> None:
        """Read the checkpoint, all of it and nothing resized; called by MMEngine.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: none is named, or it is another architecture's.
        """
        self.check_checkpoint()
        config = self.encoder.init_cfg
        try:
            load_encoder(
                self.encoder, config['checkpoint'], config.get('prefix', ''), allow_resizing=False
            )
        except ValueError as error:
            raise ValueError(f'{error}\n{self._advice()}') from error
        self.fingerprint.fill_(fingerprint(self.encoder))

    def check_checkpoint(self) -> None:
        """Raise an error, as :meth:`init_weights` does, unless there is a file to read."""
        config = self.encoder.init_cfg
        if self.is_init:
            return
        if not isinstance(config, dict) or config.get('type') != 'Pretrained':
            raise ValueError(
                f'The teacher has init_cfg={config}; it must name a checkpoint.\n{self._advice()}'
            )
        if not Path(config['checkpoint']).is_file():
            raise FileNotFoundError(
                f"The teacher's checkpoint {config['checkpoint']!r} does not exist.\n"
                f'{self._advice()}'
            )

    def _advice(self) -> str:
        return f'To get a teacher for this student: {self.how_to_get}'

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> the encoder's one output."""
        (features,) = self.encoder(images)
        return features

    def _apply(self, fn: Callable, recurse: bool = True) -> FrozenTeacher:
        """Every change of device or dtype of the model goes through here."""
        self.encoder._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Refuse to go on with another teacher than the one that a training began with."""
        stored, own = state_dict.get(f'{prefix}fingerprint'), self.fingerprint
        if stored is not None and own.any() and not torch.equal(stored.to(own), own):
            raise ValueError(
                'This training began with another teacher than '
                f'{self.encoder.init_cfg["checkpoint"]!r}: go on with that one, or start in '
                'another work dir.'
            )
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def fingerprint(encoder: nn.Module) -> int:
    """A checksum of all tensors of an encoder and their names; never 0."""
    checksum = 1
    for name, tensor in encoder.state_dict().items():
        values = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
        checksum = zlib.crc32(values.tobytes(), zlib.crc32(name.encode(), checksum))
    return checksum or 1
