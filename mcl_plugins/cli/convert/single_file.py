"""Conversion of methods whose released checkpoint is one file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ...checkpoint.files import load_file, save_file, state_dict_of
from ...checkpoint.renaming import Names


def convert_file(names: Names, description: str | None, released_key: str) -> None:
    """Convert the file of the command line.

    Args:
        names: the method's table.
        description: the tool's help.
        released_key: under which key the released code keeps its tensors.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', type=Path, help='file to convert')
    parser.add_argument('target', type=Path, help='file to write')
    parser.add_argument('--to-released', action='store_true', help='convert back')
    args = parser.parse_args()
    try:
        tensors = state_dict_of(load_file(args.source))
        if args.to_released:
            content = {released_key: names.to_released(tensors)}
        else:
            content = {'state_dict': names.from_released(tensors), 'meta': {}}
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f'error: {error}')
    save_file(content, args.target)
    print(f'{args.target}: {len(tensors)} tensors from {args.source}')
