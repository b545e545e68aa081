"""Write what the benchmark has measured: records, curves, encoders, tables and pictures."""

from __future__ import annotations

from pathlib import Path

from ...utils.writing import write_text
from .collect import collect
from .page import fill, page, pages
from .plots import draw_all


def write_report(work_dir: Path | None = None) -> list[Path]:
    """Collect the finished runs into the tree, and write the pages' tables and pictures from it.

    Args:
        work_dir: folder of the runs; by default ``work_dirs/pocket``.

    Returns:
        The files that were written.

    Raises:
        FileNotFoundError: the package is installed without its checkout.
    """
    file = page()
    if not file.is_file():
        raise FileNotFoundError(
            f'{file} does not exist: --report writes into a checkout of the package, which has it.'
        )
    written = collect(work_dir)
    texts = {file: fill(file.read_text(encoding='utf-8')) for file in pages()}
    for file, text in texts.items():
        write_text(file, text)
    return [*written, *texts, *draw_all()]
