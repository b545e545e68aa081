"""NumPy arrays in files of unknown origin: rebuilt with checks, because NumPy trusts its pickles.

A pickled array states a type, and a pickled type states flags and fields, which NumPy applies as
they are. A file can so have bytes taken for pointers to objects, and the process ends with a
segmentation fault. The stand-ins below take the place of NumPy's functions while a file is read.
They build arrays of truth values, numbers and text, and raise an error for everything else.
"""

from __future__ import annotations

import math
from pickle import UnpicklingError
from typing import Any

import numpy as np

_KINDS = 'biufcSU'  # truth values, integers, floats, complex numbers, bytes and text


class NumberType:
    """Stands for ``numpy.dtype`` while a file is read.

    Example:
        >>> NumberType('f8').dtype
        dtype('float64')
    """

    def __init__(self, code: Any, align: Any = False, copy: Any = False) -> None:
        self.dtype = np.dtype(code) if isinstance(code, str) else np.dtype(object)
        self._check(self.dtype.kind in _KINDS, code)

    def __setstate__(self, state: Any) -> None:
        """Take the byte order of a pickled type, which is all that a type of numbers has."""
        whole = isinstance(state, tuple) and len(state) >= 7
        self._check(whole and state[1] in ('<', '>', '=', '|') and state[2:5] == (None,) * 3, state)
        self.dtype = self.dtype.newbyteorder(state[1])

    @staticmethod
    def _check(valid: bool, value: Any) -> None:
        if not valid:
            raise UnpicklingError(f'it has arrays of other things than numbers and text: {value!r}')


class Array(np.ndarray):
    """An array that is rebuilt from a pickle; it is saved as a plain ``numpy.ndarray``."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Array:
        """Refuse to allocate what a file asks for; :func:`rebuild_array` begins with no entry."""
        raise UnpicklingError('it creates an array of a size that it does not contain')

    def __setstate__(self, state: Any) -> None:
        """Fill the array if the bytes are as many as its shape and type say."""
        shape, kind, fortran, raw = state[-4:]
        if isinstance(raw, str):  # Python 2 pickled bytes so
            raw = raw.encode('latin1')
        if not isinstance(kind, NumberType) or not isinstance(raw, bytes):
            raise UnpicklingError('it has arrays of other things than numbers and text')
        if math.prod(shape) * kind.dtype.itemsize != len(raw) or any(size < 0 for size in shape):
            raise UnpicklingError(f'an array of shape {shape} has {len(raw)} bytes')
        checked: Any = (1, shape, kind.dtype, bool(fortran), raw)
        super().__setstate__(checked)

    def __reduce__(self) -> Any:
        """Be pickled as what it stands for."""
        return self.view(np.ndarray).__reduce__()


def rebuild_array(owner: Any, shape: Any, code: Any) -> Array:
    """Stand for NumPy's ``_reconstruct``: return an array without entries, which is filled next.

    Example:
        >>> array = rebuild_array(np.ndarray, (0,), b'b')
        >>> array.__setstate__((1, (2,), NumberType('i1'), False, bytes([1, 2])))
        >>> array.tolist()
        [1, 2]
    """
    return np.ndarray.__new__(Array, (0,), np.uint8)


def rebuild_scalar(kind: Any, raw: Any = b'') -> Any:
    """Stand for NumPy's ``scalar``.

    Example:
        >>> float(rebuild_scalar(NumberType('f4'), bytes(4)))
        0.0
    """
    array = rebuild_array(None, None, None)
    array.__setstate__((1, (1,), kind, False, raw))
    return array.view(np.ndarray)[0]


# What pickles call them, in both lines of NumPy.
STAND_INS: dict[str, Any] = {
    'numpy.dtype': NumberType,
    'numpy.ndarray': Array,
    **{
        f'numpy.{core}.multiarray.{name}': function
        for core in ('core', '_core')
        for name, function in (('_reconstruct', rebuild_array), ('scalar', rebuild_scalar))
    },
}
