"""Segmentors and detectors of the transfer demo: from their configs, and what they predict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS, MODELS, DefaultScope
from torch import nn

from ...checkpoint.files import extract_state_dict, load_file
from ...utils.places import workspace


@contextmanager
def _settings(config: Path) -> Iterator[Config]:
    """A config, with its scope as the default, and initialisation kept out of the console."""
    if not MMLogger.check_instance_created('quickstart'):
        MMLogger.get_instance('quickstart', log_level='WARNING')
    settings = Config.fromfile(config)
    with DefaultScope.overwrite_default_scope(settings.default_scope):
        yield settings


def build_model(config: Path, checkpoint: Path | None = None) -> nn.Module:
    """The config's model in evaluation mode, trained or as it is initialised."""
    with _settings(config) as settings:
        settings.model.backbone.init_cfg = None
        torch.manual_seed(0)
        model = MODELS.build(settings.model)
        model.init_weights()
    if checkpoint:
        model.load_state_dict(extract_state_dict(load_file(checkpoint)))
    model.eval()
    return model


def validation_samples(config: Path, indices: Sequence[int]) -> list[dict[str, Any]]:
    """Images of the validation set as a model takes them, with what is on them."""
    with _settings(config) as settings:
        # The configs name the scenes from where the demo puts them.
        settings.val_dataloader.dataset.data_root = str(
            workspace() / settings.val_dataloader.dataset.data_root
        )
        dataset = DATASETS.build(settings.val_dataloader.dataset)
        return [dataset[index] for index in indices]


@torch.no_grad()
def predict(model: Any, samples: list[dict[str, Any]]) -> list[Any]:
    """The data sample of each image with the model's prediction, one image at a time."""
    return [
        model.test_step({'inputs': [sample['inputs']], 'data_samples': [sample['data_samples']]})[0]
        for sample in samples
    ]
