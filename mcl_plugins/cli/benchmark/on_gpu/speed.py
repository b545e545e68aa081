"""Time and memory of training steps, and the share of it that the augmentation takes."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import torch

from ..count import flop_counter
from ..step import Step
from .steps import build_step

WARM_UP = 3  # steps
ROUNDS = 3
STEPS = 5  # of a round, between which nothing waits


def speed(
    config: str,
    options: dict[str, Any],
    batch: int,
    compiling: dict[str, Any] | None,
    device: torch.device,
) -> dict[str, Any]:
    """Measure the training step of a config; the arguments are those of ``build_step``.

    Returns:
        ``images``, of a step; ``ms``, its median time; ``preprocess_ms``, that of the
        augmentation and normalisation alone; ``gib``, the peak memory, 0 without a GPU; ``tflop``,
        10^12 floating point operations of a step, None of one that is compiled or recomputes.
    """
    step = build_step(config, options, batch, device, compiling)
    plain = compiling is None and not recomputes(options)
    tflop = count_tflop(step) if plain else None
    seconds, gib = measure(step)
    preprocess = median_seconds(step, lambda: preprocess_batch(step))
    return {
        'images': step.images,
        'ms': 1000 * seconds,
        'preprocess_ms': 1000 * preprocess * step.batches,
        'gib': gib,
        'tflop': tflop,
    }


def recomputes(options: dict[str, Any]) -> bool:
    """Whether options ask for activation checkpointing.

    Example:
        >>> recomputes({'model.backbone.with_cp': True})
        True
    """
    return any(key.endswith('.with_cp') and value for key, value in options.items())


def count_tflop(step: Step) -> float:
    """Count the floating point operations of a step, which is taken."""
    with flop_counter() as counter:
        step.train()
    return counter.get_total_flops() / 1e12


def measure(step: Step) -> tuple[float, float]:
    """Return the median seconds of a step, and the peak memory in GiB (0 without a GPU)."""
    gpu = step.device.type == 'cuda'
    for _ in range(WARM_UP):
        step.train()
    if gpu:
        torch.cuda.reset_peak_memory_stats()
    seconds = median_seconds(step, step.train)
    return seconds, torch.cuda.max_memory_allocated() / 2**30 if gpu else 0.0


def preprocess_batch(step: Step) -> None:
    """Augment and normalise a batch, as each step does."""
    step.model.data_preprocessor(step.batch, training=True)


def median_seconds(step: Step, work: Callable[[], None]) -> float:
    """Return the seconds that a piece of work takes: the median of rounds of several.

    Nothing waits for the device within a round, as in a training.
    """
    work()
    rounds = []
    for _ in range(ROUNDS):
        start = step.now()
        for _ in range(STEPS):
            work()
        rounds.append((step.now() - start) / STEPS)
    return statistics.median(rounds)
