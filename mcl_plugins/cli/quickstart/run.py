"""Pre-train a small network on handwritten digits and measure what that is worth.

    python tools/quickstart/run.py [--method conmim] [--seeds 1] [--work-dir work_dirs/quickstart]

Makes the images, pre-trains with ``configs/quickstart/<method>.py`` (before it, where there is
one, the teacher with ``<method>_teacher.py``), then compares the pre-trained
encoder with the same network from random weights: a fine-tune on 200 labels
(``<method>_finetune.py``), a linear probe and k-NN, with raw pixels as a reference. Writes
``results.json`` and ``report.png`` into the work dir. All training runs through
``tools/train.py``, as a user's own does.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import mcl_plugins  # noqa: F401  before the libraries, whose notices it keeps quiet

from .probe import frozen_accuracies
from .report import TITLES, draw_report
from .stages import (
    ROOT,
    call,
    cell,
    clock,
    logged,
    pretrain,
    say,
    seconds,
    summary,
    train,
)

DATA = ROOT / 'data' / 'quickstart'
STEPS = 5


def fine_tune(config: Path, work_dir: Path, checkpoint: Path | None, seed: int) -> float:
    """Top-1 accuracy in percent after fine-tuning on the label choice of ``seed``."""
    start = (
        {'model__backbone__init_cfg__checkpoint': checkpoint}
        if checkpoint
        else {'model__backbone__init_cfg': None}
    )
    labels = {'train_dataloader__dataset__ann_file': f'few_labels_{seed}.txt'}
    train(config, work_dir, randomness__seed=seed, **labels, **start)
    return next(
        row['accuracy/top1'] for row in reversed(logged(work_dir)) if 'accuracy/top1' in row
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the whole quickstart."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--method', choices=sorted(TITLES), default='conmim')
    parser.add_argument('--seeds', type=int, choices=(1, 2, 3), default=1, help='fine-tunings each')
    parser.add_argument('--work-dir', type=Path, default=ROOT / 'work_dirs' / 'quickstart')
    args = parser.parse_args(argv)
    work_dir = args.work_dir.resolve()
    config = ROOT / 'configs' / 'quickstart' / f'{args.method}.py'
    finetune_config = config.with_name(f'{args.method}_finetune.py')

    say(1, STEPS, 'Images: handwritten digits in the colours of photographs')
    call('tools/data/make_digits.py', DATA)

    say(2, STEPS, f'Pre-training without labels: {config.relative_to(ROOT)}')
    checkpoint = pretrain(config, work_dir)

    say(3, STEPS, 'Fine-tuning with 200 labels, from random and from pre-trained weights')
    accuracies = {
        name: [
            fine_tune(finetune_config, work_dir / f'finetune-{name}-{seed}', start, seed)
            for seed in range(args.seeds)
        ]
        for name, start in (('random', None), ('pretrained', checkpoint))
    }

    say(4, STEPS, 'Frozen features: linear probe and k-NN')
    frozen = frozen_accuracies(finetune_config, checkpoint, DATA)

    say(5, STEPS, 'Report')
    curve = [row for row in logged(work_dir / 'pretrain') if 'loss' in row]
    results = {
        'method': args.method,
        'config': str(config.relative_to(ROOT)),
        'checkpoint': str(checkpoint),
        'fine-tune on 200 labels': {name: summary(values) for name, values in accuracies.items()},
        **frozen,
        'pre-training': {
            'losses': losses_of(curve),
            'chance': round(curve[-1]['chance' if 'chance' in curve[-1] else 'chance_patch'], 4),
            'step': [row['step'] for row in curve],
        },
        'seconds': seconds(),
    }
    (work_dir / 'results.json').write_text(json.dumps(results, indent=2) + '\n')
    picture = draw_report(results, config, finetune_config, checkpoint, DATA, work_dir)
    print_results(results)
    print(f'\nresults: {work_dir / "results.json"}\npicture: {picture}')


def losses_of(rows: list[dict]) -> dict[str, list[float]]:
    """The parts of the pre-training loss, by name, as logged."""
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
