"""Convert released MoCo v3 checkpoints of ViTs to the names of mmpretrain, and back.

    mcl convert mocov3 vit-s-300ep.pth.tar mocov3.pth
    mcl convert mocov3 mocov3.pth released.pth.tar --to-released

MimCo's teacher loads the base encoder, ``backbone.``, from the file. MoCo v3's ViT-S has 12
attention heads (``arch='mocov3-small'``); the shapes of the tensors do not show their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...checkpoint.mocov3 import MOCOV3
from ..parsers.convert import mocov3 as parse_args
from ._single_file import convert_file


def main(argv: Sequence[str] | None = None) -> None:
    """Convert the file of the command line."""
    convert_mocov3(**vars(parse_args(argv)))


def convert_mocov3(source: Path, target: Path, to_released: bool = False) -> None:
    """Convert a released MoCo v3 checkpoint, or back with ``to_released``.

    See :func:`._single_file.convert_file`.
    """
    convert_file(MOCOV3, 'state_dict', source, target, to_released)
