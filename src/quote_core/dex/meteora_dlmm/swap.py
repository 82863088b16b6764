"""The walk: one swap over price bins, equal to the program to the last unit. Pure; time is a parameter.

Bins are visited from the active one on, through the arrays the bitmaps name. In each, market-making liquidity fills
first, then the batch of orders being processed, then open orders; the fee rate is renewed for every bin traded in.

Source: MeteoraAg/dlmm-sdk, commons/src/quote.rs and commons/src/extensions/{bin,lb_pair}.rs; limit orders as the
deployed program was seen to settle them.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quote_core.dex.fixed_point import mul_div_ceil
from quote_core.dex.meteora_dlmm.bins import input_for_ceil, output_for_floor
from quote_core.dex.meteora_dlmm.state import BINS_PER_ARRAY, FEE_DENOMINATOR, Bin, DlmmState, Volatility
from quote_core.dex.walk import MathOverflow, WalkPiece, set_positions
from quote_core.units import U64_MAX

__all__ = [
    "ArrayMissing",
    "DlmmWalk",
    "ExtensionMissing",
    "OutOfBins",
    "Undetermined",
    "walk",
]


class ArrayMissing(Exception):
    """The walk enters an array that exists on chain but is not held."""

    def __init__(self, array_index: int) -> None:
        super().__init__(f"bin array {array_index}")
        self.array_index = array_index


class ExtensionMissing(Exception):
    """Only the bitmap extension knows whether there is liquidity further on, and it is not held."""


class OutOfBins(Exception):
    """No bin with liquidity is left in this direction."""


class Undetermined(Exception):
    """The program refuses: a partial exact-out fill whose cost depends on how the layers round."""


@dataclass(slots=True)
class DlmmWalk:
    """A swap under way, and after `walk` its result. Amounts are what the pool's reserves see, in smallest units.

    `bins` are the bins traded in, as the swap leaves them, `pieces` what each of them gave.
    """

    amount_in: int
    amount_out: int
    fee_amount: int
    active_id: int
    volatility: Volatility
    bins: list[Bin]
    pieces: list[WalkPiece]

    @property
    def crossed_count(self) -> int:
        """Bins traded in."""
        return len(self.bins)


@dataclass(frozen=True, slots=True)
class _Fill:
    """What one bin gives: `amount_in` with an input fee, `amount_out` net of an output fee, `net_in` to the bin.

    `filled` is what leaves each layer.
    """

    amount_in: int
    amount_out: int
    fee_amount: int
    net_in: int
    filled: tuple[int, int, int]


def walk(state: DlmmState, *, x_to_y: bool, exact_in: bool, amount: int, unix_timestamp: int) -> DlmmWalk:
    """Swap `amount` (of input when `exact_in`, else of output).

    Raises:
        ArrayMissing, ExtensionMissing: The walk leaves what is held.
        OutOfBins: The pair has no more liquidity in this direction.
        Undetermined, MathOverflow: As the program would refuse.
    """
    volatility = state.volatility.at_swap_start(state.fee, active_id=state.active_id, unix_timestamp=unix_timestamp)
    swap = DlmmWalk(0, 0, 0, state.active_id, volatility, [], [])
    fee_on_output = state.fee_on_y_only and x_to_y
    remaining = amount
    for traded in _bins_in_walk_order(state, x_to_y=x_to_y):
        layers = traded.layers(x_to_y=x_to_y, with_orders=state.with_orders)
        if not any(layers):
            continue
        swap.volatility = swap.volatility.at_bin(traded.bin_id, accumulator_max=state.fee.accumulator_max)
        rate = state.fee.rate(state.bin_step, swap.volatility.accumulator)
        fill_bin = _fill_exact_in if exact_in else _fill_exact_out
        fill = fill_bin(traded.price_x64, layers, remaining, rate, x_to_y=x_to_y, fee_on_output=fee_on_output)
        remaining -= fill.amount_in if exact_in else fill.amount_out
        swap.amount_in = _representable(swap.amount_in + fill.amount_in)
        swap.amount_out = _representable(swap.amount_out + fill.amount_out)
        swap.fee_amount += fill.fee_amount
        swap.active_id = traded.bin_id
        swap.pieces.append(WalkPiece(traded.bin_id, 0, fill.amount_in, fill.amount_out, fill.fee_amount))
        swap.bins.append(traded.after_fill(x_to_y=x_to_y, net_in=fill.net_in, filled=fill.filled))
        if not remaining:  # before the next bin is looked for: it may be out of reach, and is not needed
            break
    if remaining:
        raise OutOfBins
    if swap.active_id != state.active_id:
        swap.volatility = Volatility(
            swap.volatility.accumulator, swap.volatility.reference, swap.volatility.index_reference, unix_timestamp
        )
    return swap


def arrays_to_trade(state: DlmmState, *, x_to_y: bool) -> list[int]:
    """Indexes of the arrays a walk goes through, in order; it ends where the walk would be refused."""
    found = []
    with contextlib.suppress(ArrayMissing, ExtensionMissing, OutOfBins):
        for index in _arrays_in_walk_order(state, x_to_y=x_to_y):
            found.append(index)  # noqa: PERF402  # those before the one that is refused
    return found


def bins_to_trade(
    bins: Sequence[Bin], *, x_to_y: bool, with_orders: bool
) -> list[tuple[int, int, tuple[int, int, int]]]:
    """Every bin of an array that a walk may trade in, in its order: (bin id, price, layers)."""
    return [
        (bin_id, price_x64, layers)
        for one in (reversed(bins) if x_to_y else bins)
        for bin_id, price_x64, layers in [
            (one.bin_id, one.price_x64, one.layers(x_to_y=x_to_y, with_orders=with_orders))
        ]
        if any(layers)
    ]


def _arrays_in_walk_order(state: DlmmState, *, x_to_y: bool) -> Iterator[int]:
    """Every array from the active bin's on.

    The program looks the active array up first: outside the pair's own bitmap it wants the extension, whatever is set.
    """
    if state.starts_outside and not state.has_extension:
        raise OutOfBins if state.bitmap_complete else ExtensionMissing
    position = state.active_id // BINS_PER_ARRAY + state.array_zero
    for found in set_positions(state.array_set, position, downwards=x_to_y):
        index = found - state.array_zero
        if index not in state.arrays:
            raise OutOfBins if index in state.absent_arrays else ArrayMissing(index)
        yield index
    if not state.bitmap_complete:
        raise ExtensionMissing


def _bins_in_walk_order(state: DlmmState, *, x_to_y: bool) -> Iterator[Bin]:
    """Every bin from the active one on, array by array."""
    for index in _arrays_in_walk_order(state, x_to_y=x_to_y):
        bins = state.arrays[index]
        active = state.active_id - index * BINS_PER_ARRAY
        yield from bins[min(active, BINS_PER_ARRAY - 1) :: -1] if x_to_y else bins[max(active, 0) :]


def _fill_exact_in(
    price_x64: int, layers: tuple[int, int, int], remaining: int, rate: int, *, x_to_y: bool, fee_on_output: bool
) -> _Fill:
    costs = [_representable(input_for_ceil(layer, price_x64, x_to_y=x_to_y)) for layer in layers]
    net = sum(costs)
    fee = 0 if fee_on_output else mul_div_ceil(net, rate, FEE_DENOMINATOR - rate)
    if remaining >= net + fee:
        return _settled(net + fee, fee, costs[0], layers, layers, rate, fee_on_output=fee_on_output)
    fee = 0 if fee_on_output else mul_div_ceil(remaining, rate, FEE_DENOMINATOR)
    left = remaining - fee
    net_in = left if not any(layers[1:]) else min(left, costs[0])
    filled = [0, 0, 0]
    for position, (layer, cost) in enumerate(zip(layers, costs, strict=True)):
        if left >= cost:
            filled[position] = layer
            left -= cost
        else:
            filled[position] = min(output_for_floor(left, price_x64, x_to_y=x_to_y), layer)
            break
    taken = filled[0], filled[1], filled[2]
    return _settled(remaining, fee, net_in, taken, taken, rate, fee_on_output=fee_on_output)


def _fill_exact_out(
    price_x64: int, layers: tuple[int, int, int], remaining: int, rate: int, *, x_to_y: bool, fee_on_output: bool
) -> _Fill:
    held = sum(layers)
    whole = remaining >= (held - mul_div_ceil(held, rate, FEE_DENOMINATOR) if fee_on_output else held)
    gross = held
    if not whole:
        gross = remaining
        if fee_on_output:
            gross = min(remaining + mul_div_ceil(remaining, rate, FEE_DENOMINATOR - rate), held)
    bought = _taken(layers, gross)
    # The program prices every layer it touches whole before it takes a part of it.
    for layer, part in zip(layers, bought, strict=True):
        if part:
            _representable(input_for_ceil(layer, price_x64, x_to_y=x_to_y))
    costs = [input_for_ceil(part, price_x64, x_to_y=x_to_y) for part in bought]
    net = sum(costs)
    filled = bought
    if not whole:
        if net != input_for_ceil(gross, price_x64, x_to_y=x_to_y):
            raise Undetermined
        # What the rounded-up input buys leaves the layers; what of it the trader did not ask for is the protocol's.
        held_there = [layer if part else 0 for layer, part in zip(layers, bought, strict=True)]
        filled = _taken(held_there, output_for_floor(net, price_x64, x_to_y=x_to_y))
    fee = 0 if fee_on_output else mul_div_ceil(net, rate, FEE_DENOMINATOR - rate)
    return _settled(net + fee, fee, costs[0], bought, filled, rate, fee_on_output=fee_on_output)


def _taken(layers: Sequence[int], gross: int) -> tuple[int, int, int]:
    first = min(layers[0], gross)
    second = min(layers[1], gross - first)
    return first, second, min(layers[2], gross - first - second)


def _settled(
    amount_in: int,
    fee: int,
    net_in: int,
    bought: tuple[int, int, int],
    filled: tuple[int, int, int],
    rate: int,
    *,
    fee_on_output: bool,
) -> _Fill:
    gross = sum(bought)
    if fee_on_output:
        fee = mul_div_ceil(gross, rate, FEE_DENOMINATOR)
        return _Fill(_representable(amount_in), gross - fee, fee, net_in, filled)
    return _Fill(_representable(amount_in), gross, fee, net_in, filled)


def _representable(amount: int) -> int:
    if amount > U64_MAX:
        raise MathOverflow("an amount does not fit 64 bits")
    return amount
