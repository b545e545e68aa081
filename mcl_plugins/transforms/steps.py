"""The steps of a pipeline together with those within its branches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any


def step_lists(steps: Sequence) -> Iterator[Any]:
    """Yield a pipeline's list of steps and those of its branches, such as test-time augmentation's.

    A caller may exchange steps in each list.
    """
    yield steps
    for step in steps:
        for inner in (getattr(step, 'transforms', None), getattr(step, 'subroutines', None)):
            if isinstance(inner, list | tuple):
                yield from step_lists(inner)


def all_steps(steps: Sequence) -> Iterator[Any]:
    """Yield the steps of a pipeline, then those within its branches."""
    return chain.from_iterable(step_lists(steps))
