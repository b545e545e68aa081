"""Segmentors and detectors of the transfer demo: from their configs, and what they predict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS, MODELS, init_default_scope
from torch import nn

from mcl_plugins.checkpoint.files import load_file, state_dict_of


def _quietly(config: Path) -> Config:
    """Read a config, set its scope, and keep initialisation out of the console."""
    if not MMLogger.check_instance_created('quickstart'):
        MMLogger.get_instance('quickstart', log_level='WARNING')
    settings = Config.fromfile(config)
    init_default_scope(settings.default_scope)
    return settings


def build_model(config: Path, checkpoint: Path | None = None) -> nn.Module:
    """The config's model in evaluation mode, trained or as it is initialised."""
    settings = _quietly(config)
    settings.model.backbone.init_cfg = None
    torch.manual_seed(0)
    model = MODELS.build(settings.model)
    model.init_weights()
    if checkpoint:
        model.load_state_dict(state_dict_of(load_file(checkpoint)))
    return model.eval()


def validation_samples(config: Path, indices: Sequence[int]) -> list[dict[str, Any]]:
    """Images of the validation set as a model takes them, with what is on them."""
    dataset = DATASETS.build(_quietly(config).val_dataloader.dataset)
    return [dataset[index] for index in indices]


@torch.no_grad()
def predict(model: nn.Module, samples: list[dict[str, Any]]) -> list[Any]:
    """The data sample of each image with the model's prediction, one image at a time."""
    return [
        model.test_step({'inputs': [sample['inputs']], 'data_samples': [sample['data_samples']]})[0]
        for sample in samples
    ]
