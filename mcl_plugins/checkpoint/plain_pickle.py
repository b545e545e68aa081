"""Read pickles of numbers, text, containers and arrays; nothing else in a pickle is built."""

from __future__ import annotations

import io
import pickle
from typing import Any

from .arrays import STAND_INS


def _encode(text: str, encoding: str = 'latin1') -> bytes:
    """Stand for ``codecs.encode``, by which old protocols write bytes."""
    if encoding != 'latin1':
        raise pickle.UnpicklingError(f'it encodes text as {encoding}')
    return text.encode('latin1')


def _no_bytes() -> bytes:
    """Stand for ``bytes``, which old protocols call for no bytes; a number would be a size."""
    return b''


_ALLOWED = {**STAND_INS, '_codecs.encode': _encode, '__builtin__.bytes': _no_bytes}


# The unpickler in C allocates what a file claims to need, such as the largest index of its memo,
# and ends the process when that is all memory. The one in Python does not; such files are small.
class _PlainUnpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Look up one of the few allowed functions, none of which is the one that is named."""
        try:
            return _ALLOWED[f'{module}.{name}']
        except KeyError:
            raise pickle.UnpicklingError(
                f'it contains the type {module}.{name}, not only arrays'
            ) from None


def loads(content: bytes) -> Any:
    """Return the value of a pickle of plain containers, numbers, text and arrays of these.

    Args:
        content: the pickle; text of Python 2 is read as Latin-1.

    Raises:
        ValueError: it is no such pickle.

    Example:
        >>> loads(pickle.dumps({'box': (0, 1.5)}))
        {'box': (0, 1.5)}
    """
    try:
        return _PlainUnpickler(io.BytesIO(content), encoding='latin1').load()
    except Exception as error:  # damaged pickles raise errors of all kinds
        reason = str(error) or type(error).__name__
        raise ValueError(f'not a pickle of plain values and arrays: {reason}') from error
