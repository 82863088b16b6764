# cython: language_level=3, cdivision=True
"""The walk of `swap.walk` for many exact inputs at once, in C and without the interpreter.

All amounts start from one state and meet the same ticks, so the line is walked once: a step's full cost is the same
for everybody, and who cannot pay it ends inside it. Amounts ascend, so those who end are always the first left.
Every formula is that of `swap` and `ticks`, which are the specification; property tests hold the two equal.
"""

from cpython cimport array
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport UINT64_MAX, int32_t, int64_t, uint64_t

from quote_core.dex.sqrt_price cimport (
    SQRT_TOO_LARGE,
    floor_div,
    liquidity_crossed,
    paid_out,
    sqrt_step_input,
    sqrt_step_next,
    sqrt_step_output,
)
from quote_core.dex.wide cimport i128, i128_of, u128, u128_high, u128_of, wide_mul, wide_mul_div, wide_rate

import array

__all__ = ["LineLadder"]

cdef uint64_t FEE_DENOMINATOR = 1_000_000
cdef uint64_t DYNAMIC_FEE_RATE_MAX = 100_000
cdef int64_t VOLATILITY_SCALE = 10_000
cdef int64_t MAX_TICK = 443_636

# sqrt(1.0001)^-(2^i) in Q64.64, the program's own constants; see `ticks`.
cdef uint64_t[19] LADDER = [
    0xFFFCB933BD6FB800, 0xFFF97272373D4000, 0xFFF2E50F5F657000, 0xFFE5CACA7E10F000, 0xFFCB9843D60F7000,
    0xFF973B41FA98E800, 0xFF2EA16466C9B000, 0xFE5DEE046A9A3800, 0xFCBE86C7900BB000, 0xF987A7253AC65800,
    0xF3392B0822BB6000, 0xE7159475A2CAF000, 0xD097F3BDFD2F2000, 0xA9F746462D9F8000, 0x70D869A156F31C00,
    0x31BE135F97ED3200, 0x9AA508B5B85A500, 0x5D6AF8DEDC582C, 0x2216E584F5FA,
]

cdef array.array _TEMPLATE = array.array("Q")


cdef struct Tick:
    u128 sqrt_price
    i128 liquidity_net
    u128 order_total
    int32_t index


cdef struct Fee:
    # the dynamic fee's memory while walking; `on` is 0 where the pool has none
    int on
    int64_t index_reference
    int64_t volatility_reference
    int64_t accumulator_max
    uint64_t control


cdef u128 _price_at_tick(int64_t tick) noexcept nogil:
    cdef int64_t distance = tick if tick >= 0 else -tick
    cdef u128 ratio = u128_of(1, 0)
    cdef int bit
    for bit in range(19):
        if distance >> bit & 1:
            ratio = ratio * LADDER[bit] >> 64
    return u128_of(UINT64_MAX, UINT64_MAX) // ratio if tick > 0 else ratio


cdef uint64_t _rate(uint64_t trade_rate, int64_t accumulator, int64_t spacing, uint64_t control) noexcept nogil:
    # accumulator < 2^32 and spacing < 2^16, so the square fits 96 bits and the product with control 128
    cdef u128 crossed = <u128>accumulator * <u128>spacing
    cdef u128 denominator = <u128>100_000 * 10_000 * 10_000
    cdef u128 part = (crossed * crossed * control + denominator - 1) // denominator
    if part >= DYNAMIC_FEE_RATE_MAX:
        return DYNAMIC_FEE_RATE_MAX
    return min(trade_rate + <uint64_t>part, DYNAMIC_FEE_RATE_MAX)


cdef class LineLadder:
    """The state of one pool, laid out for the walk.

    Args:
        state: A `ClmmState`; it is copied, later changes of it are not seen.
        limit_down: Lowest price a swap may reach.
        limit_up: Highest price a swap may reach.
        step_count_max: More steps than this are refused.

    `ran_out`: the last ladder had an amount left where the ticks end.
    """

    cdef Tick* _ticks
    cdef int _tick_count
    cdef int _down_position
    cdef int _up_position
    cdef u128 _sqrt_price
    cdef u128 _liquidity
    cdef u128 _limit_down
    cdef u128 _limit_up
    cdef int64_t _tick
    cdef int64_t _spacing
    cdef uint64_t _trade_rate
    cdef int _fee_on
    cdef int _step_count_max
    cdef readonly bint ran_out

    def __cinit__(self, state, *, limit_down, limit_up, int step_count_max):
        cdef int i
        ticks = state.line.ticks
        self._tick_count = len(ticks)
        self._ticks = <Tick*>PyMem_Malloc(max(1, self._tick_count) * sizeof(Tick))
        if self._ticks == NULL:
            raise MemoryError
        self._sqrt_price = _u128(state.sqrt_price_x64)
        self._liquidity = _u128(state.liquidity)
        self._limit_down = _u128(limit_down)
        self._limit_up = _u128(limit_up)
        self._tick = state.tick
        self._spacing = state.tick_spacing
        self._trade_rate = state.trade_fee_rate
        self._fee_on = state.fee_on
        self._step_count_max = step_count_max
        self._up_position = 0
        for i in range(self._tick_count):
            tick = ticks[i]
            self._ticks[i].sqrt_price = _u128(tick.sqrt_price_x64)
            self._ticks[i].liquidity_net = i128_of(tick.liquidity_net >> 64, tick.liquidity_net & UINT64_MAX)
            self._ticks[i].order_total = _u128(tick.order_total)
            self._ticks[i].index = tick.index
            if tick.index <= state.tick:
                self._up_position = i + 1
        self._down_position = self._up_position - 1

    def __dealloc__(self):
        PyMem_Free(self._ticks)

    def outputs(self, const uint64_t[::1] amounts, *, bint zero_for_one, fee, uint64_t vault_out):
        """Give what each amount buys, 0 where it is refused.

        Args:
            amounts: What reaches the pool, smallest units, ascending.
            zero_for_one: Direction.
            fee: The `DynamicFee` with its references renewed for the clock, or None.
            vault_out: What the output vault holds; more is refused.
        """
        cdef array.array out = array.clone(_TEMPLATE, amounts.shape[0], zero=True)
        cdef uint64_t[::1] view = out
        cdef Fee memory
        cdef Py_ssize_t i
        for i in range(1, amounts.shape[0]):
            if amounts[i] < amounts[i - 1]:
                raise ValueError("amounts must ascend")
        memory.on = fee is not None
        if fee is not None:
            memory.index_reference = fee.index_reference
            memory.volatility_reference = fee.volatility_reference
            memory.accumulator_max = fee.accumulator_max
            memory.control = fee.control
        self.ran_out = False
        if amounts.shape[0]:
            with nogil:
                self._walk(&amounts[0], <int>amounts.shape[0], &view[0], zero_for_one, memory, vault_out)
        return out

    cdef void _walk(
        self, const uint64_t* amounts, int count, uint64_t* out, bint down, Fee fee, uint64_t vault_out
    ) noexcept nogil:
        cdef bint fee_on_output = (self._fee_on == 1 and not down) or (self._fee_on == 2 and down)
        cdef int position = self._down_position if down else self._up_position
        cdef u128 price = self._sqrt_price, liquidity = self._liquidity, target, bound, cut, reached
        cdef u128 limit = self._limit_down if down else self._limit_up
        cdef int64_t group = floor_div(self._tick, self._spacing), accumulator = 0
        cdef uint64_t spent = 0, needed = 0, available, step_out = 0, step_fee = 0, rate = self._trade_rate
        cdef u128 paid = 0
        cdef int first = 0, payable, step_count = 0
        cdef bint uncut
        cdef Tick* tick
        while True:
            # who has nothing left ends here, before the next step
            while first < count and amounts[first] == spent:
                out[first] = paid_out(paid, vault_out)
                first += 1
            if first == count or price == limit:
                return
            if position < 0 or position >= self._tick_count:
                self.ran_out = True
                return
            tick = &self._ticks[position]
            target = tick.sqrt_price
            if (down and target < limit) or (not down and target > limit):
                target = limit
            while True:
                step_count += 1
                if step_count > self._step_count_max:
                    return
                bound = target
                uncut = True
                if fee.on:
                    accumulator = fee.index_reference - group
                    accumulator = fee.volatility_reference + (
                        accumulator if accumulator >= 0 else -accumulator
                    ) * VOLATILITY_SCALE
                    accumulator = min(accumulator, fee.accumulator_max)
                    rate = _rate(self._trade_rate, accumulator, self._spacing, fee.control)
                    uncut = liquidity == 0 or accumulator == fee.accumulator_max
                    if not uncut:
                        cut = _price_at_tick((group if down else group + 1) * self._spacing)
                        if (down and cut > bound) or (not down and cut < bound):
                            bound = cut
                payable = not (sqrt_step_input(price, bound, liquidity, down, &needed) & SQRT_TOO_LARGE)
                while first < count:
                    available = amounts[first] - spent
                    if not fee_on_output:
                        wide_rate(available, FEE_DENOMINATOR - rate, FEE_DENOMINATOR, 0, &available)
                    if payable and needed <= available:
                        break
                    if not (
                        sqrt_step_next(price, liquidity, available, down, &reached) & SQRT_TOO_LARGE
                        or sqrt_step_output(price, reached, liquidity, down, &step_out) & SQRT_TOO_LARGE
                    ):
                        if fee_on_output:
                            step_out -= _output_fee(step_out, rate)
                        out[first] = paid_out(paid + step_out, vault_out)
                    first += 1
                if first == count:
                    return
                if sqrt_step_output(price, bound, liquidity, down, &step_out) & SQRT_TOO_LARGE:
                    return
                step_fee = 0
                if fee_on_output:
                    step_out -= _output_fee(step_out, rate)
                else:
                    wide_rate(needed, rate, FEE_DENOMINATOR - rate, 1, &step_fee)
                spent += needed + step_fee
                paid += step_out
                price = bound
                if fee.on:
                    if uncut:
                        group = floor_div(tick.index, self._spacing) - (0 if down else 1)
                    group += -1 if down else 1
                if price == target:
                    break
                while first < count and amounts[first] == spent:
                    out[first] = paid_out(paid, vault_out)
                    first += 1
                if first == count:
                    return
            if price != tick.sqrt_price:
                continue
            if tick.order_total:
                first = _fill_orders(
                    tick, amounts, count, first, out, &spent, &paid, rate, down, fee_on_output, vault_out
                )
                if first == count:
                    return
            if not liquidity_crossed(&liquidity, tick.liquidity_net, down):
                return
            position += -1 if down else 1


cdef int _fill_orders(
    const Tick* tick,
    const uint64_t* amounts,
    int count,
    int first,
    uint64_t* out,
    uint64_t* spent,
    u128* paid,
    uint64_t rate,
    bint down,
    bint fee_on_output,
    uint64_t vault_out,
) noexcept nogil:
    # fill what rests at a tick; gives the first amount that has something left after it
    cdef uint64_t[4] square
    cdef uint64_t fee = 0, net_in
    cdef u128 price, gross, cost
    wide_mul(tick.sqrt_price, tick.sqrt_price, square)
    price = u128_of(square[2], square[1])
    if not down and square[0]:
        price += 1
    while first < count:
        net_in = amounts[first] - spent[0]
        if net_in and not fee_on_output:
            wide_rate(net_in, rate, FEE_DENOMINATOR, 1, &fee)
            net_in -= fee
        if not _convert(net_in, price, down, 0, &gross) or gross > tick.order_total:
            break
        if fee_on_output:
            gross -= _output_fee(<uint64_t>gross, rate)
        out[first] = paid_out(paid[0] + gross, vault_out)
        first += 1
    if first == count:
        return count
    if not _convert(tick.order_total, price, not down, 1, &cost) or u128_high(cost):
        return count
    net_in = <uint64_t>cost
    gross = tick.order_total
    if fee_on_output:
        gross -= _output_fee(<uint64_t>gross, rate)
    else:
        wide_rate(net_in, rate, FEE_DENOMINATOR - rate, 1, &fee)
        net_in += fee
    spent[0] += net_in
    paid[0] += gross
    return first


cdef bint _convert(u128 amount, u128 price, bint multiply, bint round_up, u128* result) noexcept nogil:
    # amount * price / 2^64, or amount * 2^64 / price; False where it does not fit 128 bits
    if multiply:
        return wide_mul_div(amount, price, u128_of(1, 0), round_up, result) == 0
    return wide_mul_div(amount, u128_of(1, 0), price, round_up, result) == 0


cdef inline uint64_t _output_fee(uint64_t amount, uint64_t rate) noexcept nogil:
    cdef uint64_t fee = 0
    wide_rate(amount, rate, FEE_DENOMINATOR, 1, &fee)
    return fee


cdef u128 _u128(value):
    return u128_of(value >> 64, value & UINT64_MAX)
