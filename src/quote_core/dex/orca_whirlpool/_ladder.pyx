# cython: language_level=3, cdivision=True
"""The walk of `swap.walk` for many exact inputs at once, in C and without the interpreter.

The frame, and how one walk serves all amounts, is `_ladder_frame`. Every formula is that of `swap`, `ticks` and
`adaptive_fee`, which are the specification; property tests hold them equal.
"""

from cpython.mem cimport PyMem_Free
from libc.stdint cimport int32_t, int64_t, uint64_t

from quote_core.dex._ladder_frame cimport (
    CompiledPricing, Ladder, end_all, end_with, ended, ends_inside, goes_on, pass_through, refuse, room_for, unpayable,
    unspent,
)
from quote_core.dex.sqrt_price cimport (
    SQRT_OVERFLOW, SQRT_TOO_LARGE, floor_div, liquidity_crossed, nearer, sqrt_step_input, sqrt_step_next,
    sqrt_step_output,
)
from quote_core.dex.volatility cimport VOLATILITY_SCALE, VolatilityFee, accumulator_at, volatile_rate
from quote_core.dex.wide cimport (
    i128, i128_from, mul_div_ceil, mul_div_floor, u128, u128_from, u128_high, u128_of, wide_mul,
)

__all__ = ["LaidTicks", "SequenceLadder"]

cdef uint64_t FEE_DENOMINATOR = 1_000_000
cdef uint64_t FEE_RATE_MAX = 100_000
cdef u128 VARIABLE_FEE_DENOMINATOR = 10_000_000_000_000
cdef int64_t MIN_TICK = -443_636
cdef int64_t MAX_TICK = 443_636
cdef int64_t TICKS_PER_ARRAY = 88

# floor(1.0001^(2^i / 2) * 2^96) as high and low half, and floor(1.0001^(-2^i / 2) * 2^64); set from `ticks` on import.
cdef u128[19] UP_X96
cdef uint64_t[19] DOWN_X64

cdef struct Target:
    # an initialised tick, or the far edge of the arrays with `initialized` 0
    u128 sqrt_price
    i128 liquidity_net
    int32_t tick
    int initialized


cdef struct Start:
    # one direction of one pool, before the walk
    Target* targets
    int target_count
    bint down
    u128 limit
    u128 sqrt_price
    u128 liquidity
    int64_t tick
    uint64_t fee_rate
    int step_count_max


cdef struct AdaptiveFee:
    VolatilityFee volatility
    int64_t lower_group
    int64_t upper_group


cdef struct Terms:
    const Start* start
    const AdaptiveFee* fee  # NULL where the pool has none


cdef void _set_constants() except *:
    from quote_core.dex.orca_whirlpool import ticks

    cdef int bit
    for bit in range(19):
        UP_X96[bit] = u128_from(ticks.UP_X96[bit])
        DOWN_X64[bit] = ticks.DOWN_X64[bit]


_set_constants()


cdef u128 _price_at_tick(int64_t tick) noexcept nogil:
    cdef u128 ratio
    cdef uint64_t[4] product
    cdef int bit
    if tick >= 0:
        ratio = u128_of(1 << 32, 0)
        for bit in range(19):
            if tick >> bit & 1:
                wide_mul(ratio, UP_X96[bit], product)
                ratio = (u128_of(product[2], product[1]) >> 32) + (u128_of(product[3], 0) << 32)
        return ratio >> 32
    ratio = u128_of(1, 0)
    for bit in range(19):
        if -tick >> bit & 1:
            ratio = ratio * DOWN_X64[bit] >> 64
    return ratio


cdef int64_t _tick_at_price(u128 price) noexcept nogil:
    # the greatest tick whose price is at most `price`
    cdef int64_t low = MIN_TICK, high = MAX_TICK, middle
    while low < high:
        middle = low + (high - low + 1) // 2
        if _price_at_tick(middle) <= price:
            low = middle
        else:
            high = middle - 1
    return low


cdef bint _bound(const AdaptiveFee* fee, int64_t group, u128 liquidity, bint down, u128* target) noexcept nogil:
    # cut `target` where the fee changes next; True when that is not a group boundary. See `FeeManager.bound`.
    cdef int64_t size = fee.volatility.step
    cdef int64_t lower_tick = fee.lower_group * size
    cdef int64_t upper_tick = (fee.upper_group + 1) * size
    cdef bint below = MIN_TICK < lower_tick < MAX_TICK and group < fee.lower_group
    cdef bint above = MIN_TICK < upper_tick < MAX_TICK and group > fee.upper_group
    cdef bint moving_back
    cdef u128 edge
    if fee.volatility.control == 0 or liquidity == 0 or (below if down else above):
        return True
    moving_back = above if down else below
    if down:
        edge = _price_at_tick(upper_tick if moving_back else max(group * size, MIN_TICK))
    else:
        edge = _price_at_tick(lower_tick if moving_back else min((group + 1) * size, MAX_TICK))
    target[0] = nearer(target[0], edge, down)
    return moving_back


cdef int64_t _next_group(int64_t size, int64_t group, u128 price, bint skipped, bint down) noexcept nogil:
    cdef int64_t tick, last
    if skipped:
        tick = _tick_at_price(price)
        last = floor_div(tick, size)
        if not down and tick % size == 0 and _price_at_tick(tick) == price:
            last -= 1
        if (down and last < group) or (not down and last > group):
            group = last
    return group - 1 if down else group + 1


cdef class LaidTicks:
    """The initialised ticks of one array, ascending, each with its price: laid out once a change of the array."""

    cdef readonly object array
    cdef Target* _ticks
    cdef int _count
    cdef int64_t _start_tick

    def __cinit__(self, array):
        cdef int i
        self.array = array
        self._start_tick = array.start_tick
        self._count = len(array.liquidity_net)
        self._ticks = <Target*>room_for(self._count, sizeof(Target))
        for i, tick in enumerate(sorted(array.liquidity_net)):
            self._ticks[i] = Target(_price_at_tick(tick), i128_from(array.liquidity_net[tick]), tick, True)

    def __dealloc__(self):
        PyMem_Free(self._ticks)

    cdef int first_up(self, int64_t tick) noexcept:
        """The position of the first tick at or above `tick`."""
        cdef int position = 0
        while position < self._count and self._ticks[position].tick < tick:
            position += 1
        return position


cdef class SequenceLadder:
    """One direction of one pool, laid out for the walk.

    Args:
        state: A `WhirlpoolState`; it is copied, later changes of it are not seen.
        arrays: The arrays a walk may use, in walk order; None where one is unknown.
        down: Direction: token A goes in.
        limit: The price at the end of the program's range.
        step_count_max: More steps than this are refused.
    """

    cdef Start _start

    def __cinit__(self, state, arrays, *, bint down, limit, int step_count_max):
        cdef Py_ssize_t room = sum([(<LaidTicks>laid)._count + 1 for laid in arrays if laid is not None])
        self._start.targets = <Target*>room_for(room, sizeof(Target))
        self._start.target_count = 0
        self._start.down = down
        self._start.limit = u128_from(limit)
        self._start.sqrt_price = u128_from(state.sqrt_price_x64)
        self._start.liquidity = u128_from(state.liquidity)
        self._start.tick = state.tick
        self._start.fee_rate = state.fee_rate
        self._start.step_count_max = step_count_max
        self._lay_out(arrays, state.tick_spacing)

    cdef _lay_out(self, arrays, int64_t spacing):
        """Every tick a walk may stop at, in order: see `swap.targets`, which is the specification."""
        cdef LaidTicks laid
        cdef int64_t span = TICKS_PER_ARRAY * spacing, tick = self._start.tick, slot_tick
        cdef Py_ssize_t left = len(arrays)
        cdef int position
        for laid in arrays:
            left -= 1
            if laid is None:
                return
            slot_tick = laid._start_tick + floor_div(tick - laid._start_tick, spacing) * spacing
            if self._start.down:
                position = laid.first_up(slot_tick + 1) - 1
                while position >= 0:
                    if self._reach(&laid._ticks[position]):
                        return
                    position -= 1
                if laid._start_tick <= MIN_TICK:
                    self._reach_edge(MIN_TICK)
                    return
                tick = laid._start_tick - 1
                if not left and not self._reached(laid._start_tick):
                    self._reach_edge(laid._start_tick)
            else:
                for position in range(laid.first_up(slot_tick + spacing), laid._count):
                    if self._reach(&laid._ticks[position]):
                        return
                tick = laid._start_tick + span - 1
                if self._reached(laid._start_tick + span - spacing):
                    continue
                if tick >= MAX_TICK:
                    self._reach_edge(MAX_TICK)
                    return
                if not left:
                    self._reach_edge(tick)

    cdef bint _reach(self, const Target* target) noexcept:
        """Take a tick; whether the range of prices ends there."""
        self._start.targets[self._start.target_count] = target[0]
        self._start.target_count += 1
        return target.tick == MIN_TICK or target.tick == MAX_TICK

    cdef void _reach_edge(self, int64_t tick) noexcept:
        cdef Target edge = Target(_price_at_tick(tick), 0, <int32_t>tick, False)
        self._reach(&edge)

    cdef bint _reached(self, int64_t tick) noexcept:
        """Whether the last tick taken is this one: the slot nearest to the edge, behind which the array is left."""
        cdef int count = self._start.target_count
        return count > 0 and self._start.targets[count - 1].tick == tick

    def __dealloc__(self):
        PyMem_Free(self._start.targets)

    def targets(self):
        """As `swap.targets` gives them."""
        cdef Target target
        cdef int i
        found = []
        for i in range(self._start.target_count):
            target = self._start.targets[i]
            price = (<object>u128_high(target.sqrt_price) << 64) + <uint64_t>target.sqrt_price
            net = (<object><int64_t>(target.liquidity_net >> 64) << 64) + <uint64_t>target.liquidity_net
            found.append((target.tick, price, net if target.initialized else None))
        return found

    def pricing(self, *, fee, uint64_t vault_out):
        """Give what prices this direction: what reaches the pool in, smallest units, ascending.

        Args:
            fee: The `AdaptiveFee` with its references renewed for the clock, or None.
            vault_out: What the output vault holds; more is refused.
        """
        return SequencePricing(self, fee, vault_out)


cdef class SequencePricing(CompiledPricing):
    cdef SequenceLadder _ladder  # which `_own` points into
    cdef AdaptiveFee _fee
    cdef Terms _own

    def __cinit__(self, SequenceLadder ladder not None, fee, uint64_t vault_out):
        cdef int64_t distance
        self._ladder = ladder
        self._own = Terms(&ladder._start, NULL)
        if fee is not None:
            self._fee.volatility = VolatilityFee(
                fee.control_factor,
                fee.tick_group_size,
                fee.group_reference,
                fee.volatility_reference,
                fee.accumulator_max,
                VARIABLE_FEE_DENOMINATOR,
                FEE_RATE_MAX,
            )
            distance = -floor_div(
                self._fee.volatility.volatility_reference - self._fee.volatility.accumulator_max, VOLATILITY_SCALE
            )
            self._fee.lower_group = self._fee.volatility.index_reference - distance
            self._fee.upper_group = self._fee.volatility.index_reference + distance
            self._own.fee = &self._fee
        self.by_walk(_walk, &self._own, vault_out)


cdef void _walk(Ladder* ladder, void* untyped) noexcept nogil:
    cdef const Start* start = (<const Terms*>untyped).start
    cdef const AdaptiveFee* fee = (<const Terms*>untyped).fee
    cdef bint down = start.down, skipped = True
    cdef u128 price = start.sqrt_price, liquidity = start.liquidity, target, bound, reached, cost
    cdef int64_t group = 0 if fee == NULL else floor_div(start.tick, fee.volatility.step)
    cdef uint64_t needed = 0, available, step_in = 0, step_out = 0, rate = start.fee_rate
    cdef int position = 0, status, step_count = 0
    cdef const Target* next_target
    while goes_on(ladder):
        if price == start.limit:  # the end of the price range
            end_all(ladder)
            return
        if position >= start.target_count:
            return
        next_target = &start.targets[position]
        target = nearer(next_target.sqrt_price, start.limit, down)
        while True:
            step_count += 1
            if step_count > start.step_count_max:
                return
            bound = target
            if fee != NULL:
                rate = volatile_rate(&fee.volatility, start.fee_rate, accumulator_at(&fee.volatility, group))
                skipped = _bound(fee, group, liquidity, down, &bound)
            status = sqrt_step_input(price, bound, liquidity, down, &needed)
            if status & SQRT_OVERFLOW and down:
                return
            cost = unpayable()
            if not status & SQRT_TOO_LARGE:
                cost = needed + mul_div_ceil(needed, rate, FEE_DENOMINATOR - rate)
            while ends_inside(ladder, cost):
                available = <uint64_t>mul_div_floor(unspent(ladder), FEE_DENOMINATOR - rate, FEE_DENOMINATOR)
                if (
                    sqrt_step_next(price, liquidity, available, down, &reached)
                    or sqrt_step_input(price, reached, liquidity, down, &step_in)
                    or sqrt_step_output(price, reached, liquidity, down, &step_out)
                ):
                    refuse(ladder)
                else:
                    end_with(ladder, step_out)
            if ended(ladder) or sqrt_step_output(price, bound, liquidity, down, &step_out):
                return
            if not pass_through(ladder, cost, step_out):
                return
            price = bound
            if price == next_target.sqrt_price and next_target.initialized:
                if not liquidity_crossed(&liquidity, next_target.liquidity_net, down):
                    return
            if fee != NULL:
                group = _next_group(fee.volatility.step, group, price, skipped, down)
            if price == target:
                break
            if not goes_on(ladder):
                return
        if price == next_target.sqrt_price:
            position += 1
