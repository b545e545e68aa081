"""Measure one row on one data set with one seed: pre-train, evaluate, and return the record."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch import Tensor

from ...checkpoint.digest import sha256_of
from ...checkpoint.files import save_file
from ...encoders import load_encoder
from ...evaluation.recall import mean_recall
from ..benchmark.flops import counted
from ..evaluate.frozen import Features, accuracy, extract
from ..logs import read_run
from ..quickstart.probe import knn_classes, linear_classes
from ..reproduce.record import config_digest, describe_machine
from ..train import train
from .protocol import LABELS, finetuning, frozen, pretraining
from .rows import ROWS, Data, Row

ENCODER = 'encoder.safetensors'
# Beginnings of the names of the kept curves.
CURVES = ('loss', 'top1', 'key_spread', 'knn', 'kappa')


def measure(
    row: Row,
    data: Data,
    images: int,
    seed: int,
    folder: Path,
    options: dict[str, Any] | None = None,
    labels: tuple[str, ...] = LABELS,
    part: str = 'test',
) -> dict[str, Any]:
    """Pre-train a row and evaluate its encoder.

    The encoder is rounded to half precision, in which the zoo has it, before it is evaluated.

    Args:
        row: the row.
        data: the data set, which has been made.
        images: images that the pre-training sees, with the teacher's.
        seed: random seed of all trainings, and number of the choice of labels.
        folder: folder for everything that is written.
        options: options of the pre-training's config, by dotted name.
        labels: numbers of labels to fine-tune with; ``'all'`` for all.
        part: part of the data set that is classified.

    Returns:
        The record: metrics in percent, work, time, curves, and what they depend on.
    """
    torch.set_num_threads(1)  # several processes share the machine
    begin = time.monotonic()
    record: dict[str, Any] = {
        'data': data.name,
        'row': row.name,
        'seed': seed,
        'part': part,
        'options': options or {},
        'images': 0,
        'gflops': 0.0,
        'curves': {},
    }
    encoder = None
    if row.config:
        share = images // 2 if row.teacher else images
        teacher = None
        if row.teacher:
            first = pretrain(ROWS[row.teacher], data, share, seed, folder / 'teacher')
            teacher = Path(first.pop('checkpoint'))
            record['teacher'] = first
        record.update(pretrain(row, data, share, seed, folder / 'pretrain', options, teacher))
        encoder = folder / ENCODER
        record['parameters'] = write_half(Path(record.pop('checkpoint')), encoder, row)
        record['sha256'] = sha256_of(encoder)
    middle = time.monotonic()
    record['metrics'] = evaluate(row, data, encoder, seed, folder, labels, part)
    record['seconds'] = {
        'pretraining': round(middle - begin, 1),
        'evaluation': round(time.monotonic() - middle, 1),
    }
    record['machine'] = describe_machine()
    for name in ('teacher', 'pretrain', 'finetune'):
        shutil.rmtree(folder / name, ignore_errors=True)
    return record


def pretrain(
    row: Row,
    data: Data,
    images: int,
    seed: int,
    folder: Path,
    options: dict[str, Any] | None = None,
    teacher: Path | None = None,
) -> dict[str, Any]:
    """Run a pre-training; return its checkpoint, length, work, curves and the config's hash."""
    config = pretraining(row, data, images, seed, options, teacher)
    runner = run(config, folder)
    steps, batch = runner.max_iters, config.train_dataloader.batch_size
    return {
        'checkpoint': str(folder / f'epoch_{runner.max_epochs}.pth'),
        'images': steps * batch,
        'steps': steps,
        'gflops': round(steps * count_gflops(runner), 1),
        'config_sha256': config_digest(config),
        'curves': read_curves(folder),
    }


def run(config: Config, folder: Path) -> Runner:
    """Write a config into a folder and train it there, in this process."""
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was stopped
    return train(write_config(config, folder / 'config.py'), work_dir=folder)


def write_config(config: Config, file: Path) -> Path:
    """Write a config without formatting it, which takes longer than some of the evaluations."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Config(config.to_dict(), format_python_code=False).dump(file)
    return file


def count_gflops(runner: Runner) -> float:
    """Count the work of a training step, forward and backward, in 10^9 operations."""
    model: Any = runner.model
    batch = next(iter(runner.train_dataloader))

    def step() -> None:
        inputs = model.data_preprocessor(batch, True)
        model.parse_losses(model(**inputs, mode='loss'))[0].backward()

    work = counted(step) / 1e9
    model.zero_grad()
    return work


def read_curves(folder: Path) -> dict[str, list[list[float]]]:
    """Return the curves of a pre-training: for each name its steps and its values."""
    found = read_run(folder, '').curves
    return {
        name: [[float(step) for step in steps], [round(value, 5) for value in values]]
        for name, (steps, values) in sorted(found.items())
        if name.startswith(CURVES)
    }


def write_half(checkpoint: Path, file: Path, row: Row) -> int:
    """Write the encoder of a checkpoint in half precision; return its number of parameters.

    The file says which classifier it was evaluated with, so that ``mcl knn FILE`` needs no config.
    It does not have the config's text, which has the paths of this machine.
    """
    encoder = load_encoder(checkpoint)
    tensors = {
        f'backbone.{name}': tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in encoder.backbone.state_dict().items()
    }
    ours = ('source', 'config')
    described = {key: value for key, value in encoder.describe().items() if key not in ours}
    meta = {'encoder': described, 'classifier': f'pocket/classify_{row.family}.py'}
    save_file({'state_dict': tensors, 'meta': meta}, file)
    return sum(parameter.numel() for parameter in encoder.backbone.parameters())


def evaluate(
    row: Row,
    data: Data,
    encoder: Path | None,
    seed: int,
    folder: Path,
    labels: tuple[str, ...],
    part: str,
) -> dict[str, float]:
    """Return the accuracies in percent: k-NN, linear, and fine-tuned with each number of labels.

    They are the mean recall of the classes if these differ in size.
    """
    found = evaluate_frozen(row, data, encoder, seed, folder, part)
    for number in labels:
        config = finetuning(row, data, encoder, number, seed, part)
        run(config, folder / 'finetune')
        name = 'single-label/recall' if data.unequal else 'accuracy/top1'
        curve = read_run(folder / 'finetune', '').curves[name]
        found[f'finetune_{number}'] = round(curve[1][-1], 4)
    return found


def evaluate_frozen(
    row: Row, data: Data, encoder: Path | None, seed: int, folder: Path, part: str
) -> dict[str, float]:
    """Return the accuracies of the classifiers that ``mcl knn`` and ``mcl linear`` take."""
    file = write_config(frozen(row, data, encoder, seed, part), folder / 'frozen.py')
    features: Features = extract(file, encoder, work_dir=folder / 'frozen')
    classifiers: dict[str, Callable[[Features], Tensor]] = {
        'knn': knn_classes,
        'linear': linear_classes,
    }
    result = {}
    for name, classify in classifiers.items():
        found, labels = classify(features), features.val_labels
        recall = round(100 * mean_recall(found, labels).mean, 4)
        result[name] = recall if data.unequal else accuracy(found, labels)
    shutil.rmtree(folder / 'frozen', ignore_errors=True)
    file.unlink()
    return result
