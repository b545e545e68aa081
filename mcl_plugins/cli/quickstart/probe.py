"""Evaluate frozen features of the quickstart's encoder with the package's evaluation."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ...evaluation.knn import knn_predict
from ...evaluation.linear import fit_linear_probe
from ..evaluate.frozen import (
    Features,
    accuracy,
    build_classifier,
    compute_features,
    encode_batch,
)

NEIGHBOURS = 20


def extract_all(config: Path, checkpoint: Path, data: Path, work_dir: Path) -> dict[str, Features]:
    """Encode the digits with the pre-trained encoder and with random weights, and flatten them.

    Args:
        config: fine-tuning config; the features are the input of its head.
        checkpoint: checkpoint of the pre-training.
        data: folder of the digits, all of whose training images are used.
        work_dir: folder for the logs.

    Returns:
        Features ``random``, ``pretrained`` and ``pixels``; the last are (N, 3 S^2) RGB in [0, 1],
        the encoder's input.
    """
    options = {
        'log_level': 'WARNING',
        'randomness.seed': 0,
        'train_dataloader.dataset.ann_file': '',
        **{f'{split}_dataloader.dataset.data_root': str(data) for split in ('train', 'val')},
    }
    found = {}
    for name, start in (('random', None), ('pretrained', checkpoint)):
        runner, model, cfg = build_classifier(config, start, work_dir=work_dir, cfg_options=options)
        found[name] = compute_features(partial(encode_batch, model), runner, cfg)
    return {'pixels': compute_features(pixels, runner, cfg), **found}


def pixels(batch: dict) -> Tensor:
    """Flatten a batch of BGR images, as decoded from files, to (N, 3 S^2) RGB in [0, 1]."""
    return batch['inputs'].flip(1).flatten(1) / 255


def unflatten_images(values: Tensor) -> Tensor:
    """Undo the flattening of :func:`pixels`: (N, 3, S, S) in [0, 1] of square images."""
    side = round((values.shape[1] / 3) ** 0.5)
    return values.unflatten(1, (3, side, side))


def frozen_accuracies(features: dict[str, Features]) -> dict[str, dict]:
    """Compute the accuracy of a linear classifier and of k-NN like ``mcl linear`` and ``mcl knn``.

    Args:
        features: result of :func:`extract_all`.

    Returns:
        summaries in percent by task and name; ``spread`` is None, because there is one run.
    """
    classifiers = {'linear probe': linear_classes, 'k-NN': knn_classes}
    return {
        task: {
            name: {
                'mean': round(accuracy(classify(data), data.val_labels), 2),
                'spread': None,
            }
            for name, data in features.items()
        }
        for task, classify in classifiers.items()
    }


@torch.no_grad()
def linear_classes(data: Features) -> Tensor:
    """Classify by a linear classifier trained on all training images; returns (N,) int64."""
    probe = fit_linear_probe(data.train, data.train_labels)
    return probe(data.val).argmax(dim=1)


def knn_classes(data: Features) -> Tensor:
    """Classify by the vote of the nearest training images; returns (N,) int64."""
    return knn_predict(data.val, data.train, data.train_labels, ks=(NEIGHBOURS,))[NEIGHBOURS]
