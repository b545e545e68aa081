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
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean, stdev

import mcl_plugins  # noqa: F401  before the libraries, whose notices it keeps quiet
from probe import frozen_accuracies
from report import TITLES, draw_report

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / 'data' / 'quickstart'
START = time.monotonic()


def say(step: int, text: str) -> None:
    """Announce a step with the time that has passed."""
    seconds = int(time.monotonic() - START)
    print(f'\n\033[1m[{step}/5] {text}  ({seconds // 60}:{seconds % 60:02d})\033[0m', flush=True)


def train(config: Path, work_dir: Path, **options: object) -> None:
    """Run ``tools/train.py``; its progress goes to the console."""
    settings = [f'{key.replace("__", ".")}={value}' for key, value in options.items()]
    command = [sys.executable, str(ROOT / 'tools/train.py'), str(config)]
    command += ['--work-dir', str(work_dir)]
    subprocess.run([*command, '--cfg-options', *settings], check=True, cwd=ROOT)


def logged(work_dir: Path) -> list[dict]:
    """The scalars that the newest run in ``work_dir`` logged, in order."""
    file = max(work_dir.glob('*/vis_data/scalars.json'))
    return [json.loads(line) for line in file.read_text().splitlines()]


def checkpoint_of(work_dir: Path) -> Path:
    """The last checkpoint that a run in ``work_dir`` wrote."""
    return Path((work_dir / 'last_checkpoint').read_text())


def pretrain(config: Path, work_dir: Path) -> Path:
    """Pre-train, after the frozen teacher if the method has one; returns the checkpoint."""
    teacher = config.with_name(f'{config.stem}_teacher.py')
    start: dict[str, object] = {}
    if teacher.is_file():
        train(teacher, work_dir / 'teacher', randomness__seed=0)
        start['model__teacher__backbone__init_cfg__checkpoint'] = checkpoint_of(
            work_dir / 'teacher'
        )
    train(config, work_dir / 'pretrain', randomness__seed=0, **start)
    return checkpoint_of(work_dir / 'pretrain')


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


def summary(accuracies: list[float]) -> dict:
    """Mean, spread (sample standard deviation, None for one seed) and the single accuracies."""
    spread = round(stdev(accuracies), 2) if len(accuracies) > 1 else None
    return {'mean': round(mean(accuracies), 2), 'spread': spread, 'seeds': accuracies}


def main() -> None:
    """Run the whole quickstart."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--method', choices=sorted(TITLES), default='conmim')
    parser.add_argument('--seeds', type=int, choices=(1, 2, 3), default=1, help='fine-tunings each')
    parser.add_argument('--work-dir', type=Path, default=ROOT / 'work_dirs' / 'quickstart')
    args = parser.parse_args()
    work_dir = args.work_dir.resolve()
    config = ROOT / 'configs' / 'quickstart' / f'{args.method}.py'
    finetune_config = config.with_name(f'{args.method}_finetune.py')

    say(1, 'Images: handwritten digits in the colours of photographs')
    subprocess.run([sys.executable, str(ROOT / 'tools/data/make_digits.py'), str(DATA)], check=True)

    say(2, f'Pre-training without labels: {config.relative_to(ROOT)}')
    checkpoint = pretrain(config, work_dir)

    say(3, 'Fine-tuning with 200 labels, from random and from pre-trained weights')
    accuracies = {
        name: [
            fine_tune(finetune_config, work_dir / f'finetune-{name}-{seed}', start, seed)
            for seed in range(args.seeds)
        ]
        for name, start in (('random', None), ('pretrained', checkpoint))
    }

    say(4, 'Frozen features: linear probe and k-NN')
    frozen = frozen_accuracies(finetune_config, checkpoint, DATA)

    say(5, 'Report')
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
        'seconds': round(time.monotonic() - START),
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
        print(f'{task:26}{_cell(cells[0]):>12}{_cell(cells[1]):>14}{_cell(cells[2]):>13}')
    print(f'\ndone in {results["seconds"] // 60}:{results["seconds"] % 60:02d}')


def _cell(accuracy: dict | None) -> str:
    if accuracy is None:
        return '-'
    spread = f' +- {accuracy["spread"]:.1f}' if accuracy['spread'] is not None else ''
    return f'{accuracy["mean"]:.1f}{spread}'


if __name__ == '__main__':
    main()
