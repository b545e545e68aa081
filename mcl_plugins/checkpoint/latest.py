"""Find the checkpoint from which a training is resumed."""

from __future__ import annotations

import logging
import re
import zipfile
from pathlib import Path

from mmengine.logging import print_log

from .files import load_file

NUMBERED = re.compile(r'(?:epoch|iter)_(\d+)\.pth')


def find_checkpoint(work_dir: str | Path) -> str | None:
    """Find the checkpoint to resume from in a work dir.

    The candidates are, in this order: the path in the file ``last_checkpoint``; the file of that
    name in ``work_dir``, in case the folder was moved; and ``epoch_N.pth`` or ``iter_N.pth``, the
    largest N first. MMEngine only reads ``last_checkpoint``. A process that is killed can leave it
    empty, and MMEngine then starts a new training that overwrites the old checkpoints.

    Args:
        work_dir: folder of the training.

    Returns:
        The first candidate that is a complete file, or None if the folder has no candidate.

    Raises:
        ValueError: there are candidates, but none of them is a complete file.
    """
    folder = Path(work_dir)
    pointer = folder / 'last_checkpoint'
    named = pointer.read_text().strip() if pointer.is_file() else ''
    if '://' in named:
        return named  # a storage backend of MMEngine reads it
    wanted = [Path(named), folder / Path(named).name] if named else []
    candidates = [*wanted, *_list_numbered(folder)]
    for file in candidates:
        if zipfile.is_zipfile(file):  # an incomplete file lacks the zip directory at its end
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
            f'The checkpoints of the training in {folder} are missing or damaged: {names}. Name a '
            'complete one with --resume FILE, or start a new training in another --work-dir.'
        )
    return None


def _list_numbered(folder: Path) -> list[Path]:
    """List the numbered checkpoints of a folder, the newest first.

    Numbers of epochs and of iterations are no one order: if there are both, the iterations that
    the files state decide. A file that cannot be read comes last.
    """
    found = [(NUMBERED.fullmatch(file.name), file) for file in folder.glob('*.pth')]
    numbers = {file: int(match[1]) for match, file in found if match}
    if len({file.name.partition('_')[0] for file in numbers}) > 1:
        numbers = {file: _iterations(file) for file in numbers}
    return sorted(numbers, key=numbers.__getitem__, reverse=True)


def _iterations(file: Path) -> int:
    """Read from a checkpoint after how many iterations it was saved; -1 if it does not say."""
    try:
        done = load_file(file)['meta']['iter']
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):
        return -1
    return done if isinstance(done, int) else -1


def run_files(work_dir: str | Path) -> list[Path]:
    """List the files by which a folder holds a run: its checkpoints and what points to them.

    They are ``epoch_N.pth`` and ``iter_N.pth``, the newest first, the best ones that ``save_best``
    keeps, and ``last_checkpoint``.
    """
    folder = Path(work_dir)
    best = sorted(folder.glob('best_*.pth'))
    pointer = folder / 'last_checkpoint'
    return [*_list_numbered(folder), *best, *([pointer] if pointer.exists() else [])]
