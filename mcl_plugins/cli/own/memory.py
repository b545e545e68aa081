"""Memory of a training step: what is free, and what an image needs."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import Tensor

from ...targets import allow_random_teachers
from ...utils.machine import available_memory

PROBE = 2  # images in the step that is measured
TRAINED = 16  # bytes of a parameter: weight, gradient and AdamW's two moments in float32
FIXED = 4  # of one of a teacher, which has only the weight
KEPT = 0.8  # of the free memory; the rest is for copies, kernels and other programs


def free_memory() -> tuple[int, str]:
    """Return the free bytes of the GPU or, without one, of the machine, and which it is."""
    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0], torch.cuda.get_device_name()
    return available_memory(), 'this machine (no GPU)'


def bytes_per_image(config: Config) -> tuple[int, int]:
    """Measure what a step of a pre-training keeps for its backward pass.

    The step runs on the CPU in float32, with two images of noise; what autograd saves is counted.

    Returns:
        Bytes for each image, and bytes of the parameters with their gradients and moments.
    """
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build({**config.model, 'data_preprocessor': config.data_preprocessor})
    allow_random_teachers(model)
    saved: dict[int, int] = {}
    own = {part.untyped_storage().data_ptr() for part in model.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved[storage.data_ptr()] = storage.nbytes()
        held.append(tensor)  # so that no address is used twice
        return tensor

    held: list[Tensor] = []
    views = _views(model, config)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.loss(views, [])
    parameters = sum(
        part.numel() * (TRAINED if part.requires_grad else FIXED) for part in model.parameters()
    )
    return sum(saved.values()) // PROBE, parameters


def _views(model: Any, config: Config) -> list[Tensor]:
    """Make the views of two images of noise."""
    side = model.backbone.img_size[0]
    bands = config.model.backbone.get('in_channels', 3)
    count = len(config.data_preprocessor.get('views') or [()])
    return [torch.randn(PROBE, bands, side, side) for _ in range(count)]


def largest_batch(free: int, image: int, parameters: int, half: bool) -> int:
    """Return the largest power of two whose step fits into the free memory, at least 1.

    Args:
        free: bytes.
        image: bytes of an image in float32.
        parameters: bytes of the parameters, gradients and moments.
        half: whether the network runs in bfloat16, which needs about half for the images.

    Example:
        >>> largest_batch(24_000_000_000, 150_000_000, 500_000_000, half=True)
        128
    """
    room = free * KEPT - parameters
    fitting = int(room / (image / (2 if half else 1)))
    return 2 ** max(0, fitting.bit_length() - 1) if fitting > 0 else 1
