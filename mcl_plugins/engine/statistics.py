"""Compare how images are normalised with what the training of a checkpoint has normalised with."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.logging import print_log
from torch import nn

from ..checkpoint.origin import read_preprocessing
from ..preprocessors.statistics import read_statistics, statistics_of
from ..targets import FrozenTeacher


def warn_of_encoders(model: nn.Module) -> None:
    """Warn of an encoder or a frozen teacher that was trained on otherwise normalised images.

    Its features are then of inputs that it does not know, which nothing else shows. It may be
    intended, as in fine-tuning with many labels, and is therefore no error.

    Args:
        model: a method, a classifier, a segmentor or a detector, after its weights were loaded.
    """
    for name, encoder in _encoders(model):
        _warn(model, f'the checkpoint of model.{name}', getattr(encoder, 'trained_with', {}))


def warn_of_checkpoint(model: nn.Module, file: Any, content: dict) -> None:
    """Warn of a whole model that was trained on otherwise normalised images.

    Args:
        model: with the weights of the file.
        file: its name, for the message.
        content: what is in it.
    """
    _warn(model, str(file), read_preprocessing(content))


def _warn(model: nn.Module, source: str, settings: Mapping[str, Any]) -> None:
    present = statistics_of(getattr(model, 'data_preprocessor', None))
    trained = read_statistics(settings)
    if present is None or trained is None or len(trained.mean) != len(present.mean):
        return
    if not trained.is_like(present):
        print_log(
            f'The training of {source} normalised images with {trained}, and data_preprocessor has '
            f'{present}. Unless that is intended, give it the values of the training.',
            logger='current',
            level=logging.WARNING,
        )


def _encoders(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the parts that may have weights of a checkpoint, with their names."""
    for name, part in model.named_modules():
        yield name, part
        if isinstance(part, FrozenTeacher):
            yield name, part.encoder
