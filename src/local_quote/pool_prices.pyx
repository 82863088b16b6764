# cython: language_level=3
"""How one pool's price stands, as numbers; the .pxd is the data sheet, `impact` the readable twin."""

from libc.stdint cimport uint64_t

from quote_core.dex._ladder_frame cimport CompiledPricing

from local_quote.impact import AVERAGE_LOSS, KEPT_ERROR, ROUNDING_UNITS, Curve, depth_amount
from local_quote.taken_depth import PricePath
from quote_core.dex.pool import Direction
from quote_core.errors import NotTradable

__all__ = ["PoolPrices"]

cdef object A_TO_B = Direction.A_TO_B, B_TO_A = Direction.B_TO_A
cdef double MARK = AVERAGE_LOSS
cdef double MARK_ERROR = KEPT_ERROR * AVERAGE_LOSS
cdef double UNITS_MIN = ROUNDING_UNITS
cdef uint64_t DOUBLE_EXACT_MAX = 1 << 53


cdef class PoolPrices:
    def __cinit__(self):
        self.path = PricePath()

    def changed(self, pool, slot, clock):
        cdef int side
        self._spot_price = None
        for side in range(2):
            self._sides[side].is_priced = self._sides[side].is_measured = False
        if clock is None:
            return
        try:
            self._spot_price = pool.spot_price(clock)
        except NotTradable:
            return
        self.path.note(slot, self._spot_price)

    def begin_anew(self):
        self.path = PricePath()

    def known(self, way):
        cdef const Side* side = &self._sides[way is not A_TO_B]
        return Curve(side.net_price, side.fee_fraction, side.depth_amount) if side.is_measured else None

    def curve(self, pool, way, clock):
        self._measured(pool, way, clock, None)
        return self.known(way)

    def told(self, pool, way, clock):
        cdef const Side* side = self.side(pool, way, clock, None)
        return Curve(side.net_price, side.fee_fraction, side.depth_amount)

    def measure(self, pool, clock):
        cdef int side
        for side in range(2):
            if self._sides[side].has_depth:  # whose depth nobody has told yet, nobody waits for
                self._measured(pool, B_TO_A if side else A_TO_B, clock, None)

    cdef const Side* side(self, pool, way, clock, pricing) except NULL:
        """How a direction's price stands now, its depth as measured last; `pricing` where that is there already."""
        cdef Side* side = self._priced(pool, way, clock)
        return side if side.has_depth else self._measured(pool, way, clock, pricing)

    cdef Side* _priced(self, pool, way, clock) except NULL:
        cdef Side* side = &self._sides[way is not A_TO_B]
        cdef double spot, fee
        if side.is_priced:
            return side
        if self._spot_price is None:
            self._spot_price = pool.spot_price(clock)
        spot = self._spot_price
        if way is not A_TO_B:
            spot = 1 / spot if spot > 0 else 0.0
        fee = pool.fee_fraction(way, clock)
        side.net_price, side.fee_fraction = spot * (1 - fee), fee
        side.is_priced = True
        return side

    cdef Side* _measured(self, pool, way, clock, pricing) except NULL:
        cdef Side* side = self._priced(pool, way, clock)
        if side.is_measured:
            return side
        if pricing is None:
            pricing = pool.pricing(way, clock)
        side.depth_amount = _depth(pricing, side.net_price, side.depth_amount)
        side.is_measured = side.has_depth = True
        return side

    cpdef uint64_t depth_amount(self, way) noexcept:
        return self._sides[way is not A_TO_B].depth_amount


cdef uint64_t _depth(pricing, double net_price, uint64_t guess) except? 0:
    """`impact.depth_amount`, whose first look is taken here: most swaps leave the depth as it was."""
    cdef uint64_t output = 0
    cdef double loss
    if (
        0 < guess <= DOUBLE_EXACT_MAX
        and net_price > 0
        and min(<double>guess, <double>guess * net_price) >= UNITS_MIN
        and isinstance(pricing, CompiledPricing)
    ):
        (<CompiledPricing>pricing).price(&guess, &output, 1)
        if output <= DOUBLE_EXACT_MAX:
            loss = 1 - <double>output / <double>guess / net_price
            if abs(max(0.0, loss) - MARK) <= MARK_ERROR:
                return guess
    return depth_amount(pricing, net_price, guess=guess)
