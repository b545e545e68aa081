"""Repeat the passes of a step without taking the step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from .generators import set_generator_states
from .trace import Finding, Trace


def repeat(
    model: Any,
    passes: Iterable[tuple[Any, dict[str, Any]]],
    context: Callable[[], AbstractContextManager] = nullcontext,
) -> Finding | None:
    """Compute losses and gradients of a step again, and find what is not finite first.

    Every pass is made to its end, so that processes that repeat a step together meet in all
    collective operations. Weights do not change; gradients are removed afterwards.

    Args:
        model: an MMEngine model, without a distributed wrapper.
        passes: the batch of each pass, and the states of the generators before it.
        context: makes the context of the forward pass, such as autocast.
    """
    finding = None
    model.train()
    for batch, generators in passes:
        set_generator_states(generators)
        with Trace(model) as trace, torch.enable_grad():
            with context():
                losses = model._run_forward(model.data_preprocessor(batch, True), mode='loss')
            loss, _ = model.parse_losses(losses)
            if loss.requires_grad:
                loss.backward()
        finding = finding or trace.finding
    model.zero_grad(set_to_none=True)
    return finding
