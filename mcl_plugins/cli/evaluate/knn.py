"""Classify the validation images by the nearest training images (DINO's protocol).

    mcl knn CONFIG CHECKPOINT [--k 10 20 100 200] [--temperature 0.07]
    mcl knn zoo/conmim-pocket.safetensors

CONFIG is the config of a classifier, from configs/<method>/transfer/. It defines which part of
CHECKPOINT is the encoder, which feature is classified, and where the images are. The encoders in
zoo/ name theirs. Nothing is trained. The accuracies are written to CHECKPOINT.knn.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...evaluation.knn import KS, check_neighbours, knn_predict
from ...utils.checks import check_temperature
from ..parsers.evaluate import knn as parse_args
from .frozen import accuracy, extract, report


def main(argv: Sequence[str] | None = None) -> None:
    """Run the evaluation that the command line describes and write the result to a file."""
    report('knn', evaluate_knn, parse_args(argv))


def evaluate_knn(
    config: str | Path,
    checkpoint: str | Path | None,
    ks: Sequence[int] = KS,
    temperature: float = 0.07,
    **loading: Any,
) -> dict[str, float]:
    """Compute the top-1 accuracy of k-NN on frozen features.

    Args:
        config: config of a classifier: a path, or a name among the package's own configs.
        checkpoint: checkpoint whose encoder is evaluated; None for random weights.
        ks: numbers of neighbours.
        temperature: temperature of the votes.
        **loading: ``work_dir``, ``cfg_options``, ``launcher``, ``pin_memory``; see
            :func:`~mcl_plugins.cli.evaluate.frozen.build_classifier`.

    Returns:
        the accuracy ``knn_<k>`` in percent for each k.

    Raises:
        FileNotFoundError: the config or the checkpoint does not exist.
        ValueError: a k or the temperature is out of range, or the checkpoint does not fit the
        config.
    """
    check_temperature(temperature)
    data = extract(config, checkpoint, lambda images: check_neighbours(ks, images), **loading)
    found = knn_predict(data.val, data.train, data.train_labels, ks, temperature)
    return {f'knn_{k}': accuracy(classes, data.val_labels) for k, classes in found.items()}
