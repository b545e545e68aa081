"""The image files under a folder, and a count of the files that are left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from mmengine.fileio import get_file_backend

from ..utils.images import is_utf8, printable

# Folders that file managers and archives create beside the images.
SYSTEM_FOLDERS = ('__MACOSX', '@eaDir')


@dataclass
class Listing:
    """What was found under a folder.

    Attributes:
        images: paths of the images relative to the folder, with ``/``, sorted.
        left_out: number of files by suffix and reason.
        folders: sorted names of the folder's own sub-folders, without hidden ones.
    """

    images: list[str] = field(default_factory=list)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    folders: list[str] = field(default_factory=list)

    def leave_out(self, name: str, reason: str) -> None:
        """Count a file that is left out."""
        self.left_out[PurePosixPath(name).suffix.lower() or 'no suffix', reason] += 1

    def describe_names(self) -> str:
        r"""Say if names are no UTF-8; an empty string if all are.

        Example:
            >>> Listing(images=['caf\udce9.jpg']).describe_names()
            '1 name is no UTF-8 text and shown with escapes: caf\\udce9.jpg.'
        """
        odd = [name for name in self.images if not is_utf8(name)]
        if not odd:
            return ''
        names = f'{len(odd)} names are' if len(odd) > 1 else '1 name is'
        more = ', ...' * (len(odd) > 1)
        return f'{names} no UTF-8 text and shown with escapes: {printable(odd[0])}{more}.'

    def describe_left_out(self) -> str:
        """Describe the files that are left out; an empty string if there are none.

        Example:
            >>> listing = Listing()
            >>> listing.leave_out('a/notes.txt', 'not an image suffix')
            >>> listing.describe_left_out()
            'Left out: 1 .txt (not an image suffix).'
        """
        if not self.left_out:
            return ''
        parts = (
            f'{count} {printable(suffix)} ({reason})'
            for (suffix, reason), count in sorted(self.left_out.items())
        )
        return f'Left out: {", ".join(parts)}.'


def is_hidden(name: str) -> bool:
    """Whether the name of a file or folder is that of a hidden or a system's one.

    Example:
        >>> [is_hidden(name) for name in ('.ipynb_checkpoints', '@eaDir', 'cat')]
        [True, True, False]
    """
    return name.startswith('.') or name in SYSTEM_FOLDERS


def list_images(root: str, suffixes: Sequence[str]) -> Listing:
    """List the images under a folder and count the other files.

    Hidden files, and all files in hidden folders, are left out. Symbolic links are followed.

    Args:
        root: the folder, or an address of another storage backend (``s3://...``).
        suffixes: endings of images' names, in lower case.

    Raises:
        OSError: a folder cannot be read.
    """
    listing = Listing()
    files, folders = _remote_files(root) if '://' in root else _local_files(root)
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


def _local_files(root: str) -> tuple[Iterator[tuple[str, str]], list[str]]:
    """Yield each file and why it is left out, if at all; MMEngine's backend lists no hidden one."""

    def walk(folder: str, prefix: str) -> Iterator[tuple[str, str]]:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = f'{prefix}{entry.name}'
                if entry.is_dir():
                    yield from walk(entry.path, f'{name}/')
                else:
                    yield name, '' if entry.is_file() else 'broken link or no regular file'

    with os.scandir(root) as entries:
        folders = [entry.name for entry in entries if entry.is_dir()]
    return walk(root, ''), folders


def _remote_files(root: str) -> tuple[Iterator[tuple[str, str]], list[str]]:
    backend = get_file_backend(root, enable_singleton=True)
    files = backend.list_dir_or_file(root, list_dir=False, recursive=True)
    folders = backend.list_dir_or_file(root, list_file=False)
    return ((name, '') for name in files), list(folders)
