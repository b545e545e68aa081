"""Compare the trainings from several starts, as ``mcl compare`` does with any runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..compare import WIDTH, describe
from ..entries import Entry
from ..logs import read_run
from ..visualize.pictures import save
from ..visualize.seed_bands import draw_bands
from .report import NAMES


def compare_starts(runs: Mapping[str, Sequence[Path]], picture: Path) -> list[str]:
    """Draw the curves of all trainings, with the bands over their seeds, and describe them.

    Args:
        runs: for each start, a key of ``NAMES``, the work dir of each seed. The first start is the
            one that the others are compared with.
        picture: file to draw into.

    Returns:
        The lines of ``mcl compare``: last values, and whether the means are inside the first
        start's band.

    Raises:
        FileNotFoundError: a folder has no log.
    """
    entries = [
        Entry(NAMES[start], [read_run(folder, folder.name) for folder in folders], {})
        for start, folders in runs.items()
    ]
    save(draw_bands(entries, WIDTH), picture)
    return describe(entries)
