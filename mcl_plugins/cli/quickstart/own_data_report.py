"""Draw the ROC curves of the demonstration on solar cells."""

from __future__ import annotations

from statistics import mean, stdev

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from .report import COLOURS

NAMES = {
    'random': 'random weights',
    'supervised': 'supervised start',
    'pretrained': 'pre-trained without labels',
}
LINES = {**COLOURS, 'supervised': '#2b6cb0'}
PLACES = np.linspace(0, 1, 101)  # false positive rates at which the curves are averaged


def draw_curves(
    defective: np.ndarray,
    scores: dict[int, dict[str, list[np.ndarray]]],
    areas: dict[str, dict[str, list[float]]],
) -> Figure:
    """Draw for each number of labels the curve of each seed, and their mean.

    Args:
        defective: (N,) whether each image is defective.
        scores: for each number of labels and start, of each seed (N,) scores.
        areas: for each number of labels and start, of each seed the AUC in percent.
    """
    figure = Figure(figsize=(5.4 * len(scores), 5.2), layout='constrained')
    figure.suptitle('Defective solar cells, found from few labels', fontsize=14)
    panels = figure.subplots(1, len(scores), squeeze=False)[0]
    for axes, (labels, by_start) in zip(panels, scores.items(), strict=True):
        axes.plot((0, 1), (0, 1), color='black', linestyle='--', linewidth=0.8)
        for name, runs in by_start.items():
            curves = []
            for run in runs:
                wrong, right, _ = roc_curve(defective, run)
                axes.plot(wrong, right, color=LINES[name], linewidth=0.7, alpha=0.35)
                curves.append(np.interp(PLACES, wrong, right))
            values = areas[str(labels)][name]
            text = f'{NAMES[name]}: {mean(values):.1f} ± {stdev(values):.1f} %'
            axes.plot(PLACES, np.mean(curves, 0), color=LINES[name], linewidth=2.2, label=text)
        axes.set(
            title=f'{labels} labelled cells of each class',
            xlabel='functional cells taken for defective',
            ylabel='defective cells found',
            aspect='equal',
            xlim=(0, 1),
            ylim=(0, 1.005),
        )
        axes.legend(loc='lower right', frameon=False, title='area under the curve')
        axes.grid(alpha=0.3)
    return figure
