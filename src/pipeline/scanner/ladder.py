"""What a direction gives at least between the amounts it is quoted for, and the size that a cycle gains most at. Pure.

This is the specification; `rungs.pyx` does the same compiled, and a property test holds the two together.

A ladder is one direction's quotes of one source by amount. A **rung** is one of them: an amount, and what it gives.
What lies between two rungs was not quoted; the least it can be follows from two properties of a pool:

- more in never gives less out, and nothing in gives nothing;
- its output is a concave function of the input: each further unit gives no more than the one before. Ticks and bins
  are taken best price first. Source: Angeris, Agrawal, Evans, Chitra and Boyd, "Constant Function Market Makers:
  Multi-Asset Trades via Convex Optimization", 2021, on exchange functions.

| amount x, between rungs (a, out a), (b, out b) | at least                                        | because           |
|------------------------------------------------|-------------------------------------------------|-------------------|
| both rungs of one route                        | out a + floor((x - a)(out b - out a) / (b - a)) | chord below curve |
| of different routes                            | the larger of out a and floor(out b * x / b)    | each curve's own  |
| below the first rung (b)                       | floor(out b * x / b)                            | ray below curve   |
| at or above the last rung (a)                  | out a                                           | never less        |

Between rungs of two routes a chord may lie above both curves. A pool rounds at each tick or bin, so that its curve is
concave but for a unit there; the planner's simulation has the last word. A rung that claims more than a larger one
gives is lowered to that.

Of a cycle each leg takes what the one before gives. Between two neighbouring **candidates** (amounts put in with which
some leg stands at a rung) every leg is a chord or the larger of several, a convex function that does not fall; so is
one behind the other, and so is what remains of it less what was put in and a fee in proportion. A convex function is
highest at an end: the best size is a candidate, or where the least gain, in proportion to the size, is just reached
between two of them, which bisection finds. Rounding, a unit a leg, may move it by as much.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from quote_core.units import BPS

__all__ = ["Ladder", "Rung", "amounts_along", "best_amounts", "candidates", "least_input", "least_output", "settled"]


class Rung(NamedTuple):
    """One amount, what it gives, and by which route."""

    input_amount: int
    output_amount: int
    route_id: int


Ladder = Sequence[Rung]
"""As `settled` leaves it: inputs rise, outputs do not fall."""


def settled(rungs: Iterable[Rung]) -> Ladder:
    """Order rungs, keep of equal inputs the higher output, and lower what a larger rung belies."""
    by_input: dict[int, Rung] = {}
    for rung in sorted(rungs):
        by_input[rung.input_amount] = rung
    ladder: list[Rung] = []
    for rung in reversed(by_input.values()):
        output = min(rung.output_amount, ladder[-1].output_amount) if ladder else rung.output_amount
        ladder.append(rung._replace(output_amount=output))
    return ladder[::-1]


def least_output(ladder: Ladder, amount: int) -> int:
    """What `amount` gives at least, rounded down; 0 of an empty ladder."""
    if not ladder:
        return 0
    if amount >= ladder[-1].input_amount:
        return ladder[-1].output_amount
    above = next(position for position, rung in enumerate(ladder) if rung.input_amount > amount)
    high = ladder[above]
    ray = high.output_amount * amount // high.input_amount
    if above == 0:
        return ray
    low = ladder[above - 1]
    if low.route_id != high.route_id:
        return max(low.output_amount, ray)
    rise, run = high.output_amount - low.output_amount, high.input_amount - low.input_amount
    return low.output_amount + (amount - low.input_amount) * rise // run


def least_input(ladder: Ladder, output: int) -> int | None:
    """The smallest amount that `least_output` has give `output` or more; `None` = no amount does."""
    above = next((position for position, rung in enumerate(ladder) if rung.output_amount >= output), None)
    if above is None:
        return None
    high = ladder[above]
    ray = -(-output * high.input_amount // high.output_amount)
    if above == 0:
        return ray
    low = ladder[above - 1]
    if low.route_id != high.route_id:
        return max(ray, low.input_amount)
    rise, run = high.output_amount - low.output_amount, high.input_amount - low.input_amount
    return low.input_amount + -(-(output - low.output_amount) * run // rise)


def candidates(legs: Sequence[Sequence[Ladder]]) -> list[int]:
    """Every amount put in with which some leg stands at a rung of one of its ladders, ascending."""
    found = {
        _put_in(legs[:number], rung.input_amount)
        for number, ladders in enumerate(legs)
        for ladder in ladders
        for rung in ladder
    }
    return sorted(amount for amount in found if amount is not None)


def _put_in(legs: Sequence[Sequence[Ladder]], output: int) -> int | None:
    """The smallest amount with which these legs give `output` or more; `None` = no amount does."""
    for ladders in reversed(legs):
        inputs = [found for ladder in ladders if (found := least_input(ladder, output)) is not None]
        if not inputs:
            return None
        output = min(inputs)
    return output


def amounts_along(legs: Sequence[Sequence[Ladder]], amount: int) -> tuple[int, ...]:
    """What goes in, and what each leg gives at least, by the best of its ladders."""
    amounts = [amount]
    for ladders in legs:
        amounts.append(max((least_output(ladder, amounts[-1]) for ladder in ladders), default=0))
    return tuple(amounts)


def best_amounts(
    legs: Sequence[Sequence[Ladder]], *, gross_bps_min: int, fee_bps: int, fixed_cost: int
) -> tuple[int, ...] | None:
    """The amounts along a cycle at the size that leaves most, the smaller one of equals; `None` = none leaves anything.

    Args:
        legs: Of each leg its ladders, one a source; the last gives what the first takes.
        gross_bps_min: Sizes that gain less than this are not looked at.
        fee_bps: In proportion to the amount put in, rounded up.
        fixed_cost: Of any size.
    """

    def passes(amounts: tuple[int, ...]) -> bool:
        return (amounts[-1] - amounts[0]) * BPS >= gross_bps_min * amounts[0]

    def rest(amounts: tuple[int, ...]) -> int:
        return amounts[-1] - amounts[0] + -amounts[0] * fee_bps // BPS - fixed_cost

    tried = [amounts_along(legs, amount) for amount in candidates(legs)]
    for one, other in pairwise(tuple(tried)):
        if passes(one) != passes(other):
            low, high = one[0], other[0]
            while high - low > 1:
                middle = (low + high) // 2
                if passes(amounts_along(legs, middle)) == passes(one):
                    low = middle
                else:
                    high = middle
            tried += [amounts_along(legs, low), amounts_along(legs, high)]
    gaining = [amounts for amounts in tried if passes(amounts) and rest(amounts) > 0]
    return min(gaining, key=lambda amounts: (-rest(amounts), amounts[0]), default=None)
