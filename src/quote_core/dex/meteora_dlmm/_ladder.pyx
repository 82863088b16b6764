# cython: language_level=3, cdivision=True
"""The walk of `swap.walk` for many exact inputs at once, in C and without the interpreter.

The frame, and how one walk serves all amounts, is `_ladder_frame`. Every formula is that of `swap`, `bins` and
`state`, which are the specification; property tests hold the two equal.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from quote_core.dex._ladder_frame cimport (
    CompiledPricing, Ladder, end_with, ended, ends_inside, goes_on, pass_through, room_for, unspent,
)
from quote_core.dex.volatility cimport VolatilityFee, accumulator_at, volatile_rate
from quote_core.dex.wide cimport mul_div_ceil, u128, u128_from, u128_high, u128_of, wide_mul_div

from quote_core.dex.meteora_dlmm.bins import price_of_bin

__all__ = ["BinLadder", "BinRun", "priceless_bins"]

cdef uint64_t FEE_DENOMINATOR = 1_000_000_000
cdef uint64_t FEE_RATE_MAX = 100_000_000
cdef u128 VARIABLE_FEE_DENOMINATOR = 100_000_000_000


cdef struct Bin:
    u128 price
    uint64_t[3] layers
    int32_t bin_id


# A bin as it lies in its account, see `layout`.
cdef struct BinBytes:
    uint64_t amount_x
    uint64_t amount_y
    uint64_t price_low
    uint64_t price_high
    uint8_t[80] not_read
    uint64_t opened
    uint64_t processing_total
    uint64_t processing_left
    uint32_t order_age
    uint8_t is_ask
    uint8_t[3] padding


assert sizeof(BinBytes) == 144

cdef enum:
    BINS_OFFSET = 56
    BINS_PER_ARRAY = 70


cdef struct Run:
    # bins that follow each other in walk order
    const Bin* bins
    int bin_count


cdef struct Start:
    # one direction of one pair, before the walk
    Run* runs
    int run_count
    bint x_to_y
    bint fee_on_output


cdef struct Terms:
    const Start* start
    VolatilityFee fee
    uint64_t base_rate
    bint ran_out


cdef inline bint _cost(uint64_t amount, u128 price, bint x_to_y, uint64_t* cost) noexcept nogil:
    # what an output costs, rounded up; False where it does not fit 64 bits
    cdef u128 result
    cdef int failed
    if x_to_y:
        failed = wide_mul_div(amount, u128_of(1, 0), price, 1, &result)
    else:
        failed = wide_mul_div(amount, price, u128_of(1, 0), 1, &result)
    cost[0] = <uint64_t>result if not failed else 0
    return not failed and u128_high(result) == 0


cdef inline uint64_t _bought(uint64_t amount, u128 price, uint64_t layer, bint x_to_y) noexcept nogil:
    # what an input buys from a layer, rounded down and at most all of it
    cdef u128 result
    cdef int failed
    if x_to_y:
        failed = wide_mul_div(amount, price, u128_of(1, 0), 0, &result)
    else:
        failed = wide_mul_div(amount, u128_of(1, 0), price, 0, &result)
    return layer if failed or result > layer else <uint64_t>result


cdef int _check_array(bytes data) except -1:
    if PyBytes_GET_SIZE(data) != BINS_OFFSET + BINS_PER_ARRAY * <Py_ssize_t>sizeof(BinBytes):
        raise ValueError("this is no array of bins")
    return 0


def priceless_bins(bytes data not None):
    cdef BinBytes one
    cdef int position
    cdef list found = []
    _check_array(data)
    for position in range(BINS_PER_ARRAY):
        memcpy(&one, PyBytes_AS_STRING(data) + BINS_OFFSET + position * sizeof(BinBytes), sizeof(BinBytes))
        if not (one.price_low or one.price_high) and (
            one.amount_x or one.amount_y or one.opened or one.processing_left
        ):
            found.append(position)
    return found


cdef class BinRun:
    """The bins of one array in one direction, laid out once for all walks through it.

    Args:
        bins: (bin id, price, three layers) in walk order, bins with something to sell only.
    """

    cdef Bin* _bins
    cdef int _count

    def __cinit__(self, bins):
        cdef int i, layer
        self._count = len(bins)
        self._bins = <Bin*>room_for(self._count, sizeof(Bin))
        for i in range(self._count):
            bin_id, price, layers = bins[i]
            self._bins[i].bin_id = bin_id
            self._bins[i].price = u128_from(price)
            for layer in range(3):
                self._bins[i].layers[layer] = layers[layer]

    @staticmethod
    def of_array(bytes data not None, int index, int bin_step, *, bint x_to_y, bint with_orders):
        cdef BinRun run = BinRun(())
        cdef BinBytes one
        cdef Bin* laid
        cdef uint64_t sold
        cdef int step, position
        cdef bint has_orders
        _check_array(data)
        PyMem_Free(run._bins)
        run._bins = NULL
        run._bins = <Bin*>room_for(BINS_PER_ARRAY, sizeof(Bin))
        for step in range(BINS_PER_ARRAY):
            position = BINS_PER_ARRAY - 1 - step if x_to_y else step
            memcpy(&one, PyBytes_AS_STRING(data) + BINS_OFFSET + position * sizeof(BinBytes), sizeof(BinBytes))
            sold = one.amount_y if x_to_y else one.amount_x
            has_orders = with_orders and (one.is_ask == 1) != x_to_y
            if sold or has_orders and (one.processing_left or one.opened):
                laid = &run._bins[run._count]
                laid.bin_id = index * BINS_PER_ARRAY + position
                laid.price = u128_of(one.price_high, one.price_low)
                if laid.price == 0:  # not stored yet
                    laid.price = u128_from(price_of_bin(laid.bin_id, bin_step))
                laid.layers[0] = sold
                laid.layers[1] = one.processing_left if has_orders else 0
                laid.layers[2] = one.opened if has_orders else 0
                run._count += 1
        return run

    def bins(self):
        """As `swap.bins_to_trade` gives them."""
        cdef const Bin* one
        cdef int position
        found = []
        for position in range(self._count):
            one = &self._bins[position]
            price = (<object>u128_high(one.price) << 64) + <uint64_t>one.price
            found.append((one.bin_id, price, (one.layers[0], one.layers[1], one.layers[2])))
        return found

    def __dealloc__(self):
        PyMem_Free(self._bins)


cdef class BinLadder:
    """One direction of one pair, laid out for the walk.

    Args:
        runs: A `BinRun` for each array, in walk order.
        active_id: Where the walk begins: what lies before it in the first run is passed over.
        x_to_y: Direction.
        fee_on_output: Whether the fee is taken from what comes out.
    """

    cdef tuple _runs  # whose bins are read, so they have to stay
    cdef Start _start

    def __cinit__(self, runs, *, int active_id, bint x_to_y, bint fee_on_output):
        cdef int i
        cdef BinRun run
        cdef Run* first
        self._runs = tuple(runs)
        self._start.run_count = len(self._runs)
        self._start.runs = <Run*>room_for(self._start.run_count, sizeof(Run))
        for i in range(self._start.run_count):
            run = self._runs[i]
            self._start.runs[i] = Run(run._bins, run._count)
        if self._start.run_count:
            first = &self._start.runs[0]
            while first.bin_count and (
                first.bins[0].bin_id > active_id if x_to_y else first.bins[0].bin_id < active_id
            ):
                first.bins += 1
                first.bin_count -= 1
        self._start.x_to_y = x_to_y
        self._start.fee_on_output = fee_on_output

    def __dealloc__(self):
        PyMem_Free(self._start.runs)

    def pricing(self, *, fee, volatility, uint64_t bin_step, uint64_t vault_out, ran_out):
        """Give what prices this direction: what reaches the pool in, smallest units, ascending.

        Args:
            fee: The pair's `FeeParameters`.
            volatility: The `Volatility` with its references renewed for the clock.
            bin_step: The pair's, in basis points.
            vault_out: What the output vault holds; more is refused.
            ran_out: Called when an amount is left where the bins end.
        """
        return BinPricing(self, fee, volatility, bin_step, vault_out, ran_out)


cdef class BinPricing(CompiledPricing):
    cdef BinLadder _ladder  # which `_own` points into
    cdef Terms _own
    cdef object _ran_out

    def __cinit__(self, BinLadder ladder not None, fee, volatility, uint64_t bin_step, uint64_t vault_out, ran_out):
        self._ladder, self._ran_out = ladder, ran_out
        self._own.start = &ladder._start
        self._own.fee = VolatilityFee(
            fee.variable_fee_control,
            bin_step,
            volatility.index_reference,
            volatility.reference,
            fee.accumulator_max,
            VARIABLE_FEE_DENOMINATOR,
            FEE_RATE_MAX,
        )
        self._own.base_rate = min(fee.base_rate(bin_step), FEE_RATE_MAX)
        self._own.ran_out = False
        self.by_walk(_walk, &self._own, vault_out)

    cdef int ended_walk(self) except -1:
        if self._own.ran_out:
            self._own.ran_out = False
            self._ran_out()
        return 0


cdef void _walk(Ladder* ladder, void* untyped) noexcept nogil:
    cdef Terms* terms = <Terms*>untyped
    cdef const Start* start = terms.start
    cdef int run, position
    for run in range(start.run_count):
        for position in range(start.runs[run].bin_count):
            if not goes_on(ladder) or not _trade(ladder, terms, &start.runs[run].bins[position]):
                return
    terms.ran_out = goes_on(ladder)


cdef bint _trade(Ladder* ladder, const Terms* terms, const Bin* current) noexcept nogil:
    # everybody trades in one bin; whether anybody goes on
    cdef const Start* start = terms.start
    cdef uint64_t rate = volatile_rate(&terms.fee, terms.base_rate, accumulator_at(&terms.fee, current.bin_id))
    cdef uint64_t[3] costs
    cdef u128 net = 0, whole, gross
    cdef int layer
    cdef bint payable = True
    for layer in range(3):
        costs[layer] = 0
        if current.layers[layer]:
            payable = payable and _cost(current.layers[layer], current.price, start.x_to_y, &costs[layer])
            net += costs[layer]
    if not payable:
        return False
    whole = net
    if not start.fee_on_output and not u128_high(net):  # beyond 64 bits nobody can pay it, fee or none
        whole += mul_div_ceil(<uint64_t>net, rate, FEE_DENOMINATOR - rate)
    while ends_inside(ladder, whole):
        end_with(ladder, _part(start, current, costs, unspent(ladder), rate))
    gross = <u128>current.layers[0] + current.layers[1] + current.layers[2]
    if ended(ladder) or u128_high(gross):
        return False
    if start.fee_on_output:
        gross -= mul_div_ceil(<uint64_t>gross, rate, FEE_DENOMINATOR)
    return pass_through(ladder, whole, gross)


cdef u128 _part(
    const Start* start, const Bin* current, const uint64_t* costs, uint64_t amount, uint64_t rate
) noexcept nogil:
    # what an amount buys that does not pay for the whole bin
    cdef uint64_t left = amount
    cdef u128 gross = 0
    cdef int layer
    if not start.fee_on_output:
        left -= <uint64_t>mul_div_ceil(amount, rate, FEE_DENOMINATOR)
    for layer in range(3):
        if left >= costs[layer]:
            gross += current.layers[layer]
            left -= costs[layer]
        else:
            gross += _bought(left, current.price, current.layers[layer], start.x_to_y)
            break
    if start.fee_on_output and not u128_high(gross):
        gross -= mul_div_ceil(<uint64_t>gross, rate, FEE_DENOMINATOR)
    return gross
