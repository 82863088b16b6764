"""What is kept of a pool's price is what `impact.curve_of`, the specification, measures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from local_quote.impact import Curve, curve_of
from local_quote.pool_prices import PoolPrices
from quote_core.dex._constant_product import AmmV4Pricing
from quote_core.dex.pool import ChainClock, Direction, Pool, Pricing

CLOCK = ChainClock(1, 1, 1)
FEE = (25, 10_000)


@dataclass
class Vaults:
    """As much of a `Pool` as a price's standing is measured from; one that is not compiled prices the same."""

    reserve_a: int
    reserve_b: int
    is_compiled: bool

    def spot_price(self, clock: ChainClock) -> float:
        return self.reserve_b / self.reserve_a if self.reserve_a > 0 else 0.0

    def fee_fraction(self, direction: Direction, clock: ChainClock) -> float:
        return FEE[0] / FEE[1]

    def pricing(self, direction: Direction, clock: ChainClock) -> Pricing:
        reserves = (self.reserve_a, self.reserve_b)[:: 1 if direction is Direction.A_TO_B else -1]
        compiled = AmmV4Pricing(*reserves, *FEE)

        def called(amounts_in: Sequence[int]) -> Sequence[int]:
            return compiled(amounts_in)

        return compiled if self.is_compiled else called


reserves = st.integers(0, 2**63) | st.integers(0, 100_000)
# a few swaps leave a depth as it was, others move it far
states = st.lists(
    st.tuples(reserves, reserves) | st.tuples(st.integers(10**9, 10**9 + 10**7), st.just(10**12)), max_size=6
)


@given(states, st.booleans())
def test_standing_is_as_specified_after_every_change(states: list[tuple[int, int]], is_compiled: bool) -> None:
    prices = PoolPrices()
    depths = dict.fromkeys(Direction, 0)
    for slot, (reserve_a, reserve_b) in enumerate(states):
        pool = cast("Pool", Vaults(reserve_a, reserve_b, is_compiled))
        prices.changed(pool, slot, CLOCK)
        for way in Direction:
            assert prices.known(way) is None
            expected: Curve = curve_of(pool, way, CLOCK, depth_before=depths[way])
            assert prices.curve(pool, way, CLOCK) == expected
            assert prices.known(way) == expected
            depths[way] = expected.depth_amount
