# cython: language_level=3
"""Where account bytes differ from before; the .pyi is its face."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcmp

__all__ = ["changed_items", "is_same_outside"]


def changed_items(bytes before not None, bytes after not None, *, Py_ssize_t offset, Py_ssize_t size_bytes):
    cdef Py_ssize_t length = PyBytes_GET_SIZE(after), at = offset, position = 0
    cdef const char* old = PyBytes_AS_STRING(before)
    cdef const char* new = PyBytes_AS_STRING(after)
    cdef list changed = []
    if PyBytes_GET_SIZE(before) != length or offset < 0 or size_bytes < 1:
        raise ValueError("both are to be as long, and items to have a size")
    while at + size_bytes <= length:
        if memcmp(old + at, new + at, size_bytes):
            changed.append(position)
        at += size_bytes
        position += 1
    return changed


def is_same_outside(bytes before not None, bytes after not None, Py_ssize_t start, Py_ssize_t end):
    cdef Py_ssize_t length = PyBytes_GET_SIZE(after)
    cdef const char* old = PyBytes_AS_STRING(before)
    cdef const char* new = PyBytes_AS_STRING(after)
    if not 0 <= start <= end <= length:
        raise ValueError("the field does not lie in the account")
    return (
        PyBytes_GET_SIZE(before) == length
        and memcmp(old, new, start) == 0
        and memcmp(old + end, new + end, length - end) == 0
    )
