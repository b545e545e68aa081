"""Tar files as WebDataset has them: read at any place, without unpacking.

Of the files of a sample, which have one name up to the first dot, the image is taken, and the
number of the class in ``.cls``.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from mmengine.fileio import BaseStorageBackend, register_backend

from ...utils.images import printable
from ..listing import is_hidden
from ..listing_result import Listing
from .address import Address, parse_address

LABEL = '.cls'


@register_backend('tar', prefixes='tar')
class TarBackend(BaseStorageBackend):
    """MMEngine's access to files within uncompressed tar files.

    A read takes one call of the system, at the place that the address says. So images are read in
    any order, by any number of processes.
    """

    def get(self, filepath: str) -> bytes:
        """Read a file.

        Raises:
            OSError: the archive cannot be read, or is shorter than it was when it was listed.
        """
        address = parse_address(str(filepath))
        content = os.pread(_open(address.archive).fileno(), address.size, address.start)
        if len(content) < address.size:
            raise OSError(
                f'{printable(address.archive)} ends within {printable(address.name)}: it has '
                'changed since it was listed. Start again.'
            )
        return content

    def get_text(self, filepath: str, encoding: str = 'utf-8') -> str:
        """Read a file of text."""
        return self.get(filepath).decode(encoding)


@lru_cache(maxsize=64)
def _open(archive: str) -> BinaryIO:
    return Path(archive).open('rb', buffering=0)


def list_tar(archive: str, suffixes: Sequence[str]) -> Listing:
    """List the images of a tar file, in its order.

    Args:
        archive: path of the file.
        suffixes: endings of images' names, in lower case.

    Returns:
        ``images`` are addresses. ``labels`` are the numbers in ``.cls`` files, if each image has
        one.

    Raises:
        ValueError: the file is no tar file, is compressed or cut off, or a label is no number.
    """
    listing = Listing()
    numbers: dict[str, tarfile.TarInfo] = {}
    try:
        with tarfile.open(archive, 'r:') as file:
            for member in file:
                name = member.name.removeprefix('./')
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    listing.leave_out(name, 'no regular file')
                elif any(is_hidden(part) for part in name.split('/')):
                    listing.leave_out(name, 'hidden')
                elif name.endswith(LABEL):
                    numbers[_key(name)] = member
                elif name.lower().endswith(tuple(suffixes)):
                    address = Address('tar', archive, member.offset_data, member.size, name)
                    listing.images.append(str(address))
                else:
                    listing.leave_out(name, 'not an image suffix')
                file.members = []  # type: ignore[attr-defined]  # which would all be kept
    except tarfile.TarError as error:
        raise ValueError(
            f'{printable(archive)} cannot be read as a tar file ({error}). It must be complete and '
            'not compressed, because images are read from any place within it.'
        ) from error
    if numbers:
        listing.labels = _read_labels(archive, listing.images, numbers)
    return listing


def _read_labels(archive: str, images: list[str], numbers: dict[str, tarfile.TarInfo]) -> list[int]:
    labels = []
    with Path(archive).open('rb') as file:
        for image in images:
            name = parse_address(image).name
            entry = numbers.get(_key(name))
            if entry is None:
                raise ValueError(
                    f'{printable(name)} in {printable(archive)} has no {LABEL} file, though others '
                    'have one. Pack the images again with or without labels.'
                )
            file.seek(entry.offset_data)
            text = file.read(entry.size)
            if not text.strip().isdigit():
                raise ValueError(
                    f'{printable(entry.name)} in {printable(archive)} has {text[:40]!r} and not '
                    'the number of a class.'
                )
            labels.append(int(text))
    return labels


def _key(name: str) -> str:
    """Return the name of a sample, as WebDataset has it: up to the first dot after the folder.

    Example:
        >>> _key('v1.0/cat.left.jpg')
        'v1.0/cat'
    """
    folder, slash, base = name.rpartition('/')
    return f'{folder}{slash}{base.partition(".")[0]}'
