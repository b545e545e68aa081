"""Convert released MoBY checkpoints to the names of this package, and back.

    mcl convert moby moby_swin_t_300ep_pretrained.pth moby.pth
    mcl convert moby moby.pth released.pth --to-released

The file contains a complete pre-training state. MimCo's teacher and fine-tuning load the online
encoder, ``backbone.``, from it. In the README of the released code the links of the Swin and the
DeiT file are exchanged; a file of the wrong architecture is refused when it is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...checkpoint.moby import MOBY
from ..parsers.convert import moby as parse_args
from ._single_file import convert_file


def main(argv: Sequence[str] | None = None) -> None:
    """Convert the file of the command line."""
    convert_moby(**vars(parse_args(argv)))


def convert_moby(source: Path, target: Path, to_released: bool = False) -> None:
    """Convert a released MoBY checkpoint, or back with ``to_released``.

    See :func:`._single_file.convert_file`.
    """
    convert_file(MOBY, 'model', source, target, to_released)
