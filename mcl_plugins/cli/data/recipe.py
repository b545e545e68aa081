"""The note that the scripts of this folder leave in what they make, and delete nothing without."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

NOTE = 'recipe.json'


def begin(root: Path, recipe: dict, folders: Sequence[str]) -> bool:
    """Get a place ready, unless it holds just what is wanted.

    What another recipe left there, or a run that did not end, is deleted.

    Args:
        root: the place; made if it does not exist.
        recipe: everything that what is made depends on; goes into the note.
        folders: what will be written below ``root``.

    Returns:
        Whether there is something to make.

    Raises:
        ValueError: the note is another script's; or it is not there and one of the folders is, which
            then is somebody else's.
    """
    note = root / NOTE
    if note.is_file():
        made = json.loads(note.read_text())
        if made == recipe:
            print(f'{root} is complete')
            return False
        if made.get('unfinished', made).keys() != recipe.keys():
            raise ValueError(f'{root} holds what another script made ({note}): name another place.')
    else:
        foreign = [root / name for name in folders if (root / name).exists()]
        if foreign:
            raise ValueError(
                f'{foreign[0]} is there already, and not made by this script (there is no '
                f'{note}): name another place, or move it away.'
            )
    root.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({'unfinished': recipe}))
    for name in folders:
        shutil.rmtree(root / name, ignore_errors=True)
    return True


def finish(root: Path, recipe: dict) -> None:
    """Note that everything is there."""
    (root / NOTE).write_text(json.dumps(recipe))
