# cython: language_level=3
"""The best chain of swaps on sampled curves of all pools, in C; the .pxd is the data sheet.

`route_search` is the readable twin, which prices the pools themselves; a property test holds the two together.
"""

from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.math cimport INFINITY, log2
from libc.stdint cimport int32_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

import array

__all__ = ["AMOUNTS", "RouteCurves"]

cdef enum:
    FIRST_POWER = 10
    A_DOUBLING = 4
    ROOM_MIN = 256

AMOUNTS = array.array("Q", [round(2 ** (FIRST_POWER + n / A_DOUBLING)) for n in range(POINT_COUNT)])


cdef class RouteCurves:
    def __cinit__(self):
        cdef Py_ssize_t point
        for point in range(POINT_COUNT):
            self._points[point] = AMOUNTS[point]

    def __dealloc__(self):
        PyMem_Free(self.edges)
        PyMem_Free(self.curves)
        PyMem_Free(self.prices)
        PyMem_Free(self.inside)
        PyMem_Free(self.allowed)
        PyMem_Free(self.starts)
        PyMem_Free(self.order)
        PyMem_Free(self._closes)
        for side in range(2):
            PyMem_Free(self._ways[side])
            PyMem_Free(self._way_counts[side])

    def add_pool(self, int32_t mint_a, int32_t mint_b):
        cdef int32_t edge = self.edge_count
        if edge == self._room:
            self._make_room(max(ROOM_MIN, 2 * self._room))
        self.edges[edge] = Edge(mint_a, mint_b)
        self.edges[edge + 1] = Edge(mint_b, mint_a)
        self.edge_count += 2
        self.mint_count = max(self.mint_count, mint_a + 1, mint_b + 1)
        self._is_sorted = False
        return edge // 2

    def set_curve(self, int32_t edge, const uint64_t[::1] outputs):
        cdef Py_ssize_t point
        cdef double* curve
        cdef double least = INFINITY
        if not 0 <= edge < self.edge_count or outputs.shape[0] != POINT_COUNT:
            raise ValueError("no such edge, or not one output a point")
        curve = &self.curves[<Py_ssize_t>edge * POINT_COUNT]
        for point in range(POINT_COUNT):
            curve[point] = self._points[point] / <double>outputs[point] if outputs[point] else INFINITY
            least = min(least, curve[point])
        self.prices[edge] = 1.0 / least

    def output(self, int32_t edge, double amount):
        if not 0 <= edge < self.edge_count:
            raise ValueError("no such edge")
        return self.out(edge, amount)

    def richest(self, int32_t source, int32_t target, double amount, int32_t hop_count_max, usable):
        cdef Chain best
        if not (0 <= source < self.mint_count and 0 <= target < self.mint_count):
            return (), 0.0
        self.make_ready()
        self.allow(usable)
        self.find(source, target, amount, min(hop_count_max, <int32_t>HOP_COUNT_MAX), &best)
        return tuple([best.edges[hop] for hop in range(best.count)]), best.worth

    cdef int allow(self, usable) except -1:
        """Take over what a search may go through: one byte a pool, 0 = not."""
        cdef const uint8_t[::1] pools = usable
        if pools.shape[0] * 2 != self.edge_count:
            raise ValueError("not one byte a pool")
        if self.edge_count:
            memcpy(self.allowed, &pools[0], pools.shape[0])
        return 0

    cdef int make_ready(self) except -1:
        """Sort the edges by the mint that goes in, where pools have been added."""
        cdef int32_t edge, mint
        if self._is_sorted:
            return 0
        self.starts = <int32_t*>_room(self.starts, (self.mint_count + 2) * sizeof(int32_t))
        self.order = <int32_t*>_room(self.order, self._room * sizeof(int32_t))
        self._closes = <uint8_t*>_room(self._closes, self.mint_count)
        for side in range(2):
            self._ways[side] = <Chain*>_room(self._ways[side], self.mint_count * WAY_COUNT_MAX * sizeof(Chain))
            self._way_counts[side] = <int32_t*>_room(self._way_counts[side], self.mint_count * sizeof(int32_t))
        memset(self.starts, 0, (self.mint_count + 2) * sizeof(int32_t))
        for edge in range(self.edge_count):
            self.starts[self.edges[edge].mint_in + 2] += 1
        for mint in range(self.mint_count):
            self.starts[mint + 2] += self.starts[mint + 1]
        for edge in range(self.edge_count):
            mint = self.edges[edge].mint_in
            self.order[self.starts[mint + 1]] = edge
            self.starts[mint + 1] += 1
        self._is_sorted = True
        return 0

    cdef double out(self, int32_t edge, double amount) noexcept nogil:
        """What an edge gives for an amount; 0 = nothing, or further than its curve goes."""
        cdef const double* curve = &self.curves[<Py_ssize_t>edge * POINT_COUNT]
        cdef int32_t point
        cdef double share
        if amount < self._points[0] or amount > self._points[POINT_COUNT - 1]:
            return 0.0
        point = <int32_t>((log2(amount) - FIRST_POWER) * A_DOUBLING)
        while point > 0 and self._points[point] > amount:  # points are rounded to units
            point -= 1
        while point < POINT_COUNT - 2 and self._points[point + 1] <= amount:
            point += 1
        if point > POINT_COUNT - 2:
            point = POINT_COUNT - 2
        if curve[point + 1] == INFINITY or curve[point] == INFINITY:
            return 0.0
        share = (amount - self._points[point]) / (self._points[point + 1] - self._points[point])
        return amount / (curve[point] + share * (curve[point + 1] - curve[point]))

    cdef double more(self, int32_t edge, double amount) noexcept nogil:
        """What an amount brings behind what is inside; nothing where something went the other way."""
        cdef double before = self.inside[edge]
        if self.inside[edge ^ 1] > 0.0:
            return 0.0
        if before <= 0.0:
            return self.out(edge, amount)
        return self.out(edge, before + amount) - self.out(edge, before)

    cdef bint find(
        self, int32_t source, int32_t target, double amount, int32_t hop_count_max, Chain* best
    ) noexcept nogil:
        """The chain that brings most, of what is allowed and behind what is inside; False = there is none."""
        cdef int32_t left, mint, way, at, edge, neighbour, side = 0
        cdef int32_t ways_kept = 2 if source == target else 1  # who comes back may not come back as it left
        cdef const Chain* before
        cdef Chain* held
        cdef double brought, most
        best.count, best.worth = 0, 0.0
        memset(self._closes, 0, self.mint_count)
        for at in range(self.starts[target], self.starts[target + 1]):
            self._closes[self.edges[self.order[at]].mint_out] = 1
        memset(self._way_counts[side], 0, self.mint_count * sizeof(int32_t))
        self._way_counts[side][source] = 1
        self._ways[side][source * WAY_COUNT_MAX].count = 0
        self._ways[side][source * WAY_COUNT_MAX].worth = amount
        for left in range(hop_count_max - 1, -1, -1):
            memset(self._way_counts[side ^ 1], 0, self.mint_count * sizeof(int32_t))
            for mint in range(self.mint_count):
                for way in range(self._way_counts[side][mint]):
                    before = &self._ways[side][mint * WAY_COUNT_MAX + way]
                    for at in range(self.starts[mint], self.starts[mint + 1]):
                        edge = self.order[at]
                        neighbour = self.edges[edge].mint_out
                        if neighbour != target and (
                            left == 0 or neighbour == source or (left == 1 and not self._closes[neighbour])
                        ):
                            continue
                        most = before.worth * self.prices[edge]
                        held = &self._ways[side ^ 1][neighbour * WAY_COUNT_MAX]
                        if neighbour == target:
                            if most <= best.worth:
                                continue
                        elif self._way_counts[side ^ 1][neighbour] == ways_kept and most <= held[ways_kept - 1].worth:
                            continue
                        if not self.allowed[edge >> 1] or _passes(before, edge >> 1):
                            continue
                        brought = self.more(edge, before.worth)
                        if brought <= 0.0:
                            continue
                        if neighbour == target:
                            if brought > best.worth:
                                _lengthen(best, before, edge, brought)
                        else:
                            _hold(held, &self._way_counts[side ^ 1][neighbour], ways_kept, before, edge, brought)
            side ^= 1
        return best.count > 0

    def _make_room(self, int32_t room):
        self.edges = <Edge*>_room(self.edges, room * sizeof(Edge))
        self.curves = <double*>_room(self.curves, <size_t>room * POINT_COUNT * sizeof(double))
        self.prices = <double*>_room(self.prices, room * sizeof(double))
        self.inside = <double*>_room(self.inside, room * sizeof(double))
        self.allowed = <uint8_t*>_room(self.allowed, room)
        cdef Py_ssize_t at
        for at in range(<Py_ssize_t>self.edge_count * POINT_COUNT, <Py_ssize_t>room * POINT_COUNT):
            self.curves[at] = INFINITY
        memset(&self.prices[self.edge_count], 0, (room - self.edge_count) * sizeof(double))
        memset(&self.inside[self.edge_count], 0, (room - self.edge_count) * sizeof(double))
        self._room = room


cdef bint _passes(const Chain* chain, int32_t pool) noexcept nogil:
    cdef int32_t hop
    for hop in range(chain.count):
        if chain.edges[hop] >> 1 == pool:
            return True
    return False


cdef void _lengthen(Chain* longer, const Chain* chain, int32_t edge, double worth) noexcept nogil:
    longer[0] = chain[0]
    longer.edges[chain.count] = edge
    longer.count = chain.count + 1
    longer.worth = worth


cdef void _hold(
    Chain* held, int32_t* count, int32_t count_max, const Chain* before, int32_t edge, double worth
) noexcept nogil:
    """Keep a way to a token if it is one of the best so many."""
    cdef int32_t at = count[0]
    if at == count_max:
        at -= 1
        if held[at].worth >= worth:
            return
    else:
        count[0] += 1
    if at > 0 and held[at - 1].worth < worth:
        held[at] = held[at - 1]
        at -= 1
    _lengthen(&held[at], before, edge, worth)


cdef void* _room(void* held, size_t size_bytes) except NULL:
    cdef void* room = PyMem_Realloc(held, size_bytes if size_bytes else 1)
    if room == NULL:
        raise MemoryError
    return room
