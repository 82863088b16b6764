# cython: language_level=3, cdivision=True
"""The walk of `swap.walk` for many exact inputs at once, in C and without the interpreter.

All amounts start from one state and meet the same targets, so the way is walked once: a step's full cost is the same
for everybody, and who cannot pay it ends inside it. Amounts ascend, so those who end are always the first left.
Every formula is that of `swap`, `ticks` and `adaptive_fee`, which are the specification; property tests hold them equal.
"""

from cpython cimport array
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport UINT64_MAX, int32_t, int64_t, uint64_t

from quote_core.dex.sqrt_price cimport (
    SQRT_OVERFLOW,
    SQRT_TOO_LARGE,
    floor_div,
    liquidity_crossed,
    paid_out,
    sqrt_step_input,
    sqrt_step_next,
    sqrt_step_output,
)
from quote_core.dex.wide cimport i128, i128_of, u128, u128_high, u128_of, wide_mul, wide_rate

import array

__all__ = ["SequenceLadder"]

cdef uint64_t FEE_DENOMINATOR = 1_000_000
cdef uint64_t FEE_RATE_MAX = 100_000
cdef int64_t VOLATILITY_SCALE = 10_000
cdef int64_t MIN_TICK = -443_636
cdef int64_t MAX_TICK = 443_636

# floor(1.0001^(2^i / 2) * 2^96) as high and low half, and floor(1.0001^(-2^i / 2) * 2^64); set from `ticks` on import.
cdef u128[19] UP_X96
cdef uint64_t[19] DOWN_X64

cdef array.array _TEMPLATE = array.array("Q")


cdef struct Target:
    # an initialised tick, or the far edge of the arrays with `initialized` 0
    u128 sqrt_price
    i128 liquidity_net
    int32_t tick
    int initialized


cdef struct Fee:
    # the adaptive fee's memory while walking; `on` is 0 where the pool has none
    int on
    int64_t group_size
    int64_t group_reference
    int64_t volatility_reference
    int64_t accumulator_max
    uint64_t control
    int64_t lower_group
    int64_t upper_group


cdef void _set_constants() except *:
    from quote_core.dex.orca_whirlpool import ticks

    cdef int bit
    for bit in range(19):
        UP_X96[bit] = _u128(ticks.UP_X96[bit])
        DOWN_X64[bit] = ticks.DOWN_X64[bit]


cdef u128 _u128(value):
    return u128_of(value >> 64, value & UINT64_MAX)


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


cdef inline int64_t _accumulator(const Fee* fee, int64_t group) noexcept nogil:
    cdef int64_t distance = fee.group_reference - group
    return min(
        fee.volatility_reference + (distance if distance >= 0 else -distance) * VOLATILITY_SCALE, fee.accumulator_max
    )


cdef uint64_t _rate(uint64_t static_rate, const Fee* fee, int64_t group) noexcept nogil:
    # accumulator < 2^32 and group size < 2^16, so the square fits 96 bits and the product with control 128
    cdef u128 crossed = <u128>_accumulator(fee, group) * <u128>fee.group_size
    cdef u128 denominator = <u128>100_000 * 10_000 * 10_000
    cdef u128 part = (crossed * crossed * fee.control + denominator - 1) // denominator
    if part >= FEE_RATE_MAX:
        return FEE_RATE_MAX
    return min(static_rate + <uint64_t>part, FEE_RATE_MAX)


cdef bint _bound(const Fee* fee, int64_t group, u128 liquidity, bint down, u128* target) noexcept nogil:
    # cut `target` where the fee changes next; True when that is not a group boundary. See `FeeManager.bound`.
    cdef int64_t lower_tick = fee.lower_group * fee.group_size
    cdef int64_t upper_tick = (fee.upper_group + 1) * fee.group_size
    cdef bint below = MIN_TICK < lower_tick < MAX_TICK and group < fee.lower_group
    cdef bint above = MIN_TICK < upper_tick < MAX_TICK and group > fee.upper_group
    cdef bint moving_back
    cdef u128 edge
    if fee.control == 0 or liquidity == 0 or (below if down else above):
        return True
    moving_back = above if down else below
    if down:
        edge = _price_at_tick(upper_tick if moving_back else max(group * fee.group_size, MIN_TICK))
        if edge > target[0]:
            target[0] = edge
    else:
        edge = _price_at_tick(lower_tick if moving_back else min((group + 1) * fee.group_size, MAX_TICK))
        if edge < target[0]:
            target[0] = edge
    return moving_back


cdef int64_t _next_group(const Fee* fee, int64_t group, u128 price, bint skipped, bint down) noexcept nogil:
    cdef int64_t tick, last
    if skipped:
        tick = _tick_at_price(price)
        last = floor_div(tick, fee.group_size)
        if not down and tick % fee.group_size == 0 and _price_at_tick(tick) == price:
            last -= 1
        if (down and last < group) or (not down and last > group):
            group = last
    return group - 1 if down else group + 1


cdef class SequenceLadder:
    """One direction of one pool, laid out for the walk.

    Args:
        state: A `WhirlpoolState`; it is copied, later changes of it are not seen.
        targets: (tick, price, net liquidity or None) in walk order, as `swap.targets` gives them.
        down: Direction: token A goes in.
        limit: The price at the end of the program's range.
        step_count_max: More steps than this are refused.
    """

    cdef Target* _targets
    cdef int _target_count
    cdef bint _down
    cdef u128 _limit
    cdef u128 _sqrt_price
    cdef u128 _liquidity
    cdef int64_t _tick
    cdef uint64_t _fee_rate
    cdef int _step_count_max

    def __cinit__(self, state, targets, *, bint down, limit, int step_count_max):
        cdef int i
        self._target_count = len(targets)
        self._targets = <Target*>PyMem_Malloc(max(1, self._target_count) * sizeof(Target))
        if self._targets == NULL:
            raise MemoryError
        for i in range(self._target_count):
            tick, price, net = targets[i]
            self._targets[i].tick = tick
            self._targets[i].sqrt_price = _u128(price)
            self._targets[i].initialized = net is not None
            net = net or 0
            self._targets[i].liquidity_net = i128_of(net >> 64, net & UINT64_MAX)
        self._down = down
        self._limit = _u128(limit)
        self._sqrt_price = _u128(state.sqrt_price_x64)
        self._liquidity = _u128(state.liquidity)
        self._tick = state.tick
        self._fee_rate = state.fee_rate
        self._step_count_max = step_count_max

    def __dealloc__(self):
        PyMem_Free(self._targets)

    def outputs(self, const uint64_t[::1] amounts, *, fee, uint64_t vault_out):
        """Give what each amount buys, 0 where it is refused.

        Args:
            amounts: What reaches the pool, smallest units, ascending.
            fee: The `AdaptiveFee` with its references renewed for the clock, or None.
            vault_out: What the output vault holds; more is refused.
        """
        cdef array.array out = array.clone(_TEMPLATE, amounts.shape[0], zero=True)
        cdef uint64_t[::1] view = out
        cdef Fee memory
        cdef int64_t distance
        cdef Py_ssize_t i
        for i in range(1, amounts.shape[0]):
            if amounts[i] < amounts[i - 1]:
                raise ValueError("amounts must ascend")
        memory.on = fee is not None
        if fee is not None:
            memory.group_size = fee.tick_group_size
            memory.group_reference = fee.group_reference
            memory.volatility_reference = fee.volatility_reference
            memory.accumulator_max = fee.accumulator_max
            memory.control = fee.control_factor
            distance = -floor_div(memory.volatility_reference - memory.accumulator_max, VOLATILITY_SCALE)
            memory.lower_group = memory.group_reference - distance
            memory.upper_group = memory.group_reference + distance
        if amounts.shape[0]:
            with nogil:
                self._walk(&amounts[0], <int>amounts.shape[0], &view[0], memory, vault_out)
        return out

    cdef void _walk(
        self, const uint64_t* amounts, int count, uint64_t* out, Fee fee, uint64_t vault_out
    ) noexcept nogil:
        cdef bint down = self._down, skipped
        cdef u128 price = self._sqrt_price, liquidity = self._liquidity, target, bound, reached, paid = 0
        cdef int64_t group = floor_div(self._tick, fee.group_size) if fee.on else 0
        cdef uint64_t spent = 0, needed = 0, available, step_out = 0, step_fee = 0, rate = self._fee_rate
        cdef int first = 0, position = 0, status, step_count = 0
        cdef Target* next_target
        while True:
            while first < count and amounts[first] == spent:
                out[first] = paid_out(paid, vault_out)
                first += 1
            if price == self._limit:
                # the end of the price range: what is left over stays with the trader
                while first < count:
                    out[first] = paid_out(paid, vault_out)
                    first += 1
            if first == count or position >= self._target_count:
                return
            next_target = &self._targets[position]
            target = next_target.sqrt_price
            if (down and target < self._limit) or (not down and target > self._limit):
                target = self._limit
            while True:
                step_count += 1
                if step_count > self._step_count_max:
                    return
                bound = target
                skipped = True
                if fee.on:
                    rate = _rate(self._fee_rate, &fee, group)
                    skipped = _bound(&fee, group, liquidity, down, &bound)
                status = sqrt_step_input(price, bound, liquidity, down, &needed)
                if status & SQRT_OVERFLOW and down:
                    return
                while first < count:
                    available = amounts[first] - spent
                    wide_rate(available, FEE_DENOMINATOR - rate, FEE_DENOMINATOR, 0, &available)
                    if not status & SQRT_TOO_LARGE and needed <= available:
                        break
                    if not (
                        sqrt_step_next(price, liquidity, available, down, &reached)
                        or sqrt_step_input(price, reached, liquidity, down, &step_fee)
                        or sqrt_step_output(price, reached, liquidity, down, &step_out)
                    ):
                        out[first] = paid_out(paid + step_out, vault_out)
                    first += 1
                if first == count or sqrt_step_output(price, bound, liquidity, down, &step_out):
                    return
                wide_rate(needed, rate, FEE_DENOMINATOR - rate, 1, &step_fee)
                spent += needed + step_fee
                paid += step_out
                if u128_high(paid):
                    return
                price = bound
                if price == next_target.sqrt_price and next_target.initialized:
                    if not liquidity_crossed(&liquidity, next_target.liquidity_net, down):
                        return
                if fee.on:
                    group = _next_group(&fee, group, price, skipped, down)
                if price == target:
                    break
                while first < count and amounts[first] == spent:
                    out[first] = paid_out(paid, vault_out)
                    first += 1
                if first == count:
                    return
            if price == next_target.sqrt_price:
                position += 1
