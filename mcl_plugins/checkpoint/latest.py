"""Find the checkpoint from which a training is resumed."""

from __future__ import annotations

import logging
import re
import zipfile
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import torch
from mmengine.logging import print_log

from ..utils.literals import read_assignments
from ..utils.writing import atomic_write
from .digest import check_whole
from .files import read_safely

NUMBERED = re.compile(r'(?:epoch|iter)_(\d+)\.pth')
POINTER = 'last_checkpoint'


def find_checkpoint(work_dir: str | Path, out_dir: str | None = None) -> str | None:
    """Find the checkpoint to resume from in a work dir.

    The candidates are the file that ``last_checkpoint`` names, and ``epoch_N.pth`` or
    ``iter_N.pth``, the largest N first. Only the last part of what is in ``last_checkpoint``
    counts: a folder that was copied or moved resumes from its own files, and nothing is read from
    elsewhere. MMEngine follows the whole path, and starts anew if the file is empty.

    Args:
        work_dir: folder of the training.
        out_dir: the config's ``default_hooks.checkpoint.out_dir``, if the checkpoints are not in
            the work dir.

    Returns:
        The first candidate that is whole, or None if the folder has no candidate. The log names
        those that are damaged and the one that is used instead.

    Raises:
        ValueError: there are candidates, but none of them is whole.
    """
    text = _read_pointer(Path(work_dir))
    named = '' if '://' in text else PurePath(text.replace('\\', '/')).name.strip('.')
    if out_dir and '://' in out_dir:  # MMEngine's storage backend reads it
        return f'{out_dir.rstrip("/")}/{Path(work_dir).name}/{named}' if named else None
    folder = checkpoint_folder(work_dir, out_dir)
    candidates = dict.fromkeys([*([folder / named] if named else []), *_list_numbered(folder)])
    problems: dict[Path, str] = {}
    for file in candidates:
        if problem := _problem(file):
            problems[file] = problem
            continue
        if problems or file.name != named:
            damaged = ''.join(f'{reason}\n' for reason in problems.values())
            print_log(
                f'{damaged}{Path(work_dir, POINTER)} names {text or "nothing"}; the newest whole '
                f'checkpoint is {file}.',
                logger='current',
                level=logging.WARNING,
            )
        return str(file)
    if candidates or text:
        names = ', '.join(map(str, candidates)) or text
        raise ValueError(
            f'The checkpoints of the training in {folder} are missing or damaged: {names}. Name a '
            'complete one with --resume FILE, or start a new training in another --work-dir. '
            f'({POINTER} names {text or "nothing"}.)\n' + '\n'.join(problems.values())
        )
    return None


def checkpoint_folder(work_dir: str | Path, out_dir: str | None = None) -> Path:
    """Return the folder of a training's checkpoints on this machine.

    Args:
        work_dir: folder of the training.
        out_dir: the config's ``default_hooks.checkpoint.out_dir``. MMEngine puts a folder with the
            name of the work dir into it. One of another storage backend (``s3://...``) has none on
            this machine.

    Example:
        >>> checkpoint_folder('work_dirs/mine', '/disk').as_posix()
        '/disk/mine'
    """
    own = Path(work_dir)
    if not out_dir or '://' in out_dir or out_dir == str(own.absolute()):
        return own
    return Path(out_dir, own.absolute().name)


def find_other(path: str | Path) -> Path | None:
    """Find the newest whole checkpoint beside a damaged one."""
    file = Path(path)
    others = (other for other in _list_numbered(file.parent) if other.name != file.name)
    return next((other for other in others if not _problem(other)), None)


def _read_pointer(folder: Path) -> str:
    """Return the first line of ``last_checkpoint``, '' if there is none."""
    pointer = folder / POINTER
    if not pointer.is_file():
        return ''
    with pointer.open('rb') as file:
        lines = file.read(4096).decode(errors='replace').replace('\0', '').split('\n')
    return lines[0].strip()


def write_pointer(folder: str | Path, name: str) -> None:
    """Note the checkpoint that was written last."""
    with atomic_write(Path(folder, POINTER)) as temporary:
        temporary.write_text(name)


def _problem(file: Path) -> str | None:
    """Say why a checkpoint cannot be resumed from; None if it can.

    Contents that could run code count, too. Tensors are mapped and not read a second time.
    """
    if not file.is_file():
        return f'{file} does not exist.'
    if not zipfile.is_zipfile(file):  # an incomplete file lacks the zip directory at its end
        return f'{file} was not loaded: it is damaged (it ends too early).'
    try:
        check_whole(file)
        _read_mapped(file)
    except (ValueError, OSError) as error:
        return str(error)
    return None


def _read_mapped(file: Path) -> Any:
    load = partial(torch.load, file, map_location='cpu', weights_only=True, mmap=True)
    return read_safely(load, str(file))


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
        done = _read_mapped(file)['meta']['iter']
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):
        return -1
    return done if isinstance(done, int) else -1


def run_files(work_dir: str | Path, out_dir: str | None = None) -> list[Path]:
    """List the files by which a folder holds a run: its checkpoints and what points to them.

    They are ``epoch_N.pth`` and ``iter_N.pth``, the newest first, the best ones that ``save_best``
    keeps, and ``last_checkpoint``.

    Args:
        work_dir: folder of the training.
        out_dir: see :func:`find_checkpoint`; that folder's files come last.
    """
    own = Path(work_dir)
    pointer = own / POINTER
    other = checkpoint_folder(work_dir, out_dir)
    return [
        *_list_checkpoints(own),
        *([pointer] if pointer.exists() else []),
        *(_list_checkpoints(other) if other != own else []),
    ]


def own_files(work_dir: str | Path, out_dir: str | None = None) -> list[Path]:
    """List the files of a run, as :func:`run_files` does, if they are of no other one.

    Trainings with work dirs of the same name share the folder in ``out_dir``. Which of them has
    written a checkpoint is in the config in it.

    Raises:
        ValueError: another training has written one of the files in ``out_dir``.
    """
    files = run_files(work_dir, out_dir)
    for file in files:
        writer = _work_dir_of(file) if file.parent != Path(work_dir) else None
        if writer and Path(writer).resolve() != Path(work_dir).resolve():
            raise ValueError(
                f'{file} was written by the training in {writer} and not by one in {work_dir}: '
                'their checkpoints have the same folder. Give this one another '
                'default_hooks.checkpoint.out_dir or another --work-dir, or move the files away.'
            )
    return files


def _list_checkpoints(folder: Path) -> list[Path]:
    return [*_list_numbered(folder), *sorted(folder.glob('best_*.pth'))]


def _work_dir_of(file: Path) -> str | None:
    """Return the work dir that the config in a checkpoint names; None if it cannot be read."""
    try:
        text = _read_mapped(file)['meta']['cfg']
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):
        return None
    found = read_assignments(text).get('work_dir') if isinstance(text, str) else None
    return found if isinstance(found, str) else None
