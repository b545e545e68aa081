"""Finding the checkpoint that a training goes on from."""

from __future__ import annotations

import logging
import re
import zipfile
from pathlib import Path

from mmengine.logging import print_log

NUMBERED = re.compile(r'(?:epoch|iter)_(\d+)\.pth')


def find_checkpoint(work_dir: str | Path) -> str | None:
    """The checkpoint to go on from, or None where nothing was trained yet.

    It is the file that ``last_checkpoint`` names; if the folder was moved since, the one of that
    name in it; else the ``epoch_N.pth`` or ``iter_N.pth`` of the highest number. MMEngine trusts
    ``last_checkpoint`` alone, which a kill can leave empty: a training then began anew, over its
    own files.

    Raises:
        ValueError: something was trained, and no checkpoint of it can be read.
    """
    folder = Path(work_dir)
    pointer = folder / 'last_checkpoint'
    named = pointer.read_text().strip() if pointer.is_file() else ''
    if '://' in named:
        return named  # in a storage that only MMEngine reaches
    wanted = [Path(named), folder / Path(named).name] if named else []
    candidates = [*wanted, *_list_numbered(folder)]
    for file in candidates:
        if zipfile.is_zipfile(file):  # half a file lacks the directory at its end
            if file.name != Path(named).name:
                print_log(
                    f'{pointer} names {named or "nothing"}; the newest checkpoint is {file}.',
                    logger='current',
                    level=logging.WARNING,
                )
            return str(file)
    if candidates:
        names = ', '.join(dict.fromkeys(map(str, candidates)))
        raise ValueError(
            f'{folder} holds a training, but its checkpoints are missing or damaged: {names}. '
            'Name a whole one with --resume FILE, or start over in another --work-dir.'
        )
    return None


def _list_numbered(folder: Path) -> list[Path]:
    """The folder's checkpoints by number, the newest first."""
    found = [(NUMBERED.fullmatch(file.name), file) for file in folder.glob('*.pth')]
    numbers = {file: int(match[1]) for match, file in found if match}
    return sorted(numbers, key=numbers.__getitem__, reverse=True)
