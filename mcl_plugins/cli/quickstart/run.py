"""Pre-train a small network on handwritten digits and evaluate it.

    mcl quickstart [--method conmim] [--seeds 1] [--work-dir work_dirs/quickstart]

The command makes the images and pre-trains with ``configs/quickstart/<method>.py``. If there is a
``<method>_teacher.py``, it trains this teacher first. It then compares the pre-trained encoder with
the same network with random weights, by fine-tuning on 200 labels (``<method>_finetune.py``), a
linear probe and k-NN; raw pixels are a further reference. It writes ``results.json``,
``report.png`` and the curves of the fine-tunings, ``finetuning.png``, into the work dir. All
trainings are run by ``mcl train``. --method may be the path of your own config, with the other
configs beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...utils.places import workspace
from ...utils.writing import write_json
from ..parsers.quickstart import run as parse_args
from .comparison import compare_starts
from .methods import find_method_config, finetune_config, read_title
from .probe import extract_all, frozen_accuracies
from .report import draw_report
from .stages import call, cell, clock, logged, pretrain, say, seconds, summary, train

STEPS = 5


def main(argv: Sequence[str] | None = None) -> None:
    """Run the quickstart and print its results."""
    results = run_quickstart(**vars(parse_args(argv)))
    print_results(results)
    folder = Path(results['work_dir'])
    print('\nfine-tuning', *results['fine-tuning'], sep='\n')
    print(f'\nresults: {folder / "results.json"}\npicture: {folder / "report.png"}')


def run_quickstart(
    method: str = 'conmim', seeds: int = 1, work_dir: str | Path | None = None
) -> dict:
    """Make the images, pre-train, evaluate, and write ``results.json`` and ``report.png``.

    Args:
        method: a name of :func:`~.methods.methods`, or the path of a pre-training config.
        seeds: number of fine-tunings from each start.
        work_dir: folder for results; by default ``work_dirs/quickstart``.

    Returns:
        The content of ``results.json``.

    Raises:
        FileNotFoundError: the method is unknown.
        subprocess.CalledProcessError: a training failed and has printed why.
    """
    config = find_method_config(method)
    finetune = finetune_config(config)
    data = workspace() / 'data' / 'quickstart'
    folder = Path(work_dir or workspace() / 'work_dirs' / 'quickstart').resolve()

    say(1, STEPS, 'Images: handwritten digits in the colours of photographs')
    call('data', 'digits', data)

    say(2, STEPS, f'Pre-training without labels: {config}')
    checkpoint = pretrain(config, folder, probe_data=data)

    say(3, STEPS, 'Fine-tuning with 200 labels, from random and from pre-trained weights')
    starts = {'random': None, 'pretrained': checkpoint}
    runs = {name: [folder / f'finetune-{name}-{seed}' for seed in range(seeds)] for name in starts}
    accuracies = {
        name: [fine_tune(finetune, run, start, seed) for seed, run in enumerate(runs[name])]
        for name, start in starts.items()
    }

    say(4, STEPS, 'Frozen features: linear probe and k-NN')
    features = extract_all(finetune, checkpoint, data, folder / 'frozen')
    frozen = frozen_accuracies(features)

    say(5, STEPS, 'Report')
    results = {
        'method': config.stem,
        'title': read_title(config),
        'config': str(config),
        'checkpoint': str(checkpoint),
        'work_dir': str(folder),
        'fine-tune on 200 labels': {name: summary(values) for name, values in accuracies.items()},
        **frozen,
        'pre-training': read_curve(folder / 'pretrain'),
        'fine-tuning': compare_starts(runs, folder / 'finetuning.png'),
        'seconds': seconds(),
    }
    write_json(folder / 'results.json', results)
    draw_report(results, features, config, checkpoint, folder)
    return results


def read_curve(work_dir: Path) -> dict:
    """Return the losses of a pre-training over its steps, and the loss of random guessing."""
    rows = [row for row in logged(work_dir) if 'loss' in row]
    chance = rows[-1]['chance' if 'chance' in rows[-1] else 'chance_patch']
    return {
        'losses': select_losses(rows),
        'chance': round(chance, 4),
        'step': [row['step'] for row in rows],
    }


def fine_tune(config: Path, work_dir: Path, checkpoint: Path | None, seed: int) -> float:
    """Fine-tune on the label choice of ``seed`` and return the top-1 accuracy in percent."""
    start = (
        {'model__backbone__init_cfg__checkpoint': checkpoint}
        if checkpoint
        else {'model__backbone__init_cfg': None}
    )
    labels: dict[str, Any] = {'train_dataloader__dataset__ann_file': f'few_labels_{seed}.txt'}
    train(config, work_dir, randomness__seed=seed, **labels, **start)
    return next(
        row['accuracy/top1'] for row in reversed(logged(work_dir)) if 'accuracy/top1' in row
    )


def select_losses(rows: list[dict]) -> dict[str, list[float]]:
    """Return the logged parts of the pre-training loss by name."""
    names = {
        'loss_contrast': 'contrast',
        'loss_pixel': 'reconstruction',
        'loss_patch': 'contrast of patches',
        'loss_image': 'contrast of images',
    }
    names = {key: name for key, name in names.items() if key in rows[0]} or {'loss': 'contrast'}
    return {name: [round(row[key], 4) for row in rows] for key, name in names.items()}


def print_results(results: dict) -> None:
    """Print the accuracies as a table."""
    print(f'\n{"top-1 accuracy, %":26}{"random":>12}{"pre-trained":>14}{"raw pixels":>13}')
    for task in ('fine-tune on 200 labels', 'linear probe', 'k-NN'):
        row = results[task]
        cells = [row.get(name) for name in ('random', 'pretrained', 'pixels')]
        print(f'{task:26}{cell(cells[0]):>12}{cell(cells[1]):>14}{cell(cells[2]):>13}')
    print(f'\ndone in {clock(results["seconds"])}')
