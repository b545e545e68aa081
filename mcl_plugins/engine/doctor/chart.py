"""What a training has shown so far, and the sentences that are said about it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import takewhile

from .reference import Reference

COMPARED = 0.25  # share of a training from which on its loss is compared with the reference's
NOTABLE = 0.1  # share of its first value that the reference's loss has lost by then


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
        warm_up: iterations of the warm-up of the learning rate.
        updates: steps of the optimizer.
        momentum: start and end of the EMA's momentum; None without EMA.
        temperatures: of each contrastive head, by its name in the config.
        negatives: of each query, by the same names.
        max_norm: at which gradients are clipped; None if they are not.
        chances: the chance floor of losses that the log has none for, by the names of the losses.
        copies: estimated share of the training images that are copies of others.
        reference: how the loss of the method falls in the pocket benchmark; None if it is not in
            it, or this training is shorter.
    """

    steps: int
    warm_up: int = 0
    updates: int = 0
    momentum: tuple[float, float] | None = None
    temperatures: dict[str, float] = field(default_factory=dict)
    negatives: dict[str, int] = field(default_factory=dict)
    max_norm: float | None = None
    chances: dict[str, float] = field(default_factory=dict)
    copies: float = 0.0
    reference: Reference | None = None


@dataclass(frozen=True)
class Look:
    """The numbers of the iterations between two looks.

    Attributes:
        step: iterations of the training so far.
        values: by name. Those of the log are means over the iterations since the last look.
    """

    step: int
    values: dict[str, float]


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
        self.looks: deque[Look] = deque()
        self.first: dict[str, float] = {}  # value of each name at the first look after the warm-up
        self.begun: Look | None = None  # the first look of all that has a loss

    def add(self, look: Look) -> None:
        """Add a look with what follows from it; those that nothing depends on are forgotten."""
        if self.begun is None and 'loss' in look.values:
            self.begun = look
        look = Look(look.step, {**look.values, **self._relate(look)})
        for name, value in look.values.items():
            if look.step > self.settled_at:
                self.first.setdefault(name, value)
        self.looks.append(look)
        while len(self.looks) > 3 and self.looks[1].step <= look.step - 2 * self.patience:
            self.looks.popleft()

    @property
    def settled_at(self) -> int:
        """Iterations after which the learning rate has had time: the warm-up, a tenth at most."""
        return min(self.facts.warm_up, self.facts.steps // 10)

    @property
    def now(self) -> dict[str, float]:
        """The values of the last look."""
        return self.looks[-1].values

    def lasts(self, name: str, wrong: Callable[[float], bool], settled: bool = True) -> bool:
        """Whether a value has been wrong for as long as the patience, at two looks at least.

        Args:
            name: of the value.
            wrong: whether a value is.
            settled: do not count the beginning, see :attr:`settled_at`.
        """
        start = self.looks[-1].step - self.patience
        begin = self.settled_at if settled else 0
        recent = [look for look in self.looks if look.step >= start and name in look.values]
        return (
            start >= begin and len(recent) > 1 and all(wrong(look.values[name]) for look in recent)
        )

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
        same relative to the pocket benchmark's run. A resumed training does not know its first
        value.
        """
        begun, steps = self.begun, self.facts.steps
        if begun is None or 'loss' not in look.values or begun.step > steps / 10:
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
