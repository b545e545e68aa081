"""The command of methods whose released checkpoint is one file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ...checkpoint.files import extract_state_dict, load_file, save_file
from ...checkpoint.renaming import Names
from ..arguments import parser_for


def parse_args(description: str | None, argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = parser_for(description)
    parser.add_argument('source', type=Path, help='file to convert')
    parser.add_argument('target', type=Path, help='file to write')
    parser.add_argument('--to-released', action='store_true', help='convert back')
    return parser.parse_args(argv)


def convert_file(
    names: Names, released_key: str, source: Path, target: Path, to_released: bool = False
) -> None:
    """Convert a released checkpoint into this package's layout, or back, and say what was written.

    Args:
        names: the method's table of names.
        released_key: under which key the released code keeps its tensors.
        source: file to convert.
        target: file to write.
        to_released: ``source`` is of this package, and ``target`` is to be of the released layout.

    Raises:
        FileNotFoundError: there is no such source.
        ValueError: the source is no checkpoint of the method.
    """
    tensors = extract_state_dict(load_file(source))
    if to_released:
        content = {released_key: names.to_released(tensors)}
    else:
        content = {'state_dict': names.from_released(tensors), 'meta': {}}
    save_file(content, target)
    print(f'{target}: {len(tensors)} tensors from {source}')
