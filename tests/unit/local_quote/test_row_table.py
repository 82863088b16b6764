"""Rows: registered by use, priced as ladders, versioned by change."""

import pytest
from fakes.held_market import SOL, SSOL, USDC, HeldMarket

from local_quote.settings import LocalQuoteSettings
from quote_core.errors import NoLiquidity, StaleState, TooManyQuotes

AMOUNTS = [10**9, 2 * 10**9, 5 * 10**9]


def outputs(held: HeldMarket) -> list[int]:
    rows = sorted(held.rows(held.market.table), key=lambda row: row.amount)
    return [row.quote.swap.output_amount if row.quote else 0 for row in rows]


def test_rows_are_priced_when_registered_in_the_order_asked_for(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)
    rows = held.register(*((SOL, USDC, amount) for amount in reversed(AMOUNTS)))
    assert [row.amount for row in rows] == AMOUNTS[::-1]
    for row in rows:
        assert row.quote is not None
        assert row.quote.swap.output_amount == held.market.quoter.best(SOL, USDC, row.amount).output_amount
        assert row.version == 1


def test_a_change_of_one_pool_prices_one_ladder_a_direction(held: HeldMarket) -> None:
    first, second = held.add("p", 10**12, 80 * 10**9), held.add("q", 10**12, 80 * 10**9)
    wanted = [(SOL, USDC, amount) for amount in AMOUNTS] + [(USDC, SOL, amount) for amount in AMOUNTS]
    held.register(*wanted)
    first.ladder_count = second.ladder_count = 0
    changed = held.market.table.pools_changed(["q"])
    assert (first.ladder_count, second.ladder_count) == (0, 2)
    assert changed == []  # nothing had moved


def test_only_rows_that_differ_change_and_count_up(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    rows = held.register(*((SOL, USDC, amount) for amount in [1, *AMOUNTS]))
    assert rows[0].quote is None
    held.notify(pool, a=10**12, b=81 * 10**9)
    assert [row.version for row in rows] == [1, 2, 2, 2]


def test_the_best_pool_takes_over_and_gives_way(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)
    rival = held.add("q", 10**12, 79 * 10**9)
    (row,) = held.register((SOL, USDC, 10**9))
    winners = []
    for amount_b in (81 * 10**9, 79 * 10**9):
        held.notify(rival, b=amount_b)
        assert row.quote is not None
        winners.append(row.quote.swap.entry.pool.address)
    assert winners == ["q", "p"]


def test_a_row_nobody_fills_says_why_and_recovers(held: HeldMarket) -> None:
    (row,) = held.register((SOL, USDC, 10**9))
    assert isinstance(row.refusal, NoLiquidity)
    held.add("p", 10**12, 80 * 10**9)
    assert row.refusal is None
    assert row.quote is not None
    assert row.version > 1


def test_a_pair_without_pools_keeps_its_refusal(held: HeldMarket) -> None:
    (row,) = held.register((SOL, SSOL, 10**9))
    assert str(row.refusal) == "SOL/sSOL: no pool of the supported DEXes holds this pair"


def test_rows_live_as_long_as_somebody_wants_them(held: HeldMarket) -> None:
    table = held.market.table
    first = table.register([(SOL, USDC, 10**9), (SOL, USDC, 2 * 10**9)]).rows
    second = table.register([(SOL, USDC, 10**9)]).rows
    assert second[0] == first[0]
    table.release(first)
    assert [row.amount for row in held.rows(table)] == [10**9]
    table.release(second)
    assert len(table) == 0
    assert table.find(SOL.mint, USDC.mint, 10**9) is None


def test_rows_left_behind_are_still_priced_right(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    table = held.market.table
    leaving = table.register([(SOL, USDC, AMOUNTS[0])]).rows
    table.register((SOL, USDC, amount) for amount in AMOUNTS[1:])
    table.release(leaving)
    held.notify(pool, b=90 * 10**9)
    assert outputs(held) == [held.market.quoter.best(SOL, USDC, amount).output_amount for amount in AMOUNTS[1:]]


def test_rows_left_behind_keep_quote_and_ladder(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)
    rival = held.add("q", 10**12, 79 * 10**9)
    leaving, staying = held.register((SOL, USDC, AMOUNTS[0]), (SOL, USDC, AMOUNTS[1]))
    before = held.market.table.row(staying.number)
    held.market.table.release([leaving.number])
    assert held.market.table.row(staying.number) == before
    held.notify(rival, b=1)  # p's ladder is the one priced before the other left
    assert held.market.table.row(staying.number) == before


def test_a_full_table_refuses_and_registers_nothing() -> None:
    held = HeldMarket(settings=LocalQuoteSettings(table_row_count_max=2))
    table = held.market.table
    rows = table.register([(SOL, USDC, 1)]).rows
    with pytest.raises(TooManyQuotes):
        table.register([(SOL, USDC, 1), (SOL, USDC, 2), (SOL, USDC, 3)])
    assert list(table) == rows
    table.release(rows)
    assert list(table) == []  # it was held once
    table.register([(SOL, USDC, 1), (SOL, USDC, 2)])
    assert len(table) == 2


def test_a_row_that_only_time_has_changed_is_told_when_a_neighbour_comes(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)
    subscriber = held.subscribe((SOL, USDC, AMOUNTS[0]))
    subscriber.take()
    held.clock.advance_ms(5_001)
    held.register((SOL, USDC, AMOUNTS[1]))
    (row,) = held.rows(subscriber.take())
    assert (row.amount, row.is_stale, row.version) == (AMOUNTS[0], True, 2)


def test_rows_go_stale_then_are_refused_then_come_back(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    (row,) = held.register((SOL, USDC, 10**9))
    held.clock.advance_ms(5_001)
    held.market.sweep()
    assert (row.is_stale, row.version) == (True, 2)
    held.clock.advance_ms(55_000)
    held.market.sweep()
    assert isinstance(row.refusal, StaleState)
    assert (row.quote, row.version) == (None, 3)
    held.market.sweep()
    assert row.version == 3
    held.read(pool, 10**12, 80 * 10**9)
    assert row.quote is not None
    assert (row.is_stale, row.refusal, row.version) == (False, None, 4)
