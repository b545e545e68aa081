"""The frozen teacher: a pre-trained encoder that is not trained further (MimCo)."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..checkpoint.loading import load_encoder
from ..checkpoint.sources import find_weights
from ..registry import build_part


class FrozenTeacher(nn.Module):
    """A pre-trained encoder whose weights never change.

    The encoder moves to another device together with the model, but it is not registered as a
    submodule. So it is not part of the model's optimizer, DDP, ``train()`` or checkpoints. It is
    always in eval mode, and it is always loaded from its own file, also when a training is resumed.

    Args:
        backbone: config of an encoder with one output, whose ``init_cfg`` names the checkpoint.
        how_to_get: instruction how to get such a checkpoint, for the message if it is missing.
        remedy: the name of ``how_to_get`` in configs written before version 0.2.

    Attributes:
        fingerprint: (1,) int64 checksum of the encoder. It is a buffer, so that a checkpoint of the
            model records which teacher was used.
        is_init: MMEngine's flag that the weights are initialised. Set it to True to use a model
            without a checkpoint of its teacher, for example in a test.

    Raises:
        RuntimeError: the teacher is used, but neither :meth:`init_weights` nor the encoder's
            ``load_state_dict`` loaded its weights, and ``is_init`` is not set.

    Example:
        >>> arch = dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=48)
        >>> encoder = dict(type='mcl_plugins.SimMIMViT', arch=arch, img_size=32, patch_size=8)
        >>> teacher = FrozenTeacher(encoder, how_to_get='train one')
        >>> teacher.is_init = True  # it has no checkpoint here
        >>> teacher(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 24, 4, 4])
        >>> list(teacher.parameters())
        []
    """

    is_init: bool = False
    fingerprint: Tensor

    def __init__(self, backbone: dict, how_to_get: str = '', remedy: str = '') -> None:
        super().__init__()
        encoder = build_part(backbone).requires_grad_(False)
        encoder.eval()
        encoder.register_load_state_dict_post_hook(_note_loading)
        self._outside = (encoder,)  # the tuple keeps nn.Module from registering it
        self.how_to_get = remedy or how_to_get or 'pre-train an encoder of this architecture'
        self.register_buffer('fingerprint', torch.zeros(1, dtype=torch.long))

    @property
    def encoder(self) -> Any:
        """The frozen encoder."""
        return self._outside[0]

    def init_weights(self) -> None:
        """Load the checkpoint; all tensors must be there with the right shape. MMEngine calls this.

        Raises:
            FileNotFoundError: the checkpoint does not exist.
            ValueError: ``init_cfg`` names no checkpoint, it is that of another architecture, or
                another teacher than that of the checkpoint from which the model was loaded before.
        """
        self.check_checkpoint()
        config = self.encoder.init_cfg
        try:
            load_encoder(
                self.encoder, config['checkpoint'], config.get('prefix', ''), allow_resizing=False
            )
        except ValueError as error:
            raise ValueError(f'{error}\n{self._advice()}') from error
        own = fingerprint(self.encoder)
        if not self.is_init and int(self.fingerprint) not in (0, own):
            self.encoder.weights_are_loaded = False
            raise self._other_teacher()
        self.fingerprint.fill_(own)
        self.is_init = True

    def check_checkpoint(self) -> None:
        """Raise the errors of :meth:`init_weights` if no checkpoint is named or it is missing.

        One that is not on this machine, such as a URL, is only looked for when it is loaded.
        """
        config = self.encoder.init_cfg
        if self.is_init:
            return
        if not isinstance(config, dict) or config.get('type') != 'Pretrained':
            raise ValueError(
                f'The teacher has init_cfg={config}, but init_cfg must name a checkpoint: '
                f"dict(type='Pretrained', checkpoint=...).\n{self._advice()}"
            )
        path = config.get('checkpoint') or ''
        if not path or ('://' not in path and not find_weights(path).is_file()):
            raise FileNotFoundError(
                f"The teacher's checkpoint {path!r} does not exist.\n{self._advice()}"
            )

    def _advice(self) -> str:
        return f'To get a teacher for this student: {self.how_to_get}'

    def _other_teacher(self) -> ValueError:
        return ValueError(
            'This training began with another teacher than '
            f'{self.encoder.init_cfg["checkpoint"]!r}: resume it with the first teacher, or '
            'start a new training in another work_dir.'
        )

    def _check_weights(self) -> None:
        """Raise a RuntimeError if the encoder has its random weights, which teach only noise."""
        if self.is_init or getattr(self.encoder, 'weights_are_loaded', False):
            return
        raise RuntimeError(
            f'The teacher, a {type(self.encoder).__name__} with init_cfg='
            f'{getattr(self.encoder, "init_cfg", None)}, has random weights: a checkpoint of the '
            'model is without its teacher. Call model.init_weights() before you load a checkpoint, '
            'or model.teacher.init_weights() after it. To try a model with any teacher, set '
            'model.teacher.is_init=True.'
        )

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Encode images (N, 3, H, W); return the encoder's only output."""
        self._check_weights()
        (features,) = self.encoder(images)
        return features

    def _apply(self, fn: Callable, recurse: bool = True) -> FrozenTeacher:
        """Apply a change of device or dtype of the model to the encoder too."""
        self.encoder._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Load, or refuse a checkpoint of a training that began with another teacher."""
        stored, own = state_dict.get(f'{prefix}fingerprint'), self.fingerprint
        if stored is not None and own.any() and not torch.equal(stored.to(own), own):
            raise self._other_teacher()
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _note_loading(encoder: Any, keys: Any) -> None:
    """Note at an encoder that it was loaded; not at its teacher, so that it may be copied alone."""
    if not keys.missing_keys:
        encoder.weights_are_loaded = True


def allow_random_teachers(model: nn.Module) -> None:
    """Let a model compute with teachers that are not loaded, to measure its time or memory."""
    for part in model.modules():
        if isinstance(part, FrozenTeacher):
            part.is_init = True


def fingerprint(encoder: nn.Module) -> int:
    """Compute a checksum of the names and values of all tensors of an encoder; it is never 0.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> before = fingerprint(layer)
        >>> _ = nn.init.constant_(layer.bias, 7.0)
        >>> fingerprint(layer) == before
        False
    """
    checksum = 1
    for name, tensor in encoder.state_dict().items():
        values = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
        checksum = zlib.crc32(values.tobytes(), zlib.crc32(name.encode(), checksum))
    return checksum or 1
