"""Convert released ConMIM checkpoints into this package's, and back.

    python tools/convert/conmim.py checkpoint-799.pth conmim.pth --teacher checkpoint_copy-799.pth
    python tools/convert/conmim.py conmim.pth student.pth --to-released
    python tools/convert/conmim.py conmim.pth ema.pth --to-released --part teacher

The first makes a file as pre-training writes it: the student under ``backbone.`` and ``neck.``,
the EMA copy under ``ema.``. A fine-tuned model becomes an ``ImageClassifier``'s file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from torch import Tensor

from ...checkpoint.aliases import present_name
from ...checkpoint.conmim import CONMIM
from ...checkpoint.files import load_file, save_file, state_dict_of


def convert(student: Path, teacher: Path | None) -> dict[str, Tensor]:
    """The state dict of a :class:`ConMIM` from the released student's and EMA files."""
    state = CONMIM.from_released(state_dict_of(load_file(student)))
    if teacher:
        ema = CONMIM.from_released(state_dict_of(load_file(teacher)))
        state.update({f'ema.{name}': tensor for name, tensor in ema.items()})
    return state


def convert_back(path: Path, part: str) -> dict[str, Tensor]:
    """The released state dict of the student or the teacher in a file of this package.

    Raises:
        ValueError: the file has no such part.
    """
    content = state_dict_of(load_file(path))
    named = {present_name(name): tensor for name, tensor in content.items()}
    of_teacher = part == 'teacher'
    tensors = {
        name.removeprefix('ema.'): tensor
        for name, tensor in named.items()
        if name.startswith('ema.') == of_teacher
    }
    if not tensors:
        raise ValueError(f'{path} has no {part}.')
    return CONMIM.to_released(tensors)


def main() -> None:
    """Convert one file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', type=Path, help='file to convert')
    parser.add_argument('target', type=Path, help='file to write')
    parser.add_argument('--teacher', type=Path, help='released EMA file that belongs to source')
    parser.add_argument('--to-released', action='store_true', help='convert back')
    parser.add_argument(
        '--part', choices=['student', 'teacher'], default='student', help='with --to-released'
    )
    args = parser.parse_args()
    try:
        if args.to_released:
            content = {'model': convert_back(args.source, args.part)}
        else:
            content = {'state_dict': convert(args.source, args.teacher), 'meta': {}}
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f'error: {error}')
    save_file(content, args.target)
    tensors = next(iter(content.values()))
    print(f'{args.target}: {len(tensors)} tensors from {args.source}')
