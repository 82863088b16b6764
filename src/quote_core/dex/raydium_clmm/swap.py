"""The walk: one swap over a line of ticks, equal to the program to the last unit. Pure; time is a parameter.

The outer loop goes from initialised tick to initialised tick. With a dynamic fee an inner loop cuts the way at every
tick-spacing boundary, because the rate is renewed there; without one the inner loop runs once. At a tick, resting
limit orders fill first, at the tick's price, and only when they are used up is the tick's liquidity crossed.

Source: raydium-io/raydium-clmm, programs/amm/src/instructions/swap.rs and libraries/swap_math.rs; the 2026 features
(fee on one token, dynamic fee, limit orders) as raydium-sdk-V2 computes them.
"""

import bisect
from dataclasses import dataclass, replace
from typing import Final

from quote_core.dex.raydium_clmm.state import ClmmState, DynamicFee, LineEnd, Tick
from quote_core.dex.raydium_clmm.ticks import MAX_SQRT_PRICE_X64, sqrt_price_at_tick, tick_at_sqrt_price
from quote_core.dex.sqrt_price import MIN_SQRT_PRICE_X64, amount_a, amount_b, next_from_a, next_from_b
from quote_core.dex.volatility import TICK_RATE_DENOMINATOR, accumulator_at, decayed_reference, volatile_rate
from quote_core.dex.walk import STEP_COUNT_MAX, MathOverflow, TooManySteps, WalkPiece
from quote_core.units import U64_MAX, U128_MAX

__all__ = [
    "FEE_DENOMINATOR",
    "ClmmWalk",
    "EndOfLine",
    "effective_fee_rate",
    "walk",
    "with_references",
]

FEE_DENOMINATOR: Final = 1_000_000
DYNAMIC_FEE_RATE_MAX: Final = 100_000


class EndOfLine(Exception):
    """The walk has amount left and no tick to go to; `end` says whether an array is missing.

    What that means for the caller, `pool` says.
    """

    def __init__(self, end: LineEnd) -> None:
        super().__init__("end of the ticks held")
        self.end = end


@dataclass(slots=True)
class ClmmWalk:
    """A swap under way, and after `walk` its result. Amounts are what the pool's vaults see, in smallest units.

    `filled` maps a tick index to the tick as the swap leaves it, for ticks whose limit orders were hit. `pieces` are
    its steps, orders filled at a price among them.
    """

    amount_in: int
    amount_out: int
    fee_amount: int
    sqrt_price_x64: int
    tick: int
    liquidity: int
    dynamic_fee: DynamicFee | None
    crossed_count: int
    filled: dict[int, Tick]
    pieces: list[WalkPiece]


@dataclass(frozen=True, slots=True)
class _Rules:
    """What does not change during one swap."""

    zero_for_one: bool
    exact_in: bool
    fee_on_output: bool


@dataclass(frozen=True, slots=True)
class _Step:
    """One piece of the way at one rate. `amount_in` includes an input fee, `amount_out` is net of an output fee."""

    sqrt_price_x64: int
    amount_in: int
    amount_out: int
    fee_amount: int


def walk(state: ClmmState, *, zero_for_one: bool, exact_in: bool, amount: int, unix_timestamp: int) -> ClmmWalk:
    """Swap `amount` (of input when `exact_in`, else of output) without a price limit of the caller's.

    Raises:
        EndOfLine: The ticks held end before the amount is used up.
        MathOverflow: Crossing a tick would leave less than no liquidity, or more than 128 bits of it.
        TooManySteps: The walk is longer than any transaction could pay for.
    """
    fee_token_is_0 = {0: zero_for_one, 1: True, 2: False}.get(state.fee_on, zero_for_one)
    rules = _Rules(zero_for_one, exact_in, fee_on_output=fee_token_is_0 != zero_for_one)
    limit = MIN_SQRT_PRICE_X64 + 1 if zero_for_one else MAX_SQRT_PRICE_X64 - 1
    fee = state.dynamic_fee and with_references(state.dynamic_fee, state, unix_timestamp)
    swap = ClmmWalk(0, 0, 0, state.sqrt_price_x64, state.tick, state.liquidity, fee, 0, {}, [])
    group = state.tick // state.tick_spacing
    position = bisect.bisect_right(state.line.indexes, state.tick) - (1 if zero_for_one else 0)
    remaining, step_count = amount, 0
    while remaining and swap.sqrt_price_x64 != limit:
        if not 0 <= position < len(state.line.ticks):
            raise EndOfLine(state.line.below if zero_for_one else state.line.above)
        tick = state.line.ticks[position]
        target = max(tick.sqrt_price_x64, limit) if zero_for_one else min(tick.sqrt_price_x64, limit)
        start = swap.sqrt_price_x64
        rate = state.trade_fee_rate
        while True:
            step_count += 1
            if step_count > STEP_COUNT_MAX:
                raise TooManySteps
            bound, uncut = target, True
            if swap.dynamic_fee is not None:
                swap.dynamic_fee = _with_accumulator(swap.dynamic_fee, group)
                rate = effective_fee_rate(state.trade_fee_rate, state.tick_spacing, swap.dynamic_fee)
                uncut = swap.liquidity == 0 or swap.dynamic_fee.accumulator == swap.dynamic_fee.accumulator_max
                if not uncut:
                    bound = _cut(target, group, state.tick_spacing, zero_for_one=zero_for_one)
            step = _step(rules, swap.sqrt_price_x64, bound, swap.liquidity, remaining, rate)
            remaining -= _take(swap, step, rules)
            if swap.dynamic_fee is not None:
                if uncut:
                    group = _group_reached(swap.sqrt_price_x64, state.tick_spacing, zero_for_one=zero_for_one)
                    if swap.dynamic_fee.accumulator < swap.dynamic_fee.accumulator_max:
                        swap.dynamic_fee = _with_accumulator(swap.dynamic_fee, group)
                group += -1 if zero_for_one else 1
            if not remaining or swap.sqrt_price_x64 == target:
                break
        if swap.sqrt_price_x64 == tick.sqrt_price_x64:
            if tick.order_total:
                remaining -= _fill_orders(swap, tick, remaining, rate, rules)
                if swap.filled.get(tick.index, tick).order_total:
                    swap.tick = tick.index if zero_for_one else tick.index - 1
                    break
            swap.liquidity += -tick.liquidity_net if zero_for_one else tick.liquidity_net
            if not 0 <= swap.liquidity <= U128_MAX:
                raise MathOverflow("liquidity")
            swap.tick = tick.index - 1 if zero_for_one else tick.index
            swap.crossed_count += 1
            position += -1 if zero_for_one else 1
        elif swap.sqrt_price_x64 != start:
            swap.tick = tick_at_sqrt_price(swap.sqrt_price_x64)
    if remaining:
        raise EndOfLine(LineEnd(missing=None))
    return swap


def effective_fee_rate(trade_fee_rate: int, tick_spacing: int, fee: DynamicFee) -> int:
    """Give the rate of a step, parts per million, at most 10 %."""
    return volatile_rate(
        trade_fee_rate,
        control=fee.control,
        accumulator=fee.accumulator,
        step=tick_spacing,
        denominator=TICK_RATE_DENOMINATOR,
        rate_max=DYNAMIC_FEE_RATE_MAX,
    )


def with_references(fee: DynamicFee, state: ClmmState, unix_timestamp: int) -> DynamicFee:
    """Renew the references before a swap.

    Within the filter period all is kept, so that many quick swaps do not postpone the decay; within the decay period
    the reference keeps a part of the accumulator; later it starts at zero.
    """
    elapsed_s = max(0, unix_timestamp - fee.last_update_unix_s)
    if elapsed_s < fee.filter_period_s:
        return fee
    decayed = decayed_reference(fee.accumulator, fee.reduction_factor) if elapsed_s < fee.decay_period_s else 0
    return replace(
        fee,
        index_reference=state.tick // state.tick_spacing,
        volatility_reference=decayed,
        last_update_unix_s=unix_timestamp,
    )


def _with_accumulator(fee: DynamicFee, group: int) -> DynamicFee:
    accumulator = accumulator_at(
        group,
        index_reference=fee.index_reference,
        volatility_reference=fee.volatility_reference,
        accumulator_max=fee.accumulator_max,
    )
    return replace(fee, accumulator=accumulator)


def _cut(target: int, group: int, tick_spacing: int, *, zero_for_one: bool) -> int:
    if zero_for_one:
        return max(target, sqrt_price_at_tick(group * tick_spacing))
    return min(target, sqrt_price_at_tick((group + 1) * tick_spacing))


def _group_reached(sqrt_price_x64: int, tick_spacing: int, *, zero_for_one: bool) -> int:
    tick = tick_at_sqrt_price(sqrt_price_x64)
    group = tick // tick_spacing
    return group - 1 if not zero_for_one and tick % tick_spacing == 0 else group


def _take(swap: ClmmWalk, step: _Step, rules: _Rules) -> int:
    """Add a step to the running totals; give how much of the specified amount it used up."""
    swap.sqrt_price_x64 = step.sqrt_price_x64
    swap.amount_in += step.amount_in
    swap.amount_out += step.amount_out
    swap.fee_amount += step.fee_amount
    swap.pieces.append(WalkPiece(step.sqrt_price_x64, swap.liquidity, step.amount_in, step.amount_out, step.fee_amount))
    return step.amount_in if rules.exact_in else step.amount_out


def _step(rules: _Rules, current: int, target: int, liquidity: int, remaining: int, rate: int) -> _Step:
    """Move from `current` towards `target`, as far as `remaining` goes."""
    if rules.exact_in:
        available = remaining if rules.fee_on_output else remaining * (FEE_DENOMINATOR - rate) // FEE_DENOMINATOR
        needed = _input_delta(current, target, liquidity, rules)
        full = needed <= min(available, U64_MAX)
        reached = (
            target
            if full
            else (next_from_a if rules.zero_for_one else next_from_b)(current, liquidity, available, is_input=True)
        )
        net_in = needed if reached == target and full else _input_delta(current, reached, liquidity, rules)
        gross_out = _output_delta(current, reached, liquidity, rules)
        if rules.fee_on_output:
            fee = -(-gross_out * rate // FEE_DENOMINATOR)
            return _Step(reached, net_in if reached == target else remaining, gross_out - fee, fee)
        fee = -(-net_in * rate // (FEE_DENOMINATOR - rate)) if reached == target else remaining - net_in
        return _Step(reached, net_in + fee, gross_out, fee)
    wanted = -(-remaining * FEE_DENOMINATOR // (FEE_DENOMINATOR - rate)) if rules.fee_on_output else remaining
    held = _output_delta(current, target, liquidity, rules)
    if held <= min(wanted, U64_MAX):
        reached, gross_out = target, held
    else:
        next_from = next_from_b if rules.zero_for_one else next_from_a
        reached = next_from(current, liquidity, wanted, is_input=False)
        gross_out = held if reached == target else min(_output_delta(current, reached, liquidity, rules), wanted)
    gross_out = min(gross_out, wanted)
    net_in = _input_delta(current, reached, liquidity, rules)
    if rules.fee_on_output:
        fee = -(-gross_out * rate // FEE_DENOMINATOR)
        return _Step(reached, net_in, gross_out - fee, fee)
    fee = -(-net_in * rate // (FEE_DENOMINATOR - rate))
    return _Step(reached, net_in + fee, gross_out, fee)


def _input_delta(current: int, target: int, liquidity: int, rules: _Rules) -> int:
    delta = amount_a if rules.zero_for_one else amount_b
    return delta(current, target, liquidity, round_up=True)


def _output_delta(current: int, target: int, liquidity: int, rules: _Rules) -> int:
    delta = amount_b if rules.zero_for_one else amount_a
    return delta(current, target, liquidity, round_up=False)


def _fill_orders(swap: ClmmWalk, tick: Tick, remaining: int, rate: int, rules: _Rules) -> int:
    """Fill what rests at `tick` at its price; give how much of the specified amount that used up."""
    if not remaining:
        return 0
    square = tick.sqrt_price_x64 * tick.sqrt_price_x64
    price_x64 = square >> 64 if rules.zero_for_one else -(-square >> 64)
    fee = 0
    if rules.exact_in:
        if not rules.fee_on_output:
            fee = -(-remaining * rate // FEE_DENOMINATOR)
        net_in = remaining - fee
        gross_out = _order_output_floor(net_in, price_x64, rules)
        if gross_out > tick.order_total:
            gross_out = tick.order_total
            net_in = _order_input_ceil(gross_out, price_x64, rules)
            if not rules.fee_on_output:
                fee = -(-net_in * rate // (FEE_DENOMINATOR - rate))
    else:
        gross_out = min(remaining, tick.order_total)
        if rules.fee_on_output:
            gross_out = min(-(-gross_out * FEE_DENOMINATOR // (FEE_DENOMINATOR - rate)), tick.order_total)
        net_in = _order_input_ceil(gross_out, price_x64, rules)
        if not rules.fee_on_output:
            fee = -(-net_in * rate // (FEE_DENOMINATOR - rate))
    if rules.fee_on_output:
        fee = -(-gross_out * rate // FEE_DENOMINATOR)
        filled = _Step(swap.sqrt_price_x64, net_in, gross_out - fee, fee)
    else:
        filled = _Step(swap.sqrt_price_x64, net_in + fee, gross_out, fee)
    if gross_out:
        swap.filled[tick.index] = _with_fill(tick, gross_out)
    return _take(swap, filled, rules)


def _order_output_floor(net_in: int, price_x64: int, rules: _Rules) -> int:
    return net_in * price_x64 >> 64 if rules.zero_for_one else (net_in << 64) // price_x64


def _order_input_ceil(gross_out: int, price_x64: int, rules: _Rules) -> int:
    return -(-(gross_out << 64) // price_x64) if rules.zero_for_one else -(-gross_out * price_x64 >> 64)


def _with_fill(tick: Tick, gross_out: int) -> Tick:
    """Part-filled orders go first; touching fresh ones makes what is left of them the part-filled batch."""
    if gross_out <= tick.part_filled_amount:
        return replace(tick, part_filled_amount=tick.part_filled_amount - gross_out)
    return replace(
        tick,
        order_phase=tick.order_phase + 1,
        orders_amount=0,
        part_filled_amount=tick.orders_amount - (gross_out - tick.part_filled_amount),
    )
