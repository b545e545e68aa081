"""Which files of a data set are looked at before training."""

from __future__ import annotations


def spaced_indices(total: int, count: int) -> list[int]:
    """Return the indices of at most ``count`` of ``total`` items, evenly spaced with both ends.

    Example:
        >>> spaced_indices(3, 10), spaced_indices(100, 4)
        ([0, 1, 2], [0, 33, 66, 99])
    """
    if total <= count:
        return list(range(total))
    return [index * (total - 1) // (count - 1) for index in range(count)]
