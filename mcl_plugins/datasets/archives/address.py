"""The address of an image in an archive, which says where its bytes are."""

from __future__ import annotations

import re
from typing import NamedTuple

_PATTERN = re.compile(r'(\w+)://(.+?\.(?:tar|arrow|parquet))#(\d+)(?:\+(\d+))?/(.*)', re.DOTALL)


class Address(NamedTuple):
    """Where an image is.

    Attributes:
        scheme: ``'tar'`` or ``'arrow'``.
        archive: path of the file that has it.
        start: first byte in a tar file, or number of the row of a table.
        size: bytes in a tar file; 0 for a row.
        name: of the image within the archive, such as ``'cat/1.jpg'``.

    Example:
        >>> address = Address('tar', '/data/train-000000.tar', 1536, 39211, 'cat/1.jpg')
        >>> str(address)
        'tar:///data/train-000000.tar#1536+39211/cat/1.jpg'
        >>> parse_address(str(address)) == address
        True
    """

    scheme: str
    archive: str
    start: int
    size: int
    name: str

    def __str__(self) -> str:
        size = f'+{self.size}' if self.scheme == 'tar' else ''
        name = self.name.replace('://', ':/')  # MMEngine splits a path at it
        return f'{self.scheme}://{self.archive}#{self.start}{size}/{name}'


def parse_address(text: str) -> Address:
    """Take an address apart.

    Raises:
        ValueError: it is none.
    """
    found = _PATTERN.fullmatch(text)
    if found is None:
        raise ValueError(f'{text!r} is no address of an image in an archive.')
    scheme, archive, start, size, name = found.groups()
    return Address(scheme, archive, int(start), int(size or 0), name)


def name_within(path: str) -> str:
    """Return the name of an image within its archive, or the path of one that is in none.

    Example:
        >>> name_within('tar://train.tar#512+9/cat/1.jpg'), name_within('cat/1.jpg')
        ('cat/1.jpg', 'cat/1.jpg')
    """
    return parse_address(path).name if '://' in path else path
