"""Rows of a snapshot: the entry layout as a NumPy record type. NumPy is optional, so it is imported when asked for."""

import functools
from typing import TYPE_CHECKING, Any

from shm.errors import NumpyMissing
from shm.layout import ENTRY

if TYPE_CHECKING:
    import numpy

NUMPY_CODES = {"u8": "u1", "u16": "<u2", "u32": "<u4", "u64": "<u8", "f64": "<f8", "bytes32": "V32"}


@functools.cache
def row_type() -> "numpy.dtype[numpy.void]":
    """The record type of one entry.

    Raises:
        NumpyMissing: NumPy is not installed.
    """
    try:
        import numpy as np  # noqa: PLC0415 - optional
    except ImportError:
        raise NumpyMissing from None
    row = np.dtype([(field.name, NUMPY_CODES[field.kind]) for field in ENTRY.fields])
    assert row.itemsize == ENTRY.size_bytes, "an entry has no padding"
    return row


def make_rows(count: int) -> "numpy.ndarray[Any, numpy.dtype[numpy.void]]":
    """Return `count` rows of private memory, to be filled by the caller.

    Raises:
        NumpyMissing: NumPy is not installed.
    """
    row = row_type()
    import numpy as np  # noqa: PLC0415 - optional

    return np.empty(count, row)


def make_zero_rows(count: int) -> "numpy.ndarray[Any, numpy.dtype[numpy.void]]":
    """Return `count` rows of zeroes; those never written take no memory.

    Raises:
        NumpyMissing: NumPy is not installed.
    """
    row = row_type()
    import numpy as np  # noqa: PLC0415 - optional

    return np.zeros(count, row)
