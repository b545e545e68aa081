"""The image files under a folder, and a count of the files that are left out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmengine.fileio import get_file_backend

from .listing_cache import keep_listing
from .listing_result import Listing

# Folders that file managers and archives create beside the images.
SYSTEM_FOLDERS = ('__MACOSX', '@eaDir')


def is_hidden(name: str) -> bool:
    """Whether the name of a file or folder is that of a hidden or a system's one.

    Example:
        >>> [is_hidden(name) for name in ('.ipynb_checkpoints', '@eaDir', 'cat')]
        [True, True, False]
    """
    return name.startswith('.') or name in SYSTEM_FOLDERS


def list_images(root: str, suffixes: Sequence[str]) -> Listing:
    """List the images under a folder and count the other files.

    Hidden files, and all files in hidden folders, are left out. Symbolic links are followed. The
    list of a large folder is kept, see :mod:`~mcl_plugins.datasets.listing_cache`.

    Args:
        root: the folder, or an address of another storage backend (``s3://...``).
        suffixes: endings of images' names, in lower case.

    Raises:
        OSError: a folder cannot be read.
    """
    if '://' in root:
        files, folders = _remote_files(root)
        return _sort_out(files, folders, suffixes)

    def search() -> Listing:
        changed: dict[str, int] = {}
        files, folders = _local_files(root, changed)
        listing = _sort_out(files, folders, suffixes)
        listing.changed = changed
        return listing

    return keep_listing(root, suffixes, search)


def _sort_out(
    files: Iterator[tuple[str, str]], folders: list[str], suffixes: Sequence[str]
) -> Listing:
    listing = Listing()
    for name, reason in files:
        if reason or any(is_hidden(part) for part in name.split('/')):
            listing.leave_out(name, reason or 'hidden')
        elif name.lower().endswith(tuple(suffixes)):
            listing.images.append(name)
        else:
            listing.leave_out(
                name, f'not {suffixes[0]}' if len(suffixes) == 1 else 'not an image suffix'
            )
    listing.images.sort()
    listing.folders = sorted(name for name in folders if not is_hidden(name))
    return listing


def _local_files(root: str, changed: dict[str, int]) -> tuple[Iterator[tuple[str, str]], list[str]]:
    """Yield each file and why it is left out, if at all; MMEngine's backend lists no hidden one.

    Args:
        root: the folder.
        changed: gets the time of the last change of each folder, as it was before it is read.
    """

    def walk(folder: str, prefix: str, above: frozenset) -> Iterator[tuple[str, str]]:
        found = Path(folder).stat()
        changed[prefix] = found.st_mtime_ns
        above |= {(found.st_dev, found.st_ino)}
        with os.scandir(folder) as entries:
            for entry in entries:
                name = f'{prefix}{entry.name}'
                if entry.is_symlink() and _is_among(entry, above):
                    yield name, 'link to a folder above it'
                elif entry.is_dir():
                    yield from walk(entry.path, f'{name}/', above)
                else:
                    yield name, '' if entry.is_file() else 'broken link or no regular file'

    with os.scandir(root) as entries:
        folders = [entry.name for entry in entries if entry.is_dir()]
    return walk(root, '', frozenset()), folders


def _is_among(entry: os.DirEntry, folders: frozenset) -> bool:
    """Whether a link leads to one of the folders, which are given by device and number."""
    try:
        found = entry.stat()
    except OSError:  # a broken link
        return False
    return (found.st_dev, found.st_ino) in folders


def _remote_files(root: str) -> tuple[Iterator[tuple[str, str]], list[str]]:
    backend = get_file_backend(root, enable_singleton=True)
    files = backend.list_dir_or_file(root, list_dir=False, recursive=True)
    folders = backend.list_dir_or_file(root, list_file=False)
    return ((name, '') for name in files), list(folders)
