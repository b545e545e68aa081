"""The list of the files of a large folder, kept from one start of a training to the next.

Listing the 1.28 million files of ImageNet takes minutes on a network's disk. The list is kept with
the times at which its folders were changed; adding, renaming or removing a file changes that of its
folder. So one look at each folder tells whether the list still holds.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from ..utils.writing import atomic_write
from .listing_result import Listing

LARGE = 10_000  # files; a smaller folder is listed at once
_SETTLED = 10**10  # nanoseconds after which a change would have another time
_FORMAT = 2
_WITHIN = re.compile(r'(\d{1,9})#\d+\+\d+/.+', re.DOTALL)  # number of the archive, bytes, name


def keep_listing(
    root: str,
    suffixes: Sequence[str],
    search: Callable[[], Listing],
    archives: Sequence[str] = (),
) -> Listing:
    """Return the list of a folder: the kept one if it holds, otherwise that of a search.

    The processes of a machine that ask at the same time take turns, so that only the first one
    searches. The list is kept beside the folder, as ``.NAME.listing.json``, or, where that cannot
    be written, in ``~/.cache/mcl_plugins``.

    Args:
        root: the folder.
        suffixes: endings of images' names; a list for others does not hold.
        search: lists the folder.
        archives: the files that are listed, if they are archives; a list of others does not hold.

    Raises:
        OSError: a folder cannot be read.
    """
    path = os.path.realpath(root)
    key = {
        'format': _FORMAT,
        'root': path,
        'suffixes': list(suffixes),
        'archives': list(archives),
    }
    with turn(path):
        for place in places(path):
            if (listing := _read(place, key)) is not None:
                return listing
        begun = time.time_ns()
        listing = search()
        files = len(listing.images) + sum(listing.left_out.values())
        # A change just before the search may not be told from one during it.
        settled = all(begun - changed > _SETTLED for changed in listing.changed.values())
        if files >= LARGE and settled:
            _write(listing, key)
    return listing


def places(path: str, kind: str = 'listing.json') -> list[Path]:
    """Return the files in which something of a path may be kept, the preferred one first.

    Args:
        path: of a folder or file.
        kind: end of the files' names, which says what is kept.
    """
    folder = Path(path)
    cache = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache', 'mcl_plugins')
    return [
        folder.with_name(f'.{folder.name}.{kind}'),
        cache / f'{_digest(path)}.{kind}',
    ]


def _digest(path: str) -> str:
    return hashlib.blake2b(os.fsencode(path), digest_size=12).hexdigest()


@contextmanager
def turn(path: str) -> Iterator[None]:
    """Let one process of this machine and user at a time into the block, if the system can.

    The lock's file is removed at the end of each turn, so that none stays in the temporary folder.
    """
    lock = Path(tempfile.gettempdir(), f'mcl_listing_{os.getuid()}_{_digest(path)}.lock')
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(_lock(lock))
        yield


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which is removed at the end.

    It is removed while it is held. Who has waited for the removed file, which no newcomer would
    find, therefore takes the lock of the one that is there now.

    Raises:
        OSError: the file cannot be opened, or its file system has no locks.
    """
    while True:
        with open(path, 'w', opener=_open_own) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_at(file.fileno(), path):
                continue
            try:
                yield
            finally:
                with suppress(OSError):
                    path.unlink()
            return


def _is_at(file: int, path: Path) -> bool:
    """Whether an open file is the one that is at a path now."""
    try:
        return os.path.samestat(os.fstat(file), path.lstat())
    except FileNotFoundError:
        return False


def _open_own(path: str, flags: int) -> int:
    """Open a file in a folder of all users, but no link that another one may have put there."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _read(place: Path, key: dict[str, Any]) -> Listing | None:
    """Read a list; None if there is none, or it does not hold."""
    try:
        content = json.loads(place.read_bytes())
        if {name: content[name] for name in key} != key:
            return None
        changed = {str(name): int(at) for name, at in content['changed'].items()}
        for name, at in changed.items():
            if Path(key['root'], name).stat().st_mtime_ns != at:
                return None
        images = [str(name) for name in content['images']]
        within = not key['archives'] or _are_within(images, len(key['archives']))
        if not within or any(name.startswith('/') or '..' in name.split('/') for name in images):
            return None
        left_out = Counter({(str(s), str(why)): int(n) for s, why, n in content['left_out']})
        folders = [str(name) for name in content['folders']]
        labels = content['labels'] and [int(label) for label in content['labels']]
        if labels is not None and len(labels) != len(images):
            return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    kept = f'{place} of {content.get("date")}'
    return Listing(images, left_out, folders, changed, kept, labels)


def _are_within(images: Sequence[str], archives: int) -> bool:
    """Return whether all images are at a place in one of so many archives, named by its number."""
    found = map(_WITHIN.fullmatch, images)
    return all(place is not None and int(place[1]) < archives for place in found)


def _write(listing: Listing, key: dict[str, Any]) -> None:
    """Keep a list in the first place that can be written."""
    content = {
        **key,
        'date': time.strftime('%Y-%m-%d %H:%M'),
        'changed': listing.changed,
        'folders': listing.folders,
        'left_out': [[*kind, count] for kind, count in listing.left_out.items()],
        'labels': listing.labels,
        'images': listing.images,
    }
    text = json.dumps(content, separators=(',', ':'))
    for place in places(key['root']):
        with suppress(OSError), atomic_write(place) as temporary:
            temporary.write_text(text)
        if place.is_file():
            return
