"""What a finished row leaves behind: how it was run and what came out, as JSON."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from ...utils.places import PACKAGE
from ...utils.versions import installed_versions
from ...version import __version__
from ..logs import read_run

# Metrics of the tables: name in the log, factor to percent.
METRICS = {
    'accuracy/top1': 1.0,
    'mIoU': 1.0,
    'coco/bbox_mAP': 100.0,
    'coco/segm_mAP': 100.0,
}


def describe_machine() -> dict[str, Any]:
    """Return versions, commit and devices of this run.

    The instructions of the processor are among them: with others a training is rounded otherwise.
    """
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        'mcl_plugins': __version__,
        'commit': find_commit(),
        'python': platform.python_version(),
        'versions': installed_versions(),
        'devices': gpus or ['CPU'],
        'instructions': torch.backends.cpu.get_cpu_capability(),
    }


def find_commit() -> str | None:
    """Return the commit of the checkout, with ``+`` if files differ; None outside of a checkout."""

    def git(*words: str) -> str:
        return subprocess.run(
            ['git', *words], cwd=PACKAGE, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git('rev-parse', 'HEAD') + ('+' if git('status', '--porcelain') else '')
    except (OSError, subprocess.CalledProcessError):
        return None


def config_digest(config: Config) -> str:
    """Return a hash of a config with everything that it inherits.

    Example:
        >>> config_digest(Config(dict(a=1))) == config_digest(Config(dict(a=2)))
        False
    """
    text = json.dumps(config.to_dict(), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def curves(work_dir: Path) -> dict[str, dict[int, float]]:
    """Return the validation metrics of a training by step; empty if it has none."""
    try:
        found = read_run(work_dir, '').curves
    except FileNotFoundError:
        return {}
    return {key: dict(zip(*found[key], strict=True)) for key in METRICS if key in found}


def in_percent(metrics: dict[str, float]) -> dict[str, float]:
    """Return the metrics of the tables in percent, with two decimals.

    Example:
        >>> in_percent({'coco/bbox_mAP': 0.505, 'time': 1.0})
        {'coco/bbox_mAP': 50.5}
    """
    return {
        key: round(float(metrics[key]) * factor, 2)
        for key, factor in METRICS.items()
        if key in metrics
    }


def cell(results: Iterable[dict[str, float]]) -> str:
    """Return the entry of the column "this package": the results of a row's last stages.

    Example:
        >>> cell([{'accuracy/top1': 66.9}, {'coco/bbox_mAP': 50.5, 'coco/segm_mAP': 44.81}])
        '66.9 / 50.5 / 44.8'
    """
    return ' / '.join(f'{value:.1f}' for metrics in results for value in metrics.values())
