"""A stopwatch for the stages of a data pipeline, which may be within one another."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ...transforms import LoadImageFromFile, LoadRandomResizedCrop

# Steps of pipelines that are one stage; others have a stage of their own.
CROPS = ('LoadRandomResizedCrop', 'RandomResizedCrop', 'RandomFlip', 'PixelShift')


class Stopwatch:
    """Seconds of each stage, without those of the stages within it.

    Args:
        clock: returns seconds.

    Example:
        >>> ticks = iter([0, 1, 3, 10])
        >>> watch = Stopwatch(lambda: next(ticks))
        >>> with watch.stage('load'), watch.stage('read'):
        ...     pass
        >>> dict(watch.seconds)
        {'read': 2, 'load': 8}
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self.seconds: dict[str, float] = defaultdict(int)
        self._inner: list[float] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        start = self.clock()
        self._inner.append(0)
        try:
            yield
        finally:
            spent = self.clock() - start
            self.seconds[name] += spent - self._inner.pop()
            if self._inner:
                self._inner[-1] += spent

    def timed(self, name: str, part: Any) -> Any:
        """Return a function or transform whose calls are a stage; attributes are the part's."""
        return _Timed(self, name, part)

    def time_pipeline(self, transforms: list) -> None:
        """Time each step of a pipeline, and apart from it reading and decoding."""
        for index, step in enumerate(transforms):
            name = type(step).__name__
            if isinstance(step, LoadImageFromFile):
                step.read = self.timed('read', step.read)  # type: ignore[method-assign]
                step.decoder = self.timed('decode', step.decoder)
                name = name if isinstance(step, LoadRandomResizedCrop) else 'decode'
            transforms[index] = self.timed('crop' if name in CROPS else name, step)


class _Timed:
    def __init__(self, watch: Stopwatch, name: str, part: Any) -> None:
        self._watch, self._name, self._part = watch, name, part

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self._watch.stage(self._name):
            return self._part(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)
