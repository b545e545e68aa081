"""The note that marks a folder as written by a script, without which nothing in it is deleted."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ...utils.reading import read_json
from ...utils.writing import write_json

NOTE = 'recipe.json'


def begin(root: Path, recipe: dict, folders: Sequence[str]) -> bool:
    """Prepare a folder for new data unless it contains them already.

    Data of another recipe or of an interrupted run are deleted.

    Args:
        root: the folder; created if it does not exist.
        recipe: everything that the data depend on; written into the note.
        folders: folders that will be written below ``root``.

    Returns:
        Whether the data have to be made.

    Raises:
        ValueError: the note is that of another script; or there is no note but one of the folders
            exists, which was therefore not written by this script.
    """
    note = root / NOTE
    if note.is_file():
        made = read_json(note, f'Remove {root}, to make the data anew.')
        if made == recipe:
            print(f'{root} is complete')
            return False
        if made.get('unfinished', made).keys() != recipe.keys():
            raise ValueError(f'{root} was written by another script ({note}); name another folder.')
    else:
        foreign = [root / name for name in folders if (root / name).exists()]
        if foreign:
            raise ValueError(
                f'{foreign[0]} exists and was not written by this script (there is no '
                f'{note}); name another folder, or move it away.'
            )
    root.mkdir(parents=True, exist_ok=True)
    write_json(note, {'unfinished': recipe})
    for name in folders:
        shutil.rmtree(root / name, ignore_errors=True)
    return True


def finish(root: Path, recipe: dict) -> None:
    """Write the note that the data are complete."""
    write_json(root / NOTE, recipe)
