"""The conversion command for methods whose released checkpoint is one file."""

from __future__ import annotations

from pathlib import Path

from ...checkpoint.files import extract_state_dict, load_file, save_file
from ...checkpoint.renaming import Names


def convert_file(
    names: Names, released_key: str, source: Path, target: Path, to_released: bool = False
) -> None:
    """Convert a released checkpoint to this package's layout, or back, and print what was written.

    Args:
        names: table of names of the method.
        released_key: key under which the released code stores its tensors.
        source: file to convert.
        target: file to write.
        to_released: convert back: ``source`` is a file of this package, ``target`` gets the
            released layout.

    Raises:
        FileNotFoundError: the source does not exist.
        ValueError: the source is not a checkpoint of the method.
    """
    tensors = extract_state_dict(load_file(source))
    if to_released:
        content = {released_key: names.to_released(tensors)}
    else:
        content = {'state_dict': names.from_released(tensors), 'meta': {}}
    save_file(content, target)
    print(f'{target}: {len(tensors)} tensors from {source}')
