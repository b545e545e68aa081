"""Training steps of this package's methods and of mmpretrain's, under the same conditions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mmpretrain
import torch
from mmengine.config import Config
from mmpretrain.datasets.transforms import SimMIMMaskGenerator
from mmpretrain.structures import DataSample
from torch import Tensor

from ....engine.compiled import compile_blocks
from ..step import Step, read_variant

PEERS = 'mmpretrain::'  # beginning of the names of its configs


class PeerStep(Step):
    """A training step of an algorithm of mmpretrain, with its own data preprocessor.

    The augmentation of mmpretrain runs in the workers of its data loader and is no part of it.
    """

    def __init__(self, config: Config, batch_size: int, device: torch.device) -> None:
        for key in ('loss_scale', 'dtype'):
            config.optim_wrapper.pop(key, None)
        config.optim_wrapper.type = 'mcl_plugins.Bf16OptimWrapper'
        super().__init__(config, batch_size, device)
        images, samples = self.batch['inputs'], None
        if config.model.type == 'MoCoV3':
            images = [images, images.flip(0)]
        elif config.model.type == 'SimMIM':
            samples = _masked_samples(images)
        self.batch = dict(inputs=images, data_samples=samples)


def _masked_samples(images: Tensor) -> list[DataSample]:
    """Return a sample for each image, with the mask that SimMIM's data pipeline draws."""
    draw = SimMIMMaskGenerator(images.shape[-1], 32, 4, 0.6)
    samples = []
    for _ in images:
        sample = DataSample()
        mask = torch.from_numpy(draw({})['mask']).to(images.device)
        sample.set_field(mask, 'mask', field_type='metainfo')
        samples.append(sample)
    return samples


def build_step(
    config: str,
    options: dict[str, Any],
    batch: int,
    device: torch.device,
    compiling: dict[str, Any] | None = None,
) -> Step:
    """Build a training step.

    Args:
        config: of a method of this package, or of mmpretrain (``mmpretrain::...``).
        options: of the config, by dotted name.
        batch: images of a step.
        device: where it trains.
        compiling: arguments of ``torch.compile``, with which the blocks of the model are compiled;
            None to compile nothing.
    """
    if config.startswith(PEERS):
        folder = Path(mmpretrain.__file__).parent / '.mim/configs'
        cfg = read_variant(folder / config.removeprefix(PEERS), options)
        step: Step = PeerStep(cfg, batch, device)
    else:
        step = Step(read_variant(config, options), batch, device)
    if compiling is not None:
        compile_blocks(step.model, **compiling)
    return step
