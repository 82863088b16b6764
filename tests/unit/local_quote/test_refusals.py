"""Why rows are refused: asked of the pools only where the answer can be another than before."""

import pytest
from fakes.held_market import SOL, SSOL, USDC, HeldMarket

from quote_core.errors import AmountTooSmall, NoLiquidity, StaleState
from quote_core.units import U64_MAX


def kind(held: HeldMarket) -> object:
    return held.market.quoter.refusal_kind(SOL, USDC)


def test_without_a_usable_pool_the_kind_is_the_same_for_every_amount() -> None:
    held = HeldMarket()
    assert held.market.quoter.refusal_kind(SOL, SSOL) is NoLiquidity
    pool = held.add("p", 10**12, 80 * 10**9, is_loaded=False)
    assert kind(held) is NoLiquidity
    held.read(pool, 10**12, 80 * 10**9)
    held.clock.advance_ms(10**6)
    assert kind(held) is StaleState


def test_one_pool_refuses_each_amount_in_its_own_words_and_several_together(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)
    assert kind(held) is None
    held.add("q", 10**12, 80 * 10**9)
    assert kind(held) is NoLiquidity


@pytest.mark.parametrize("pool_count", [1, 2])
def test_rows_that_stay_refused_are_no_change_and_ask_no_pool_of_several(held: HeldMarket, pool_count: int) -> None:
    pools = [held.add(name, 10**6, 10**6) for name in "pq"[:pool_count]]
    rows = held.register((SOL, USDC, 1), (SOL, USDC, U64_MAX))
    said = [(str(row.refusal), row.version) for row in rows]
    asked: list[int] = []
    swap = pools[0].swap
    pools[0].swap = lambda *given: asked.append(given[2]) or swap(*given)  # type: ignore[method-assign,func-returns-value]
    held.notify(pools[0], b=10**6 + 1)
    assert [(str(row.refusal), row.version) for row in rows] == said
    assert isinstance(rows[0].refusal, NoLiquidity if pool_count == 2 else AmountTooSmall)
    refused_count = sum(amount in (1, U64_MAX) for amount in asked)
    assert refused_count == (2 if pool_count == 2 else 4)  # once by the ladder, and once more to say why
