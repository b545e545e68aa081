"""Whether a checkpoint file is whole: a digest that is written with it, or the checksums within.

A ``torch.save`` file is a zip archive with a CRC-32 of each record, which PyTorch writes and does
not verify. Files of this package also end with a SHA-256 of all that is before it, in the archive's
comment, which other readers ignore.
"""

from __future__ import annotations

import errno
import hashlib
import os
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

_MAGIC = b'PK\x03\x04'  # of zip archives; PyTorch's older formats begin otherwise
_TAG = b'mcl_plugins sha256 '
_COMMENT = len(_TAG) + 64  # bytes; the archive states this length in the two bytes before
_BLOCK = 2**20
_END = 22  # bytes of the record that ends an archive, with its comment's length in the last two


class DamagedFileError(ValueError):
    """A file is not what was written: it is cut short, or bytes in it have changed."""


class HashingFile:
    """A file that is only written to, and hashes what is written.

    ``torch.save`` hides the errors of a file behind one of its own; they are kept in ``error``.

    Args:
        file: the file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: OSError | None = None
        self._hash = hashlib.sha256()

    def write(self, content: Any) -> int:
        """Write and hash bytes."""
        try:
            self.file.write(content)
        except OSError as error:
            self.error = self.error or error
            raise
        self._hash.update(content)
        return len(content)

    def flush(self) -> None:
        """Do nothing: the file is flushed when it is closed."""

    def seal(self) -> None:
        """Add the digest to a zip archive that has been written."""
        self.file.seek(-2, os.SEEK_END)  # the length of the comment, so far 0
        digest = self._hash.hexdigest().encode()
        self.file.write(_COMMENT.to_bytes(2, 'little') + _TAG + digest)


def check_whole(path: str | Path) -> None:
    """Read a checkpoint file once and compare it with its digest or its checksums.

    A file of a format that has neither, which PyTorch wrote before version 1.6, is not checked. A
    file that was checked before and has not been written to since is not read again.

    Raises:
        DamagedFileError: it differs.
    """
    status = Path(path).stat()
    _check_once(str(path), status.st_size, status.st_mtime_ns, status.st_ino)


@lru_cache(maxsize=256)
def _check_once(path: str, *_: int) -> None:
    with Path(path).open('rb') as file:
        check_stream(file, path)


def check_stream(file: BinaryIO, source: str) -> None:
    """Do as :func:`check_whole` with an open file, and return to its beginning.

    Args:
        file: the file.
        source: its path or address, for the message.

    Raises:
        DamagedFileError: see :func:`check_whole`.
    """
    if file.read(len(_MAGIC)) == _MAGIC:
        try:
            damage = _find_damage(file)
        except Exception as error:  # damaged archives raise errors of many kinds
            if isinstance(error, OSError) and error.errno != errno.EINVAL:
                raise  # not the fault of the file; EINVAL: it states a place before its beginning
            damage = str(error) or type(error).__name__
        if damage:
            raise DamagedFileError(
                f'{source} was not loaded: it is damaged ({damage}). Copy or download it again, or '
                'use another checkpoint.'
            )
    file.seek(0)


def _find_damage(file: BinaryIO) -> str | None:
    """Say how a zip archive differs from what was written; None if it does not."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _COMMENT))
    comment = file.read(_COMMENT)
    if comment.startswith(_TAG):
        digest = _hash_before(file, size - _COMMENT - 2)
        return None if digest == comment[len(_TAG) :] else 'it does not match its SHA-256'
    file.seek(max(0, size - _END - 2**16))
    _, mark, end = file.read().rpartition(b'PK\x05\x06')
    if not mark or len(end) != _END - 4 + int.from_bytes(end[_END - 6 : _END - 4], 'little'):
        return 'it ends too early'
    with zipfile.ZipFile(file) as archive:
        records = archive.infolist()
        if any(record.compress_type != zipfile.ZIP_STORED for record in records):
            return 'it is compressed, which checkpoints are not'
        if sum(record.file_size for record in records) > size:
            return 'its records claim more bytes than the file has'
        bad = archive.testzip()
    return bad and f'the checksum of its record {bad} differs'


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with Path(path).open('rb') as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _hash_before(file: BinaryIO, end: int) -> bytes:
    """Hash the first bytes of a file as they were before the comment was added."""
    digest = hashlib.sha256()
    file.seek(0)
    while end > 0 and (block := file.read(min(_BLOCK, end))):
        digest.update(block)
        end -= len(block)
    digest.update(bytes(2))
    return digest.hexdigest().encode()
