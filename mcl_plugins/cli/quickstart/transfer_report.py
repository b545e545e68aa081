"""Draw the transfer demo's report: metrics, and predictions on unseen scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from mmengine.structures import InstanceData

from ..visualize.pictures import show_image
from .dense_models import build_model, predict, validation_samples
from .report import NAMES, draw_bars

SCENES = (0, 1, 2, 3, 4)  # validation scenes that are shown
THRESHOLD = 0.5  # smallest score of detections that are shown
CLASSES = ('brick', 'grass', 'gravel', 'page', 'coins')
COLOURS = np.array([to_rgb(f'C{index}') for index in range(len(CLASSES))])
TRAINED = ('random', 'pretrained')


def draw_report(
    results: dict[str, dict],
    configs: dict[str, Path],
    checkpoints: dict[str, dict[str, Path]],
    folder: Path,
) -> Path:
    """Draw ``report.png`` into ``folder`` and return its path.

    Args:
        results: for each network and metric, the summaries by start.
        configs: configs of the networks; the last one is a detector.
        checkpoints: checkpoints of each network, trained from random and from pre-trained weights.
        folder: folder for the picture.
    """
    columns = 2 + len(TRAINED) * len(configs)
    figure = Figure(figsize=(1.9 * columns, 4 + 1.8 * len(SCENES)), layout='constrained')
    figure.suptitle(
        'Transfer to segmentation and detection, in miniature', fontsize=16, fontweight='bold'
    )
    ratios = [4, 1.8 * len(SCENES)]
    top, bottom = figure.subfigures(2, 1, height_ratios=ratios, squeeze=False)[:, 0]
    draw_metrics(top.subplots(), results)
    grid = bottom.subplots(len(SCENES), columns, squeeze=False)
    bottom.suptitle(f'Unseen scenes (detections that score at least {THRESHOLD})')
    samples = {name: validation_samples(config, SCENES) for name, config in configs.items()}
    detections = samples[list(configs)[-1]]
    for axes, sample in zip(grid, detections, strict=True):
        image = pixels(sample)
        show_image(axes[0], image, 'scene')
        show_instances(axes[1], image, sample['data_samples'].gt_instances, 'truth')
    column = 2
    for name, config in configs.items():
        for start in TRAINED:
            found = predict(build_model(config, checkpoints[name][start]), samples[name])
            title = f'{name},\n{NAMES[start]}'
            for axes, sample, result in zip(grid, samples[name], found, strict=True):
                show_prediction(axes[column], pixels(sample), result, title)
            column += 1
    for axes in grid[1:].flat:
        axes.set_title('')
    path = folder / 'report.png'
    figure.savefig(path, dpi=90)
    return path


def draw_metrics(axes: Axes, results: dict[str, dict]) -> None:
    """Draw bars of all metrics of all networks."""
    rows = {
        f'{name}\n{metric}': row for name, found in results.items() for metric, row in found.items()
    }
    draw_bars(axes, rows, ('untrained', *TRAINED))
    axes.set(title='On unseen scenes, %', ylim=(0, 108))


def pixels(sample: dict) -> np.ndarray:
    """Return a sample's BGR image as (3, H, W) RGB in [0, 1]."""
    return sample['inputs'].flip(0).numpy() / 255


def show_prediction(axes: Axes, image: np.ndarray, result: object, title: str) -> None:
    """Draw a label map, or the instances above the score threshold."""
    if hasattr(result, 'pred_sem_seg'):
        labels = result.pred_sem_seg.data[0].numpy()  # 0 is the photograph
        show_image(
            axes, paint(image, {index: labels == index + 1 for index in range(len(CLASSES))}), title
        )
        return
    instances = result.pred_instances  # type: ignore[attr-defined]
    show_instances(axes, image, instances[instances.scores >= THRESHOLD], title)


def show_instances(axes: Axes, image: np.ndarray, instances: InstanceData, title: str) -> None:
    """Draw masks, boxes and class names of instances, each class in its colour."""
    masks = instances.masks
    masks = masks.numpy() if hasattr(masks, 'numpy') else masks.to_ndarray()
    boxes = getattr(instances.bboxes, 'tensor', instances.bboxes).tolist()
    found: dict[int, np.ndarray] = {}
    for label, mask in zip(instances.labels.tolist(), masks, strict=True):
        found[label] = found.get(label, False) | mask.astype(bool)
    show_image(axes, paint(image, found), title)
    for label, (left, top, right, bottom) in zip(instances.labels.tolist(), boxes, strict=True):
        corner, colour = (left - 0.5, top - 0.5), COLOURS[label]
        axes.add_patch(Rectangle(corner, right - left, bottom - top, fill=False, color=colour))
        style = dict(facecolor=colour, linewidth=0, pad=0.6)
        axes.text(left, top, CLASSES[label], color='white', fontsize=6, va='top', bbox=style)


def paint(image: np.ndarray, masks: dict[int, np.ndarray]) -> np.ndarray:
    """Return a pale gray copy of an image (3, H, W) with the classes' masks (H, W) in colour."""
    painted = np.repeat(0.5 + 0.5 * image.mean(axis=0, keepdims=True), 3, axis=0)
    for label, mask in masks.items():
        painted[:, mask] = 0.25 * image[:, mask] + 0.75 * COLOURS[label][:, None]
    return painted
