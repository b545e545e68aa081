"""Train a linear classifier on frozen features of the training images, and test it.

    mcl linear CONFIG CHECKPOINT [--epochs 30] [--lr 0.1]

CONFIG is the config of a classifier, from configs/<method>/transfer/. All images are encoded once,
without augmentation, so this is a quick estimate that needs one pass over the data set. The papers'
linear classification augments the images; train the in1k-linear configs for it. The accuracy is
written to CHECKPOINT.linear.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ...evaluation.linear import fit_linear_probe
from ..parsers.evaluate import linear as parse_args
from .frozen import accuracy, extract, report


def main(argv: Sequence[str] | None = None) -> None:
    """Run the evaluation that the command line describes and write the result to a file."""
    report('linear', evaluate_linear, parse_args(argv))


def evaluate_linear(
    config: str | Path,
    checkpoint: str | Path | None,
    epochs: int = 30,
    lr: float = 0.1,
    weight_decay: float = 0.0,
    **loading: Any,
) -> dict[str, float]:
    """Compute the top-1 accuracy of a linear classifier that is trained on frozen features.

    Args:
        config: config of a classifier: a path, or a name among the package's own configs.
        checkpoint: checkpoint whose encoder is evaluated; None for random weights.
        epochs: passes over the features.
        lr: learning rate of SGD for a batch size of 1024.
        weight_decay: weight decay of the classifier.
        **loading: ``work_dir``, ``cfg_options``, ``launcher``, ``pin_memory``; see
            :func:`~mcl_plugins.cli.evaluate.frozen.build_classifier`.

    Returns:
        the accuracy ``linear`` in percent.

    Raises:
        FileNotFoundError: the config or the checkpoint does not exist.
        ValueError: the checkpoint does not fit the config.
    """
    data = extract(config, checkpoint, **loading)
    probe = fit_linear_probe(
        data.train, data.train_labels, epochs=epochs, lr=lr, weight_decay=weight_decay
    )
    with torch.no_grad():
        predictions = probe(data.val).argmax(dim=1)
    return {'linear': accuracy(predictions, data.val_labels)}
