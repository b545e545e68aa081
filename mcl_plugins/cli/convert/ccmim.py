"""Convert released ccMIM checkpoints to the names of this package, and back.

    mcl convert ccmim checkpoint-799.pth ccmim.pth
    mcl convert ccmim ccmim.pth checkpoint-799.pth --to-released

The names are MAE's, so MAE's own checkpoints can be converted too. A fine-tuned model becomes the
checkpoint of an ``ImageClassifier``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...checkpoint.ccmim import CCMIM
from ..parsers.convert import ccmim as parse_args
from ._single_file import convert_file


def main(argv: Sequence[str] | None = None) -> None:
    """Convert the file of the command line."""
    convert_ccmim(**vars(parse_args(argv)))


def convert_ccmim(source: Path, target: Path, to_released: bool = False) -> None:
    """Convert a released ccMIM checkpoint, or back with ``to_released``.

    See :func:`._single_file.convert_file`.
    """
    convert_file(CCMIM, 'model', source, target, to_released)
