"""The walk: one swap over three tick arrays, equal to the program to the last unit. Pure; time is a parameter.

The outer loop goes from initialised tick to initialised tick, or to the far edge of the three arrays; the inner one
cuts the way where the adaptive fee changes, and runs once without one.

Source: orca-so/whirlpools, programs/whirlpool/src/{manager/swap_manager,math/swap_math}.rs and
util/swap_tick_sequence.rs.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Final

from quote_core.dex.fixed_point import mul_div_ceil
from quote_core.dex.orca_whirlpool.adaptive_fee import AdaptiveFee, FeeManager
from quote_core.dex.orca_whirlpool.state import TICKS_PER_ARRAY, WhirlpoolState, WhirlpoolTickArray, array_sequence
from quote_core.dex.orca_whirlpool.ticks import (
    MAX_SQRT_PRICE_X64,
    delta_a,
    delta_b,
    next_sqrt_price,
    sqrt_price_at_tick,
    tick_at_sqrt_price,
)
from quote_core.dex.sqrt_price import MAX_TICK, MIN_SQRT_PRICE_X64, MIN_TICK
from quote_core.dex.walk import STEP_COUNT_MAX, MathOverflow, TooManySteps, WalkPiece
from quote_core.units import U64_MAX, U128_MAX

__all__ = [
    "FEE_DENOMINATOR",
    "ArrayUnknown",
    "PartialFill",
    "SequenceEnd",
    "WhirlpoolWalk",
    "targets",
    "walk",
]

FEE_DENOMINATOR: Final = 1_000_000
PROTOCOL_FEE_DENOMINATOR: Final = 10_000


class ArrayUnknown(Exception):
    """The walk enters an array that is neither held nor known not to exist."""

    def __init__(self, start_tick: int) -> None:
        super().__init__(f"tick array {start_tick}")
        self.start_tick = start_tick


class SequenceEnd(Exception):
    """The amount needs a fourth tick array; the program refuses, even if liquidity exists there."""


class PartialFill(Exception):
    """An exact output cannot be reached at any price."""


@dataclass(slots=True)
class WhirlpoolWalk:
    """A swap under way, and after `walk` its result. Amounts are what the pool's vaults see, in smallest units.

    `pieces` are its steps.
    """

    amount_in: int
    amount_out: int
    fee_amount: int
    protocol_fee: int
    fee_growth_x64: int
    sqrt_price_x64: int
    tick: int
    liquidity: int
    adaptive_fee: AdaptiveFee | None
    crossed_count: int
    pieces: list[WalkPiece]


def walk(
    state: WhirlpoolState,
    *,
    a_to_b: bool,
    exact_in: bool,
    amount: int,
    unix_timestamp: int,
    sqrt_price_limit_x64: int | None = None,
) -> WhirlpoolWalk:
    """Swap `amount` (of input when `exact_in`, else of output).

    With a limit a swap that reaches it is a partial fill; without one so is an exact-in swap at the end of the price
    range, and an exact-out one is refused.

    Raises:
        ArrayUnknown: The walk needs an array it has not been given.
        SequenceEnd: The walk needs a fourth array.
        TooManySteps: The walk is longer than any transaction could pay for.
        PartialFill: Exact output that cannot be reached.
        MathOverflow: The program's arithmetic aborts.
    """
    adaptive = state.adaptive_fee
    if adaptive is not None:
        adaptive = adaptive.at_swap_start(tick=state.tick, unix_timestamp=unix_timestamp)
    fees = FeeManager(state.fee_rate, adaptive, tick=state.tick, a_to_b=a_to_b)
    growth = state.fee_growth_global_a_x64 if a_to_b else state.fee_growth_global_b_x64
    swap = WhirlpoolWalk(0, 0, 0, 0, growth, state.sqrt_price_x64, state.tick, state.liquidity, adaptive, 0, [])
    limit = sqrt_price_limit_x64 or (MIN_SQRT_PRICE_X64 if a_to_b else MAX_SQRT_PRICE_X64)
    sequence = _Sequence(state, a_to_b=a_to_b)
    remaining, array_position, step_count = amount, 0, 0
    while remaining and swap.sqrt_price_x64 != limit:
        array_position, next_tick = sequence.next_initialized(swap.tick, array_position)
        next_price = sqrt_price_at_tick(next_tick)
        target = max(next_price, limit) if a_to_b else min(next_price, limit)
        while True:
            step_count += 1
            if step_count > STEP_COUNT_MAX:
                raise TooManySteps
            rate = fees.next_rate()
            bound, skipped = fees.bound(target, swap.liquidity)
            before = swap.sqrt_price_x64
            remaining -= _step(
                swap, bound, remaining, rate, state.protocol_fee_rate_bps, a_to_b=a_to_b, exact_in=exact_in
            )
            if swap.sqrt_price_x64 == next_price:
                net = sequence.liquidity_net(array_position, next_tick)
                if net is not None:
                    swap.liquidity = _crossed(swap.liquidity, -net if a_to_b else net)
                    swap.crossed_count += 1
                swap.tick = next_tick - 1 if a_to_b else next_tick
                array_position += sequence.leaves_array(array_position, next_tick)
            elif swap.sqrt_price_x64 != before:
                swap.tick = tick_at_sqrt_price(swap.sqrt_price_x64)
            fees.advance(skipped=skipped, sqrt_price_x64=swap.sqrt_price_x64)
            if not remaining or swap.sqrt_price_x64 == target:
                break
    if remaining and not exact_in and sqrt_price_limit_x64 is None:
        raise PartialFill
    if fees.adaptive is not None:
        swap.adaptive_fee = fees.adaptive.after_swap(
            before_x64=state.sqrt_price_x64, after_x64=swap.sqrt_price_x64, unix_timestamp=unix_timestamp
        )
    return swap


def targets(state: WhirlpoolState, *, a_to_b: bool) -> list[tuple[int, int, int | None]]:
    """Every tick a walk may stop at, in order: (tick, price, net liquidity, or None at an edge without liquidity).

    The list ends where the walk would need an array that is unknown, or a fourth one.
    """
    sequence = _Sequence(state, a_to_b=a_to_b)
    found: list[tuple[int, int, int | None]] = []
    position, tick = 0, state.tick
    while True:
        try:
            position, reached = sequence.next_initialized(tick, position)
        except (ArrayUnknown, SequenceEnd):
            return found
        found.append((reached, sqrt_price_at_tick(reached), sequence.liquidity_net(position, reached)))
        if reached in (MIN_TICK, MAX_TICK):
            return found
        position += sequence.leaves_array(position, reached)
        tick = reached - 1 if a_to_b else reached


class _Sequence:
    """The arrays one swap may use, searched in walk order."""

    def __init__(self, state: WhirlpoolState, *, a_to_b: bool) -> None:
        self._starts = array_sequence(state.tick, state.tick_spacing, a_to_b=a_to_b)
        self._arrays = state.arrays
        self._initialized: dict[int, list[int]] = {}
        self._spacing = state.tick_spacing
        self._span = TICKS_PER_ARRAY * state.tick_spacing
        self._a_to_b = a_to_b

    def next_initialized(self, tick: int, position: int) -> tuple[int, int]:
        """Find the next initialised tick from `tick`, or the far edge of the last array; and in which array it is."""
        while position < len(self._starts):
            array = self._array(position)
            found = self._search(array, tick)
            if found is not None:
                return position, found
            if self._a_to_b and array.start_tick <= MIN_TICK:
                return position, MIN_TICK
            if not self._a_to_b and array.start_tick + self._span > MAX_TICK:
                return position, MAX_TICK
            last = array.start_tick if self._a_to_b else array.start_tick + self._span - 1
            if position + 1 == len(self._starts):
                return position, last
            tick = array.start_tick - 1 if self._a_to_b else last
            position += 1
        raise SequenceEnd

    def liquidity_net(self, position: int, tick: int) -> int | None:
        """Net liquidity of an initialised tick, None of any other."""
        return self._array(position).liquidity_net.get(tick)

    def leaves_array(self, position: int, tick: int) -> int:
        """1 when `tick` is the array's last slot in walk direction, else 0."""
        slot = (tick - self._starts[position]) // self._spacing
        return int(slot == (0 if self._a_to_b else TICKS_PER_ARRAY - 1))

    def _array(self, position: int) -> WhirlpoolTickArray:
        start = self._starts[position]
        if start not in self._arrays:
            raise ArrayUnknown(start)
        return self._arrays[start]

    def _search(self, array: WhirlpoolTickArray, tick: int) -> int | None:
        """Down: at or below `tick`. Up: above it. Ticks are compared by slot, as the program does."""
        ticks = self._initialized.get(array.start_tick)
        if ticks is None:  # sorted once a walk: a ladder's targets ask for every one of them
            ticks = self._initialized[array.start_tick] = sorted(array.liquidity_net)
        slot = (tick - array.start_tick) // self._spacing
        if self._a_to_b:
            count_below = bisect_right(ticks, array.start_tick + slot * self._spacing)
            return ticks[count_below - 1] if count_below else None
        first = bisect_left(ticks, array.start_tick + (slot + 1) * self._spacing)
        return ticks[first] if first < len(ticks) else None


def _crossed(liquidity: int, change: int) -> int:
    if not 0 <= liquidity + change <= U128_MAX:
        raise MathOverflow("liquidity")
    return liquidity + change


def _step(
    swap: WhirlpoolWalk, target: int, remaining: int, rate: int, protocol_rate_bps: int, *, a_to_b: bool, exact_in: bool
) -> int:
    """Move towards `target` as far as `remaining` goes; give how much of the specified amount that used up.

    The "fixed" side is the specified one. Its amount at the target decides whether the step is full; where it does
    not fit 64 bits the step is computed as a partial one.
    """
    current, liquidity = swap.sqrt_price_x64, swap.liquidity
    fixed_is_a = a_to_b == exact_in
    fixed_delta, other_delta = (delta_a, delta_b) if fixed_is_a else (delta_b, delta_a)
    fixed = fixed_delta(current, target, liquidity, round_up=exact_in)
    available = remaining * (FEE_DENOMINATOR - rate) // FEE_DENOMINATOR if exact_in else remaining
    if fixed is not None and fixed <= available:
        reached = target
    else:
        reached = next_sqrt_price(current, liquidity, available, is_input=exact_in, a_to_b=a_to_b)
    full = reached == target
    other = _representable(other_delta(current, reached, liquidity, round_up=not exact_in))
    if not full or fixed is None:
        fixed = _representable(fixed_delta(current, reached, liquidity, round_up=exact_in))
    step_in, step_out = (fixed, other) if exact_in else (other, min(fixed, remaining))
    fee = remaining - step_in if exact_in and not full else mul_div_ceil(step_in, rate, FEE_DENOMINATOR - rate)
    swap.amount_in = _representable(swap.amount_in + step_in + fee)
    swap.amount_out = _representable(swap.amount_out + step_out)
    swap.fee_amount += fee
    protocol_fee = fee * protocol_rate_bps // PROTOCOL_FEE_DENOMINATOR
    swap.protocol_fee += protocol_fee
    if liquidity:
        swap.fee_growth_x64 = (swap.fee_growth_x64 + ((fee - protocol_fee) << 64) // liquidity) % (U128_MAX + 1)
    swap.sqrt_price_x64 = reached
    swap.pieces.append(WalkPiece(reached, liquidity, step_in + fee, step_out, fee))
    return step_in + fee if exact_in else step_out


def _representable(amount: int | None) -> int:
    if amount is None or amount > U64_MAX:
        raise MathOverflow("an amount does not fit 64 bits")
    return amount
