"""Taken depth against the plain reading of every price there was."""

from hypothesis import given
from hypothesis import strategies as st

from local_quote.taken_depth import LocalTakenDepth, PricePath, left_amount
from quote_core.dex.pool import Direction
from quote_core.units import U64_MAX

PRICES = st.floats(1e-9, 1e9)
DIRECTIONS = st.sampled_from(Direction)


@given(
    steps=st.lists(st.tuples(st.integers(0, 3), PRICES), min_size=1, max_size=60),
    since_slot=st.integers(0, 100),
    direction=DIRECTIONS,
)
def test_the_path_tells_the_furthest_of_all_prices_since(
    steps: list[tuple[int, float]], since_slot: int, direction: Direction
) -> None:
    path, slot, noted = PricePath(), 0, []
    for slots, price in steps:
        slot += slots
        path.note(slot, price)
        noted.append((slot, price))
    price_now = noted[-1][1]
    later = [price for at, price in noted if at > since_slot]
    furthest = (min if direction is Direction.A_TO_B else max)([*later, price_now])
    assert path.furthest(direction, since_slot=since_slot, price_now=price_now) == furthest


@given(
    amount=st.integers(1, U64_MAX),
    before=PRICES,
    after=PRICES,
    nearer=PRICES,
    further=PRICES,
    direction=DIRECTIONS,
)
def test_the_further_the_market_went_the_less_is_left(
    amount: int, before: float, after: float, nearer: float, further: float, direction: Direction
) -> None:
    taken = LocalTakenDepth(input_amount=amount, price_before=before, price_after=after, since_slot=0)
    first, second = sorted((nearer, further), reverse=direction is Direction.A_TO_B)
    left = [left_amount(taken, direction, price) for price in (before, first, second)]
    assert left[0] == amount
    assert amount >= left[1] >= left[2] >= 0
