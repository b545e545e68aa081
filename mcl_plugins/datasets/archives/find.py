"""Whether a data set is in archives, and what they have."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ...utils.images import IMAGE_SUFFIXES, printable
from ..listing import is_hidden
from ..listing_cache import keep_listing
from ..listing_result import Listing
from .arrow import list_arrow
from .tar import list_tar

SUFFIXES = ('.tar', '.parquet', '.arrow')
_SPLITS = {'val': 'validation'}  # as Hugging Face calls it
_THREADS = 8  # that wait for a network's disk


def find_archives(place: str) -> list[str]:
    """Find the archives of a data set.

    Args:
        place: an archive, a pattern of some (``shards/part-*.tar``), a folder that has archives
            and neither images nor sub-folders, or the first part of their names:
            ``shards/train`` for ``shards/train-000000.tar`` and so on, and ``val`` also for
            ``validation-00000-of-00014.parquet``.

    Returns:
        Their paths, sorted; none if the place is a folder of image files, or nothing.

    Raises:
        ValueError: they are of several kinds.
    """
    if '://' in place:
        return []
    path = Path(place)
    if path.is_file():
        found = [str(path)]
    elif path.is_dir():
        found = _in_folder(path)
    else:
        starts = [start for start in (path.name, _SPLITS.get(path.name)) if start]
        patterns = [path.name, *(f'{glob.escape(start)}-*' for start in starts)]
        found = sorted(str(file) for name in patterns for file in path.parent.glob(name))
    archives = [file for file in found if file.endswith(SUFFIXES)]
    kinds = {Path(file).suffix for file in archives}
    if len(kinds) > 1:
        raise ValueError(
            f'{printable(place)} has archives of several kinds ({", ".join(sorted(kinds))}): keep '
            'those of one kind there, or name them by a pattern, as in data_prefix=train-*.tar.'
        )
    return archives


def _in_folder(folder: Path) -> list[str]:
    """Return the files of a folder, or none if it has folders or images."""
    files = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if entry.name.lower().endswith(IMAGE_SUFFIXES) or entry.is_dir():
                return []
            files.append(entry.path)
    return sorted(files)


def list_archives(place: str, archives: Sequence[str], suffixes: Sequence[str]) -> Listing:
    """List the images of archives, in their order.

    The list of tar files is kept as that of a large folder, until one of them changes.

    Args:
        place: what names the archives, see :func:`find_archives`.
        archives: their paths.
        suffixes: endings of images' names, in lower case.

    Returns:
        ``images`` are addresses.

    Raises:
        ImportError: pyarrow is needed and not installed.
        ValueError: an archive cannot be read, or only some have labels.
    """
    if not archives[0].endswith('.tar'):
        return _join(place, [list_arrow(archive) for archive in archives])

    def search() -> Listing:
        changed = {file: Path(file).stat().st_mtime_ns for file in files}
        with ThreadPoolExecutor(_THREADS) as threads:
            found = threads.map(lambda file: list_tar(file, suffixes), archives)
            parts = [
                _shorten(part, archive, number)
                for number, (part, archive) in enumerate(zip(found, archives, strict=True))
            ]
        listing = _join(place, parts)
        listing.changed = changed
        return listing

    files = [str(Path(file).absolute()) for file in archives]
    listing = keep_listing(place.rstrip('/'), suffixes, search, files)
    starts = [f'tar://{archive}' for archive in archives]
    listing.images = [_lengthen(image, starts) for image in listing.images]
    return listing


def _shorten(listing: Listing, archive: str, number: int) -> Listing:
    """Write the number of the archive for its path, so that a kept list names no other file."""
    listing.images = [
        f'{number}{image.removeprefix(f"tar://{archive}")}' for image in listing.images
    ]
    return listing


def _lengthen(image: str, starts: Sequence[str]) -> str:
    number, _, rest = image.partition('#')
    return f'{starts[int(number)]}#{rest}'


def _join(place: str, listings: Sequence[Listing]) -> Listing:
    """Join the lists of several archives."""
    joined = Listing(classes=listings[0].classes)
    for listing in listings:
        joined.images += listing.images
        joined.left_out += listing.left_out
    labelled = [listing.labels is not None for listing in listings if listing.images]
    if any(labelled):
        joined.labels = [label for listing in listings for label in listing.labels or ()]
        if not all(labelled) or len({tuple(part.classes or ()) for part in listings}) > 1:
            raise ValueError(
                f'The archives of {printable(place)} have different classes, or only some have '
                'labels: name those that belong together by a pattern (data_prefix).'
            )
    return joined
