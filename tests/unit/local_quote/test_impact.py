"""What size does to a price."""

import math

import pytest
from fakes.plain_pool import PlainPool

from local_quote.impact import curve_of, depth_amount, price_impact
from quote_core.dex.pool import ChainClock, Direction

CLOCK = ChainClock(slot=1, unix_timestamp=1, epoch=1)
EXACT_SHARE = 1 / math.sqrt(0.99) - 1  # of the input reserve, on x * y = k without fee


def pool_of(amount_a: int, amount_b: int, *, fee_bps: int = 0) -> PlainPool:
    pool = PlainPool("p", "A", "B", fee_bps=fee_bps)
    for update in pool.updates(amount_a, amount_b, slot=1, mono_ns=1):
        pool.apply(update.pubkey, update.account)
    return pool


def test_the_price_lost_is_the_part_of_the_net_price_that_did_not_arrive() -> None:
    assert price_impact(1_000, 1_980, 2.0) == pytest.approx(0.01)


def test_rounding_in_the_traders_favour_is_no_negative_loss() -> None:
    assert price_impact(3, 7, 2.0) == 0.0


@pytest.mark.parametrize("net_price", [0.0, -1.0])
def test_without_a_price_there_is_no_loss(net_price: float) -> None:
    assert price_impact(3, 7, net_price) == 0.0


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize(("amount_a", "amount_b"), [(10**15, 10**12), (10**9, 10**9), (5 * 10**17, 10**16)])
def test_depth_is_what_moves_a_constant_product_price_by_one_percent(
    direction: Direction, amount_a: int, amount_b: int
) -> None:
    depth = curve_of(pool_of(amount_a, amount_b), direction, CLOCK, depth_before=0).depth_amount
    reserve_in = amount_a if direction is Direction.A_TO_B else amount_b
    assert depth == pytest.approx(reserve_in * EXACT_SHARE, rel=0.02)


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.6, 1e-6, 1e6])
def test_a_guess_saves_work_and_never_misleads(factor: float) -> None:
    pool = pool_of(10**15, 10**12)
    guess = round(10**15 * EXACT_SHARE * factor)
    depth = curve_of(pool, Direction.A_TO_B, CLOCK, depth_before=guess).depth_amount
    assert depth == pytest.approx(10**15 * EXACT_SHARE, rel=0.02)
    looks = 1 if abs(factor - 1) < 0.01 else 2 if 0.5 < factor < 2 else 5
    assert pool.ladder_count == (looks if guess * 0.001 >= 1_000 else 4)


@pytest.mark.parametrize("moved", [0.1, 0.3, 4, 20])
def test_a_depth_that_moved_far_is_found_where_the_loss_says(moved: float) -> None:
    pool = pool_of(round(10**15 * moved), 10**12)
    depth = curve_of(pool, Direction.A_TO_B, CLOCK, depth_before=round(10**15 * EXACT_SHARE)).depth_amount
    assert depth == pytest.approx(10**15 * moved * EXACT_SHARE, rel=0.02)
    assert pool.ladder_count == 2


@pytest.mark.parametrize(
    ("moved", "is_kept"), [(1.0, True), (1.005, True), (0.995, True), (1.02, False), (0.98, False)]
)
def test_a_depth_is_kept_while_one_amount_tells_that_it_is_right(moved: float, is_kept: bool) -> None:
    before = round(10**15 * EXACT_SHARE)
    pool = pool_of(round(10**15 * moved), 10**12)
    depth = curve_of(pool, Direction.A_TO_B, CLOCK, depth_before=before).depth_amount
    assert (depth == before) == is_kept
    assert depth == pytest.approx(10**15 * moved * EXACT_SHARE, rel=0.02)


def test_fees_are_no_loss_to_size() -> None:
    curve = curve_of(pool_of(10**15, 10**12, fee_bps=30), Direction.A_TO_B, CLOCK, depth_before=0)
    assert curve.fee_fraction == pytest.approx(0.003)
    assert curve.net_price == pytest.approx(0.001 * 0.997)


def test_where_liquidity_ends_before_one_percent_depth_is_what_it_still_fills() -> None:
    def flat_until_a_million(amounts: list[int]) -> list[int]:
        return [amount if amount <= 1_000_000 else 0 for amount in amounts]

    depth = depth_amount(flat_until_a_million, 1.0, guess=0)  # type: ignore[arg-type]  # lists are what it is given
    assert depth == pytest.approx(1_000_000, rel=0.02)


def test_an_empty_pool_has_no_depth() -> None:
    assert depth_amount(lambda amounts: [0] * len(amounts), 0.0, guess=0) == 0
