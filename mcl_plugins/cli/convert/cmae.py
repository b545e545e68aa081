"""Convert released CMAE checkpoints to the names of this package, and back.

    mcl convert cmae released.pth cmae.pth
    mcl convert cmae cmae.pth released.pth --to-released

The source is a complete pre-training state, an encoder alone (its tensors get the prefix
``backbone.``) or a fine-tuned model, which becomes the checkpoint of an ``ImageClassifier``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...checkpoint.cmae import CMAE
from ..parsers.convert import cmae as parse_args
from ._single_file import convert_file


def main(argv: Sequence[str] | None = None) -> None:
    """Convert the file of the command line."""
    convert_cmae(**vars(parse_args(argv)))


def convert_cmae(source: Path, target: Path, to_released: bool = False) -> None:
    """Convert a released CMAE checkpoint, or back with ``to_released``.

    See :func:`._single_file.convert_file`.
    """
    convert_file(CMAE, 'state_dict', source, target, to_released)
