"""Build the segmentors and detectors of the transfer demo and predict with them."""

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
def _load_config(config: Path) -> Iterator[Config]:
    """Load a config and make its scope the default; initialisation is not logged to the console."""
    if not MMLogger.check_instance_created('quickstart'):
        MMLogger.get_instance('quickstart', log_level='WARNING')
    cfg = Config.fromfile(config)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        yield cfg


def build_model(config: Path, checkpoint: Path | None = None) -> nn.Module:
    """Build the config's model in evaluation mode, with a checkpoint or random weights."""
    with _load_config(config) as cfg:
        cfg.model.backbone.init_cfg = None
        torch.manual_seed(0)
        model = MODELS.build(cfg.model)
        model.init_weights()
    if checkpoint:
        model.load_state_dict(extract_state_dict(load_file(checkpoint)))
    model.eval()
    return model


def validation_samples(config: Path, indices: Sequence[int]) -> list[dict[str, Any]]:
    """Return images of the validation set as input of a model, with their annotations."""
    with _load_config(config) as cfg:
        # The path in the configs is relative to the workspace.
        cfg.val_dataloader.dataset.data_root = str(
            workspace() / cfg.val_dataloader.dataset.data_root
        )
        dataset = DATASETS.build(cfg.val_dataloader.dataset)
        return [dataset[index] for index in indices]


@torch.no_grad()
def predict(model: Any, samples: list[dict[str, Any]]) -> list[Any]:
    """Predict one image at a time and return the data samples with the predictions."""
    return [
        model.test_step({'inputs': [sample['inputs']], 'data_samples': [sample['data_samples']]})[0]
        for sample in samples
    ]
