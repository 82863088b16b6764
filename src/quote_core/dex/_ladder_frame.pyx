# cython: language_level=3, cdivision=True
"""The frame of every compiled ladder; the .pxd is its data sheet, and only `CompiledPricing` is called from Python."""

from cpython cimport array
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Malloc
from libc.stdint cimport UINT64_MAX, uint64_t
from libc.string cimport memset

import array

__all__ = ["CompiledPricing"]

cdef array.array _TEMPLATE = array.array("Q")

cdef enum:
    # to give the interpreter away and take it back costs what so few amounts cost
    HELD_COUNT_MAX = 64


cdef class CompiledPricing:
    def __call__(self, amounts_in):
        return self.outputs(amounts_in)

    cdef void by_each(self, PriceOne price, void* terms) noexcept:
        """Price every amount by itself, in any order."""
        self._price_one, self._terms = price, terms

    cdef void by_walk(self, WalkAll walk, void* terms, uint64_t vault_out) noexcept:
        """Price all amounts in one walk."""
        self._walk, self._terms, self._vault_out = walk, terms, vault_out

    cdef array.array outputs(self, amounts_in):
        """Amounts are any sequence of integers of 64 bits; an `array("Q")` is read in place."""
        cdef array.array amounts = _as_amounts(amounts_in), outputs
        cdef Py_ssize_t count
        cdef Py_buffer held  # as long as it is, the array cannot move
        PyObject_GetBuffer(amounts, &held, PyBUF_SIMPLE)
        try:
            count = held.len // <Py_ssize_t>sizeof(uint64_t)
            outputs = array.clone(_TEMPLATE, count, zero=False)
            self.price(<const uint64_t*>held.buf, <uint64_t*>outputs.data.as_ulonglongs, count)
        finally:
            PyBuffer_Release(&held)
        return outputs

    cdef int price(self, const uint64_t* amounts, uint64_t* outputs, Py_ssize_t count) except -1:
        """Write an output for every amount; raises `ValueError` where a walk's amounts do not ascend."""
        cdef Ladder ladder
        if count == 0:
            return 0
        if self._walk == NULL:
            if count <= HELD_COUNT_MAX:
                _price_each(self._price_one, self._terms, amounts, outputs, count)
            else:
                with nogil:
                    _price_each(self._price_one, self._terms, amounts, outputs, count)
            return 0
        if not _ascend(amounts, count):
            raise ValueError("amounts must ascend")
        memset(outputs, 0, count * sizeof(uint64_t))  # a walk leaves 0 where it refuses
        ladder.amounts, ladder.outputs, ladder.count = amounts, outputs, count
        ladder.first, ladder.vault_out, ladder.spent, ladder.paid = 0, self._vault_out, 0, 0
        if count <= HELD_COUNT_MAX:
            self._walk(&ladder, self._terms)
        else:
            with nogil:
                self._walk(&ladder, self._terms)
        return self.ended_walk()

    cdef int ended_walk(self) except -1:
        """Told after every walk, for whoever has to know how it ended."""
        return 0


cdef void _price_each(
    PriceOne price, const void* terms, const uint64_t* amounts, uint64_t* outputs, Py_ssize_t count
) noexcept nogil:
    cdef Py_ssize_t position
    for position in range(count):
        outputs[position] = price(amounts[position], terms)


cdef array.array outputs_by(pricing, amounts_in):
    """What any `Pricing` gives, compiled or not, as an `array("Q")`."""
    if isinstance(pricing, CompiledPricing):
        return (<CompiledPricing>pricing).outputs(amounts_in)
    return _as_amounts(pricing(amounts_in))


cdef array.array _as_amounts(amounts_in):
    if isinstance(amounts_in, array.array) and (<array.array>amounts_in).ob_descr.typecode == b"Q":
        return amounts_in
    return array.array("Q", amounts_in)


cdef bint _ascend(const uint64_t* amounts, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t position
    for position in range(1, count):
        if amounts[position] < amounts[position - 1]:
            return False
    return True


cdef void* room_for(Py_ssize_t count, size_t item_bytes) except NULL:
    """Room for `count` items, and for one where there are none; `PyMem_Free` takes it back."""
    cdef void* room = PyMem_Malloc(max(1, count) * item_bytes)
    if room == NULL:
        raise MemoryError
    return room
