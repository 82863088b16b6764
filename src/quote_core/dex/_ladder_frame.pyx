# cython: language_level=3, cdivision=True
"""The frame of every compiled ladder; the .pxd is its data sheet. For C only: nothing here is called from Python."""

from cpython cimport array
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Malloc
from libc.stdint cimport uint64_t

import array

cdef array.array _TEMPLATE = array.array("Q")


cdef struct OneByOne:
    PriceOne price
    const void* terms


cdef void _price_each(Ladder* ladder, void* untyped) noexcept nogil:
    cdef const OneByOne* each = <const OneByOne*>untyped
    cdef PriceOne price = each.price
    cdef Py_ssize_t position
    for position in range(ladder.count):
        ladder.outputs[position] = price(ladder.amounts[position], each.terms)


cdef array.array outputs_of_each(amounts_in, PriceOne price, const void* terms):
    """Price every amount by itself, in any order."""
    cdef OneByOne each = OneByOne(price, terms)
    return _outputs(amounts_in, UINT64_MAX, _price_each, &each, in_order=False)


cdef array.array outputs_of_walk(amounts_in, uint64_t vault_out, WalkAll walk, void* terms):
    """Price all amounts in one walk; raises `ValueError` where they do not ascend."""
    return _outputs(amounts_in, vault_out, walk, terms, in_order=True)


cdef array.array _outputs(amounts_in, uint64_t vault_out, WalkAll walk, void* terms, bint in_order):
    """Amounts are any sequence of integers of 64 bits; an `array("Q")` is read in place."""
    cdef array.array amounts = _as_amounts(amounts_in), outputs
    cdef Ladder ladder
    cdef Py_buffer held  # as long as it is, the array cannot move
    PyObject_GetBuffer(amounts, &held, PyBUF_SIMPLE)
    try:
        ladder.count = held.len // <Py_ssize_t>sizeof(uint64_t)
        # A walk leaves 0 where it refuses; an empty array has no memory that could be zeroed.
        outputs = array.clone(_TEMPLATE, ladder.count, zero=in_order and ladder.count > 0)
        ladder.amounts = <const uint64_t*>held.buf
        ladder.outputs = <uint64_t*>outputs.data.as_ulonglongs
        ladder.first = 0
        ladder.vault_out = vault_out
        ladder.spent = 0
        ladder.paid = 0
        if in_order and not _ascend(&ladder):
            raise ValueError("amounts must ascend")
        with nogil:
            walk(&ladder, terms)
    finally:
        PyBuffer_Release(&held)
    return outputs


cdef array.array _as_amounts(amounts_in):
    if isinstance(amounts_in, array.array) and (<array.array>amounts_in).ob_descr.typecode == b"Q":
        return amounts_in
    return array.array("Q", amounts_in)


cdef bint _ascend(const Ladder* ladder) noexcept nogil:
    cdef Py_ssize_t position
    for position in range(1, ladder.count):
        if ladder.amounts[position] < ladder.amounts[position - 1]:
            return False
    return True


cdef void* room_for(Py_ssize_t count, size_t item_bytes) except NULL:
    """Room for `count` items, and for one where there are none; `PyMem_Free` takes it back."""
    cdef void* room = PyMem_Malloc(max(1, count) * item_bytes)
    if room == NULL:
        raise MemoryError
    return room
