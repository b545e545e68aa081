"""Measure segmentation and detection of one pre-training on the scenes of the transfer demo."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...utils.places import workspace
from ..quickstart.stages import pretrain
from ..quickstart.transfer import CMAE, MIMCO, TASKS, fine_tune
from ..reproduce.record import describe_machine

SCENES = 'scenes'  # the data set's name in commands and records


@dataclass(frozen=True)
class DenseRow:
    """Networks of the transfer demo, from one start.

    Attributes:
        name: name in commands and records.
        title: name in tables.
        tasks: names of :data:`~mcl_plugins.cli.quickstart.transfer.TASKS`.
        config: pre-training config on the scenes; None for random weights.
    """

    name: str
    title: str
    tasks: tuple[str, ...]
    config: Path | None = None


_VIT, _SWIN = ('UperNet', 'ViTDet'), ('Mask R-CNN',)
DENSE_ROWS = {
    row.name: row
    for row in (
        DenseRow('vit-random', 'random weights, ViT', _VIT),
        DenseRow('vit-cmae', 'CMAE, ViT', _VIT, CMAE),
        DenseRow('swin-random', 'random weights, Swin', _SWIN),
        DenseRow('swin-mimco', 'MimCo, Swin', _SWIN, MIMCO),
    )
}
DENSE_METRICS = {
    f'{task.name}, {metric}': f'{task.name} {metric}'
    for task in (TASKS['UperNet'], TASKS['ViTDet'], TASKS['Mask R-CNN'])
    for metric in task.metrics
}


def make_scenes() -> None:
    """Write the scenes unless they exist."""
    from ..data.make_scenes import make  # noqa: PLC0415  needs pycocotools

    make(workspace() / 'data' / SCENES)


def measure_dense(row: DenseRow, seed: int, folder: Path) -> dict[str, Any]:
    """Pre-train on the scenes without labels, train each network with them; return the record.

    Args:
        row: the row.
        seed: random seed of all trainings.
        folder: folder for everything that is written.

    Raises:
        subprocess.CalledProcessError: a training failed and has printed why.
    """
    begin = time.monotonic()
    label = f'{row.name}, seed {seed}'
    checkpoint = pretrain(row.config, folder, label, seed) if row.config else None
    middle = time.monotonic()
    metrics = {}
    for name in row.tasks:
        task = TASKS[name]
        for metric, value in fine_tune(task, folder / task.config.stem, checkpoint, seed).items():
            metrics[f'{name}, {metric}'] = value
    return {
        'data': SCENES,
        'row': row.name,
        'seed': seed,
        'metrics': metrics,
        'seconds': {
            'pretraining': round(middle - begin, 1),
            'evaluation': round(time.monotonic() - middle, 1),
        },
        'machine': describe_machine(),
    }
