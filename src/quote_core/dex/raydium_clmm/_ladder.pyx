# cython: language_level=3, cdivision=True
"""The walk of `swap.walk` for many exact inputs at once, in C and without the interpreter.

The frame, and how one walk serves all amounts, is `_ladder_frame`. Every formula is that of `swap` and `ticks`, which
are the specification; property tests hold the two equal.
"""

from cpython.mem cimport PyMem_Free
from libc.stdint cimport UINT64_MAX, int32_t, int64_t, uint64_t

from quote_core.dex._ladder_frame cimport (
    CompiledPricing, Ladder, end_with, ended, ends_inside, goes_on, pass_through, refuse, room_for, unpayable, unspent,
)
from quote_core.dex.sqrt_price cimport (
    SQRT_TOO_LARGE, floor_div, liquidity_crossed, nearer, sqrt_step_input, sqrt_step_next, sqrt_step_output,
)
from quote_core.dex.volatility cimport VolatilityFee, accumulator_at, volatile_rate
from quote_core.dex.wide cimport (
    i128, i128_from, mul_div_ceil, mul_div_floor, u128, u128_from, u128_high, u128_of, wide_mul, wide_mul_div,
)

__all__ = ["LaidLine", "LineLadder"]

cdef uint64_t FEE_DENOMINATOR = 1_000_000
cdef uint64_t DYNAMIC_FEE_RATE_MAX = 100_000
cdef u128 VARIABLE_FEE_DENOMINATOR = 10_000_000_000_000

# sqrt(1.0001)^-(2^i) in Q64.64; set from `ticks` on import.
cdef uint64_t[19] DOWN_X64


cdef void _set_constants() except *:
    from quote_core.dex.raydium_clmm import ticks

    cdef int bit
    for bit in range(19):
        DOWN_X64[bit] = ticks.DOWN_X64[bit]


_set_constants()


cdef struct Tick:
    u128 sqrt_price
    i128 liquidity_net
    u128 order_total
    int32_t index


cdef struct Start:
    # one pool, before the walk; the positions are those of the first tick met going down and up
    const Tick* ticks
    int tick_count
    int down_position
    int up_position
    u128 sqrt_price
    u128 liquidity
    u128 limit_down
    u128 limit_up
    int64_t tick
    int64_t spacing
    uint64_t trade_rate
    int fee_on
    int step_count_max


cdef struct Terms:
    const Start* start
    const VolatilityFee* fee  # NULL where the pool has none
    bint down
    bint ran_out


cdef u128 _price_at_tick(int64_t tick) noexcept nogil:
    cdef int64_t distance = tick if tick >= 0 else -tick
    cdef u128 ratio = u128_of(1, 0)
    cdef int bit
    for bit in range(19):
        if distance >> bit & 1:
            ratio = ratio * DOWN_X64[bit] >> 64
    return u128_of(UINT64_MAX, UINT64_MAX) // ratio if tick > 0 else ratio


cdef class LaidLine:
    """The ticks of a `TickLine`: laid out once a change of the arrays."""

    cdef readonly object line
    cdef Tick* _ticks
    cdef int _count

    def __cinit__(self, line):
        cdef int i
        cdef Tick* laid
        self.line = line
        self._count = len(line.ticks)
        self._ticks = <Tick*>room_for(self._count, sizeof(Tick))
        for i, tick in enumerate(line.ticks):
            laid = &self._ticks[i]
            laid.sqrt_price = u128_from(tick.sqrt_price_x64)
            laid.liquidity_net = i128_from(tick.liquidity_net)
            laid.order_total = u128_from(tick.order_total)
            laid.index = tick.index

    def __dealloc__(self):
        PyMem_Free(self._ticks)


cdef class LineLadder:
    """The state of one pool, laid out for the walk.

    Args:
        state: A `ClmmState`; it is copied, later changes of it are not seen.
        laid: Its line.
        limit_down: Lowest price a swap may reach.
        limit_up: Highest price a swap may reach.
        step_count_max: More steps than this are refused.
    """

    cdef Start _start
    cdef LaidLine _laid  # whose ticks `_start` points at

    def __cinit__(self, state, LaidLine laid not None, *, limit_down, limit_up, int step_count_max):
        self._laid = laid
        self._start.tick_count = laid._count
        self._start.ticks = laid._ticks
        self._start.sqrt_price = u128_from(state.sqrt_price_x64)
        self._start.liquidity = u128_from(state.liquidity)
        self._start.limit_down = u128_from(limit_down)
        self._start.limit_up = u128_from(limit_up)
        self._start.tick = state.tick
        self._start.spacing = state.tick_spacing
        self._start.trade_rate = state.trade_fee_rate
        self._start.fee_on = state.fee_on
        self._start.step_count_max = step_count_max
        self._start.up_position = 0
        while self._start.up_position < laid._count and laid._ticks[self._start.up_position].index <= state.tick:
            self._start.up_position += 1
        self._start.down_position = self._start.up_position - 1

    def pricing(self, *, bint zero_for_one, fee, uint64_t vault_out, ran_out):
        """Give what prices one direction: what reaches the pool in, smallest units, ascending.

        Args:
            zero_for_one: Direction.
            fee: The `DynamicFee` with its references renewed for the clock, or None.
            vault_out: What the output vault holds; more is refused.
            ran_out: Called when an amount is left where the ticks end.
        """
        return LinePricing(self, zero_for_one, fee, vault_out, ran_out)


cdef class LinePricing(CompiledPricing):
    cdef LineLadder _ladder  # which `_own` points into
    cdef VolatilityFee _fee
    cdef Terms _own
    cdef object _ran_out

    def __cinit__(self, LineLadder ladder not None, bint zero_for_one, fee, uint64_t vault_out, ran_out):
        self._ladder, self._ran_out = ladder, ran_out
        self._own = Terms(&ladder._start, NULL, zero_for_one, False)
        if fee is not None:
            self._fee = VolatilityFee(
                fee.control,
                ladder._start.spacing,
                fee.index_reference,
                fee.volatility_reference,
                fee.accumulator_max,
                VARIABLE_FEE_DENOMINATOR,
                DYNAMIC_FEE_RATE_MAX,
            )
            self._own.fee = &self._fee
        self.by_walk(_walk, &self._own, vault_out)

    cdef int ended_walk(self) except -1:
        if self._own.ran_out:
            self._own.ran_out = False
            self._ran_out()
        return 0


cdef void _walk(Ladder* ladder, void* untyped) noexcept nogil:
    cdef Terms* terms = <Terms*>untyped
    cdef const Start* start = terms.start
    cdef const VolatilityFee* fee = terms.fee
    cdef bint down = terms.down, uncut = True
    cdef bint fee_on_output = start.fee_on == (2 if down else 1)
    cdef int position = start.down_position if down else start.up_position
    cdef u128 price = start.sqrt_price, liquidity = start.liquidity, target, bound, reached, cost
    cdef u128 limit = start.limit_down if down else start.limit_up
    cdef int64_t group = floor_div(start.tick, start.spacing), accumulator = 0
    cdef uint64_t needed = 0, available, step_out = 0, rate = start.trade_rate
    cdef int step_count = 0
    cdef const Tick* tick
    while goes_on(ladder) and price != limit:
        if position < 0 or position >= start.tick_count:
            terms.ran_out = True
            return
        tick = &start.ticks[position]
        target = nearer(tick.sqrt_price, limit, down)
        while True:
            step_count += 1
            if step_count > start.step_count_max:
                return
            bound = target
            if fee != NULL:
                accumulator = accumulator_at(fee, group)
                rate = volatile_rate(fee, start.trade_rate, accumulator)
                uncut = liquidity == 0 or accumulator == fee.accumulator_max
                if not uncut:
                    bound = nearer(target, _price_at_tick((group if down else group + 1) * start.spacing), down)
            cost = unpayable()
            if not sqrt_step_input(price, bound, liquidity, down, &needed) & SQRT_TOO_LARGE:
                cost = needed
                if not fee_on_output:
                    cost += mul_div_ceil(needed, rate, FEE_DENOMINATOR - rate)
            while ends_inside(ladder, cost):
                available = unspent(ladder)
                if not fee_on_output:
                    available = <uint64_t>mul_div_floor(available, FEE_DENOMINATOR - rate, FEE_DENOMINATOR)
                if (
                    sqrt_step_next(price, liquidity, available, down, &reached) & SQRT_TOO_LARGE
                    or sqrt_step_output(price, reached, liquidity, down, &step_out) & SQRT_TOO_LARGE
                ):
                    refuse(ladder)
                else:
                    end_with(ladder, step_out - _output_fee(step_out, rate, fee_on_output))
            if ended(ladder) or sqrt_step_output(price, bound, liquidity, down, &step_out) & SQRT_TOO_LARGE:
                return
            if not pass_through(ladder, cost, step_out - _output_fee(step_out, rate, fee_on_output)):
                return
            price = bound
            if fee != NULL:
                if uncut:
                    group = floor_div(tick.index, start.spacing) - (0 if down else 1)
                group += -1 if down else 1
            if price == target:
                break
            if not goes_on(ladder):
                return
        if price != tick.sqrt_price:
            continue
        if tick.order_total and not _fill_orders(ladder, tick, rate, down, fee_on_output):
            return
        if not liquidity_crossed(&liquidity, tick.liquidity_net, down):
            return
        position += -1 if down else 1


cdef bint _fill_orders(
    Ladder* ladder, const Tick* tick, uint64_t rate, bint down, bint fee_on_output
) noexcept nogil:
    # fill what rests at a tick; whether anybody goes on. Who can buy just all of it ends here, whatever is left over.
    cdef uint64_t[4] square
    cdef uint64_t net_in
    cdef u128 price, gross = 0, cost = 0
    wide_mul(tick.sqrt_price, tick.sqrt_price, square)
    price = u128_of(square[2], square[1])
    if not down and square[0]:
        price += 1
    while not ended(ladder):
        net_in = unspent(ladder)
        if not fee_on_output:
            net_in -= <uint64_t>mul_div_ceil(net_in, rate, FEE_DENOMINATOR)
        if not _convert(net_in, price, down, 0, &gross) or gross > tick.order_total:
            break
        end_with(ladder, gross - _output_fee(<uint64_t>gross, rate, fee_on_output))
    if ended(ladder) or not _convert(tick.order_total, price, not down, 1, &cost) or u128_high(cost):
        return False
    if not fee_on_output:
        cost += mul_div_ceil(<uint64_t>cost, rate, FEE_DENOMINATOR - rate)
    gross = tick.order_total - _output_fee(<uint64_t>tick.order_total, rate, fee_on_output)
    return pass_through(ladder, cost, gross)


cdef bint _convert(u128 amount, u128 price, bint multiply, bint round_up, u128* result) noexcept nogil:
    # amount * price / 2^64, or amount * 2^64 / price; False where it does not fit 128 bits
    if multiply:
        return wide_mul_div(amount, price, u128_of(1, 0), round_up, result) == 0
    return wide_mul_div(amount, u128_of(1, 0), price, round_up, result) == 0


cdef inline uint64_t _output_fee(uint64_t amount, uint64_t rate, bint fee_on_output) noexcept nogil:
    return <uint64_t>mul_div_ceil(amount, rate, FEE_DENOMINATOR) if fee_on_output else 0
