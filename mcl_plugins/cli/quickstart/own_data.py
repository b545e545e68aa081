"""Pre-train on real images of solar cells and find defects from few labels.

    mcl own-data-demo [--work-dir work_dirs/own_data_demo]

The command fetches the images (``mcl data solar-cells``), pre-trains a small ViT on those for
training without labels, and fine-tunes it on 25 and on 100 labelled cells of each class, functional
or defective. The same network starts from random weights and from a supervised start, a classifier
of mono- and polycrystalline cells, for comparison: three seeds each, which also choose the labelled
cells. It writes ``results.json``, ``roc.png`` (ROC curves on 656 cells that no training has seen)
and ``attention.png`` (what an encoder that was fine-tuned for it attends to on defective cells)
into the work dir.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from mmengine.runner import Runner
from sklearn.metrics import roc_auc_score

from ...utils.places import home, workspace
from ...utils.writing import write_json
from ..data.solar_cells import CLASSES
from ..parsers.quickstart import own_data as parse_args
from ..train import train
from ..visualize.attention import draw_attention
from ..visualize.pictures import save
from .own_data_report import draw_curves
from .stages import call, clock, find_last_checkpoint, say, seconds

CONFIGS = home() / 'configs' / 'quickstart'
REGIMES = (25, 100)  # labelled cells of each class
BATCH = 25  # images in a step of a fine-tuning
TUNING = 120  # steps of a fine-tuning
SEEDS = 3
STEPS = 5
CLASS_TOKEN = {'model.backbone.out_type': 'cls_token', 'model.backbone.final_norm': True}
STARTS = ('random', 'supervised', 'pretrained')


def main(argv: Sequence[str] | None = None) -> None:
    """Run the demonstration and print its results."""
    results = run_own_data_demo(**vars(parse_args(argv)))
    print_results(results)


def run_own_data_demo(work_dir: str | Path | None = None) -> dict:
    """Fetch the images, pre-train, fine-tune, and write results and pictures.

    Args:
        work_dir: folder for results; by default ``work_dirs/own_data_demo``.

    Returns:
        The content of ``results.json``.

    Raises:
        ConnectionError: the images could not be downloaded.
    """
    data = workspace() / 'data' / 'solar-cells'
    folder = Path(work_dir or workspace() / 'work_dirs' / 'own_data_demo').resolve()

    say(1, STEPS, 'Images: electroluminescence of solar cells')
    call('data', 'solar-cells', data)

    say(2, STEPS, 'Pre-training on 1,968 images without labels')
    pretrained = fit('cells_ccmim', folder / 'pretrain', data, seed=0)

    say(3, STEPS, 'Supervised start: mono- or polycrystalline')
    supervised = fit('cells_supervised', folder / 'supervised', data, seed=0)

    say(4, STEPS, 'Fine-tuning on few labels: functional or defective')
    starts = {'random': None, 'supervised': supervised, 'pretrained': pretrained}
    scores = {
        labels: {
            name: [
                fine_tune(folder / f'{name}-{labels}-{seed}', data, labels, start, seed)
                for seed in range(SEEDS)
            ]
            for name, start in starts.items()
        }
        for labels in REGIMES
    }
    defective = np.array([label == CLASSES.index('defective') for label in read_labels(data)])

    say(5, STEPS, 'Report')
    areas = {
        str(labels): {
            name: [round(100 * roc_auc_score(defective, each), 2) for each in runs]
            for name, runs in by_start.items()
        }
        for labels, by_start in scores.items()
    }
    results = {
        'AUC': areas,
        'gain': {labels: judge(rows) for labels, rows in areas.items()},
        'work_dir': str(folder),
        'seconds': seconds(),
    }
    write_json(folder / 'results.json', results)
    save(draw_curves(defective, scores, areas), folder / 'roc.png')
    save(draw_cracks(folder, data, pretrained), folder / 'attention.png')
    return results


def fit(config: str, work_dir: Path, data: Path, seed: int) -> Path:
    """Train with a config of the quickstart, over an earlier run; return its last checkpoint."""
    _train(config, work_dir, data, seed, {})
    return find_last_checkpoint(work_dir)


def fine_tune(work_dir: Path, data: Path, labels: int, start: Path | None, seed: int) -> np.ndarray:
    """Fine-tune on few labels and return the score of a defect of each validation image.

    Args:
        work_dir: folder of the training.
        data: folder of the images.
        labels: labelled cells of each class.
        start: checkpoint that the encoder starts from; None for random weights.
        seed: of the training, and number of the choice of labelled cells.
    """
    options = tuning_options(labels, start, seed)
    return score_defects(_train('cells_classifier', work_dir, data, seed, options))


def tuning_options(labels: int, start: Path | None, seed: int) -> dict[str, Any]:
    """Return the options of a fine-tuning; arguments as of :func:`fine_tune`."""
    init: dict[str, Any] = {'model.backbone.init_cfg': None}
    if start:
        init = {'model.backbone.init_cfg.checkpoint': str(start)}
    return {
        'train_dataloader.dataset.ann_file': f'few_labels_{labels}_{seed}.txt',
        'train_cfg.max_epochs': TUNING // (2 * labels // BATCH),
        **init,
    }


def _train(config: str, work_dir: Path, data: Path, seed: int, options: dict) -> Runner:
    """Train in this process, which saves the seconds of an import for each of the trainings."""
    roots = ['train_dataloader'] + ['val_dataloader'] * (config != 'cells_ccmim')
    options = {
        **{f'{loader}.dataset.data_root': str(data) for loader in roots},
        'randomness.seed': seed,
        **options,
    }
    return train(CONFIGS / f'{config}.py', work_dir=work_dir, overwrite=True, cfg_options=options)


@torch.no_grad()
def score_defects(runner: Runner) -> np.ndarray:
    """Return the probability of a defect of each image of the runner's validation set, in order."""
    runner.model.eval()
    samples = [each for batch in runner.val_dataloader for each in runner.model.val_step(batch)]
    defective = CLASSES.index('defective')
    return np.array([float(sample.pred_score[defective]) for sample in samples])


def read_labels(data: Path) -> list[int]:
    """Return the label of each validation image, in the order of the data set."""
    files = sorted((data / 'val').glob('*/*.png'))
    return [CLASSES.index(file.parent.name) for file in files]


def judge(rows: dict[str, list[float]]) -> dict:
    """Compare pre-training with both other starts.

    Args:
        rows: AUC in percent by start and seed.

    Returns:
        For each other start the gain of pre-training in points, the larger of the two spreads
        (sample standard deviation over the seeds), and whether the gain is larger.
    """
    compared = {}
    for name in STARTS[:-1]:
        gain = mean(rows['pretrained']) - mean(rows[name])
        spread = max(stdev(rows['pretrained']), stdev(rows[name]))
        compared[name] = {
            'points': round(gain, 2),
            'spread': round(spread, 2),
            'wins': gain > spread,
        }
    return compared


def draw_cracks(folder: Path, data: Path, start: Path) -> Figure:
    """Draw what a fine-tuned encoder attends to on defective cells.

    The other classifiers take the mean of the patches. For this picture one is fine-tuned that
    takes the class token, from the pre-trained encoder and on the largest number of labels.

    Args:
        folder: work dir of the demonstration.
        data: folder of the images.
        start: checkpoint of the pre-training.
    """
    options = {**tuning_options(REGIMES[-1], start, seed=0), **CLASS_TOKEN}
    _train('cells_classifier', folder / 'attention', data, 0, options)
    return draw_attention(
        CONFIGS / 'cells_classifier.py',
        find_last_checkpoint(folder / 'attention'),
        [data / 'val' / 'defective'],
        count=8,
        size=192,
        cfg_options={'val_dataloader.dataset.data_root': str(data), **CLASS_TOKEN},
    )


def print_results(results: dict) -> None:
    """Print the AUCs as a table, and whether pre-training has won."""
    print(f'\n{"ROC AUC, % (3 seeds)":24}' + ''.join(f'{name:>16}' for name in STARTS))
    for labels, rows in results['AUC'].items():
        cells = [f'{mean(rows[name]):.1f} +- {stdev(rows[name]):.1f}' for name in STARTS]
        print(f'{f"{labels} labels of a class":24}' + ''.join(f'{each:>16}' for each in cells))
    for labels, compared in results['gain'].items():
        for name, row in compared.items():
            verdict = 'more than' if row['wins'] else 'NOT more than'
            print(
                f'{labels} labels: pre-training gains {row["points"]} points over {name}, '
                f'{verdict} the spread of {row["spread"]}'
            )
    print(f'\nresults and pictures: {results["work_dir"]}; done in {clock(results["seconds"])}')
