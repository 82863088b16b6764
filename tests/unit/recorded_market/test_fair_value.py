import itertools
from random import Random

from recorded_market.fair_value import PriceWalk, Value, fair_ratio


def walk_prices(seed: str, count: int) -> list[int]:
    walk, random = PriceWalk(8_160_000_000), Random(seed)
    prices = []
    for _ in range(count):
        walk.step(random)
        prices.append(walk.price)
    return prices


def test_a_ratio_tells_units_of_b_for_a_unit_of_a() -> None:
    sol, usdc = Value(1, 1), Value(1_000_000_000, 81_600_000)  # 1 lamport; a millionth of a dollar at 81.6 dollars
    numerator, denominator = fair_ratio(sol, usdc)
    assert numerator / denominator == 0.0816
    assert fair_ratio(usdc, sol) == (denominator, numerator)


def test_the_same_seed_walks_the_same_way() -> None:
    assert walk_prices("a", 100) == walk_prices("a", 100)
    assert walk_prices("a", 100) != walk_prices("b", 100)


def test_the_price_moves_and_yet_stays_near_its_anchor() -> None:
    prices = walk_prices("a", 20_000)
    assert len(set(prices)) > 10_000
    assert all(abs(price - 8_160_000_000) < 8_160_000_000 // 100 for price in prices)


def test_no_step_is_larger_than_two_basis_points() -> None:
    prices = walk_prices("a", 5_000)
    assert max(abs(after - before) for before, after in itertools.pairwise(prices)) < 8_160_000_000 // 5_000
