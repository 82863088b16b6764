# How one pool's price stands in both directions, as scores see it.
#
# |              |                                                                  | made anew                        |
# |--------------|------------------------------------------------------------------|----------------------------------|
# | net_price    | marginal smallest output units per smallest input unit after the | when first asked for after a     |
# |              | trading fee                                                      | change                           |
# | fee_fraction | the trading fee                                                  | with it                          |
# | depth_amount | input that moves the price by 1 %, smallest units                | beside the way of a price, or by |
# |              |                                                                  | who asks for it: until then it   |
# |              |                                                                  | is of a state before             |

from libc.stdint cimport uint64_t


cdef struct Side:
    double net_price
    double fee_fraction
    uint64_t depth_amount
    bint is_priced  # net_price and fee_fraction are of the state held now
    bint is_measured  # so is depth_amount
    bint has_depth  # it has been measured of some state


cdef class PoolPrices:
    cdef readonly object path
    cdef object _spot_price
    cdef Side[2] _sides  # A in, B in

    cdef const Side* side(self, pool, way, clock, pricing) except NULL
    cdef Side* _priced(self, pool, way, clock) except NULL
    cdef Side* _measured(self, pool, way, clock, pricing) except NULL
    cpdef uint64_t depth_amount(self, way) noexcept
