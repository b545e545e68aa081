"""Convert released ConMIM checkpoints to the names of this package, and back.

    mcl convert conmim checkpoint-799.pth conmim.pth --teacher checkpoint_copy-799.pth
    mcl convert conmim conmim.pth student.pth --to-released
    mcl convert conmim conmim.pth ema.pth --to-released --part teacher

The first command writes a file like those of pre-training: the student has the prefixes
``backbone.`` and ``neck.``, the EMA copy ``ema.``. A fine-tuned model becomes the checkpoint of an
``ImageClassifier``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from ...checkpoint.aliases import present_name
from ...checkpoint.conmim import CONMIM
from ...checkpoint.files import save_file
from ..parsers.convert import conmim as parse_args
from ._single_file import read_tensors


def main(argv: Sequence[str] | None = None) -> None:
    """Convert the file of the command line."""
    convert_conmim(**vars(parse_args(argv)))


def convert_conmim(
    source: Path,
    target: Path,
    teacher: Path | None = None,
    to_released: bool = False,
    part: str = 'student',
) -> None:
    """Convert a released ConMIM checkpoint, or back, and print what was written.

    Args:
        source: file to convert.
        target: file to write.
        teacher: released EMA file that belongs to ``source``.
        to_released: convert back: ``source`` is a file of this package, ``target`` gets the
            released layout.
        part: network that is converted back, ``'student'`` or ``'teacher'``.

    Raises:
        FileNotFoundError: the source or the teacher does not exist.
        ValueError: a file is not a checkpoint of ConMIM, or does not contain the part.
    """
    if to_released:
        content = {'model': convert_back(source, part)}
    else:
        content = {'state_dict': convert(source, teacher), 'meta': {}}
    save_file(content, target)
    tensors = next(iter(content.values()))
    print(f'{target}: {len(tensors)} tensors from {source}')


def convert(student: Path, teacher: Path | None) -> dict[str, Tensor]:
    """Build the state dict of a :class:`ConMIM` from the released files of student and EMA."""
    state = CONMIM.from_released(read_tensors(student))
    if teacher:
        ema = CONMIM.from_released(read_tensors(teacher))
        state.update({f'ema.{name}': tensor for name, tensor in ema.items()})
    return state


def convert_back(path: Path, part: str) -> dict[str, Tensor]:
    """Return the released state dict of the student or the teacher in a file of this package.

    Raises:
        ValueError: the file does not contain the part.
    """
    named = {present_name(name): tensor for name, tensor in read_tensors(path).items()}
    of_teacher = part == 'teacher'
    tensors = {
        name.removeprefix('ema.'): tensor
        for name, tensor in named.items()
        if name.startswith('ema.') == of_teacher
    }
    if not tensors:
        raise ValueError(f'{path} has no {part}.')
    return CONMIM.to_released(tensors)
