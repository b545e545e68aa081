"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(columns: Sequence[object], rows: Iterable[Iterable[object]]) -> str:
    """Return a table, without a final line break.

    Example:
        >>> print(table(['encoder', 'top-1'], [['ViT-B', 83.5], ['Swin-B', '']]))
        | encoder | top-1 |
        | --- | --- |
        | ViT-B | 83.5 |
        | Swin-B | |
    """
    return '\n'.join([head(columns), *map(row, rows)])


def head(columns: Sequence[object]) -> str:
    """Return the two lines above the rows of a table."""
    return f'{row(columns)}\n{row(["---"] * len(columns))}'


def row(cells: Iterable[object]) -> str:
    """Return a row of a table."""
    return ' '.join(['|', *(f'{cell} |'.lstrip() for cell in cells)])
