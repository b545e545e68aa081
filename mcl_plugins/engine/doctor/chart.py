"""What a training has shown so far, and the sentences that are said about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import takewhile

from .reference import Reference

COMPARED = 0.25  # share of a training from which on its loss is compared with the reference's
NOTABLE = 0.1  # share of its first value that the reference's loss has lost by then
_RECALLS = re.compile('^(expected_)?recall_|^above_chance_')


@dataclass(frozen=True)
class Verdict:
    """An illness that was found.

    Attributes:
        illness: its short name.
        text: what was seen, in a sentence.
        remedy: what to do.
    """

    illness: str
    text: str
    remedy: str

    def __str__(self) -> str:
        """Return both sentences."""
        return f'{self.text} {self.remedy}'


@dataclass(frozen=True)
class Facts:
    """What is known of a training before its first step.

    Attributes:
        steps: iterations of the whole training.
        start: those that were done before this process; 0 unless it resumes a training.
        loaded: the training begins with the weights of a file: of the whole model or the encoder.
        warm_up: iterations of the warm-up of the learning rate.
        updates: steps of the optimizer.
        momentum: start and end of the EMA's momentum; None without EMA.
        temperatures: of each contrastive head, by its name in the config.
        negatives: of each query, by the same names.
        max_norm: at which gradients are clipped; None if they are not.
        copies: estimated share of the training images that are copies of others; 0 with labels.
        compares_images: a contrastive head has other images, or parts of them, as negatives.
        reference: how the loss of the method falls in the pocket benchmark; None if it is not in
            it, or this training is shorter.
    """

    steps: int
    start: int = 0
    loaded: bool = False
    warm_up: int = 0
    updates: int = 0
    momentum: tuple[float, float] | None = None
    temperatures: dict[str, float] = field(default_factory=dict)
    negatives: dict[str, int] = field(default_factory=dict)
    max_norm: float | None = None
    copies: float = 0.0
    compares_images: bool = False
    reference: Reference | None = None

    @property
    def sees_beginning(self) -> bool:
        """Whether this process sees the loss of the training's first, random weights."""
        return self.start == 0 and not self.loaded


@dataclass(frozen=True)
class Look:
    """The numbers of the iterations between two looks.

    Attributes:
        step: iterations of the training so far.
        values: by name. Those of the log are means over the iterations since the last look.
        since: iterations at the last look, or those done before this process.
    """

    step: int
    values: dict[str, float]
    since: int = 0


class Chart:
    """The looks at a training.

    Args:
        facts: what is known before.
        patience: iterations for which something has to last before it is said.
        seconds: time of iterations over which waiting for data is judged, at least.

    Example:
        >>> chart = Chart(Facts(steps=1000), patience=100)
        >>> for step in range(50, 300, 50):
        ...     chart.add(Look(step, {'loss': 3.0}))
        >>> chart.lasts('loss', lambda loss: loss > 2), chart.lasts('loss', lambda loss: loss > 4)
        (True, False)
    """

    def __init__(self, facts: Facts, patience: int, seconds: float = 30.0) -> None:
        self.facts, self.patience, self.seconds = facts, patience, seconds
        self.looks: list[Look] = []
        self.now: dict[str, float] = {}  # the last value of each name; a look may have only some
        self.begun: Look | None = None  # the first look of all that has a loss

    def add(self, look: Look) -> None:
        """Add a look with what follows from it; those that nothing depends on are forgotten."""
        if self.begun is None and 'loss' in look.values:
            self.begun = look
        since = self.looks[-1].step if self.looks else self.facts.start
        look = Look(look.step, {**look.values, **self._relate(look)}, since)
        self.looks.append(look)
        self.now |= look.values
        self._forget(look.step - 2 * self.patience)

    def _forget(self, start: int) -> None:
        """Forget the looks up to a step, but three, and what probes found, which are far apart."""
        old = [_of_probes(look) for look in self.looks[:-3] if look.step <= start]
        self.looks[: len(old)] = [look for look in old if look.values]

    @property
    def settled_at(self) -> int:
        """Iterations after which the learning rate has had time: the warm-up, a tenth at most."""
        return min(self.facts.warm_up, self.facts.steps // 10)

    def lasts(self, name: str, wrong: Callable[[float], bool], settled: bool = True) -> bool:
        """Whether a value has been wrong for as long as the patience, at two looks at least.

        Only looks of this process count, each for the iterations since the one before.

        Args:
            name: of the value.
            wrong: whether a value is.
            settled: do not count the beginning, see :attr:`settled_at`.
        """
        begin = self.settled_at if settled else 0
        return self._is_long([look for look in self.in_a_row(name, wrong) if look.since >= begin])

    @property
    def can_judge(self) -> bool:
        """Whether there were enough looks after the warm-up for something to last."""
        return self._is_long(
            [look for look in reversed(self.looks) if look.since >= self.settled_at]
        )

    def _is_long(self, looks: list[Look]) -> bool:
        """Whether looks, newest first, are at least two and span the patience."""
        return len(looks) > 1 and looks[0].step - looks[-1].since >= self.patience

    def twice(self, name: str, wrong: Callable[[float], bool]) -> bool:
        """Whether a value was wrong at the last two looks that have it."""
        return len(self.in_a_row(name, wrong)) > 1

    def in_a_row(self, name: str, wrong: Callable[[float], bool]) -> list[Look]:
        """Return the last looks that have a value, newest first, up to one where it is right."""
        having = [look for look in reversed(self.looks) if name in look.values]
        return list(takewhile(lambda look: wrong(look.values[name]), having))

    def _relate(self, look: Look) -> dict[str, float]:
        """Return ``fallen`` and ``of_reference``.

        ``fallen`` is the share of its first value that the loss has lost, and ``of_reference`` the
        same relative to the pocket benchmark's run. Neither is known of a resumed training, nor of
        one that begins with the weights of another.
        """
        begun, steps = self.begun, self.facts.steps
        if begun is None or 'loss' not in look.values:
            return {}
        if not self.facts.sees_beginning or begun.step > steps / 10:
            return {}
        if begun.values['loss'] <= 0:  # of a loss such as -cos nothing is lost in this sense
            return {}
        found = {'fallen': 1 - look.values['loss'] / begun.values['loss']}
        reference, progress = self.facts.reference, look.step / steps
        if reference is not None and progress > COMPARED:
            usual = reference.fallen(progress)
            if usual > NOTABLE:
                found['of_reference'] = found['fallen'] / usual
        return found


def _of_probes(look: Look) -> Look:
    """Return a look with nothing but the values by which probes and validations are judged."""
    kept = {name: value for name, value in look.values.items() if _RECALLS.search(name)}
    return Look(look.step, kept, look.since)
