"""Dollars, from nothing but the swaps that results record."""

from dataclasses import replace

from fakes.pipeline_events import SOL, USDC
from fakes.results import result, round_trip
from hypothesis import given
from hypothesis import strategies as st

from pipeline.auditor.usd import SolPrices, UsdAccount
from quote_core.events import ExecutionResult, Outcome
from quote_core.tokens import load_tokens
from quote_core.units import LAMPORTS_PER_SOL

PRICES = SolPrices(load_tokens())


def account(*results: ExecutionResult) -> UsdAccount:
    book = UsdAccount(PRICES)
    for one in results:
        book.add(one)
    return book


def test_the_price_is_that_of_the_trades_own_swap() -> None:
    """2 SOL became 300 USDC: 150 dollars a SOL. 0.01 SOL gained is 1.50 dollars."""
    trade = round_trip(2 * LAMPORTS_PER_SOL, 300_000_000, 2_010_000_000)
    assert account(trade).profit_micro_usd == 1_500_000


def test_a_swap_of_the_coin_for_sol_tells_a_price_as_well() -> None:
    back = round_trip(2 * LAMPORTS_PER_SOL, 300_000_000, 2 * LAMPORTS_PER_SOL).hops[1]
    assert (back.input_mint, back.output_mint) == (USDC, SOL)
    assert PRICES.micro_usd(replace(result(1), hops=(back,)), LAMPORTS_PER_SOL) == 150_000_000


def test_a_loss_is_rounded_down_too() -> None:
    assert PRICES.micro_usd(round_trip(LAMPORTS_PER_SOL, 150_000_000, 1), -1) == -1


def test_what_records_no_price_is_told_in_lamports_and_in_no_dollars() -> None:
    trades = (
        round_trip(LAMPORTS_PER_SOL, 150_000_000, LAMPORTS_PER_SOL + 1_000),
        result(70),
        result(-5, outcome=Outcome.FAILED),
        result(9, outcome=Outcome.REFUSED),
        replace(result(3), hops=(replace(round_trip(0, 0, 0).hops[0], output_amount=5),)),
    )
    book = account(*trades)
    assert (book.profit_micro_usd, book.priced_trade_count, book.priced_profit_lamports) == (150, 1, 1_000)
    assert (book.unpriced_trade_count, book.unpriced_profit_lamports) == (3, 68)


def test_without_a_registry_nothing_has_a_price() -> None:
    assert SolPrices(()).micro_usd(round_trip(10, 10, 20), 10) is None


@given(st.lists(st.tuples(st.integers(1, 10**13), st.integers(1, 10**12), st.integers(0, 10**13)), max_size=20))
def test_priced_and_unpriced_profit_are_the_whole_and_each_dollar_is_rounded_by_less_than_its_millionth(
    trips: list[tuple[int, int, int]],
) -> None:
    trades = [*(round_trip(*trip) for trip in trips), result(11)]
    book = account(*trades)
    total = sum(trade.profit_lamports for trade in trades)
    assert book.priced_profit_lamports + book.unpriced_profit_lamports == total
    for trade, (amount_in, amount_usdc, _) in zip(trades, trips, strict=False):
        micro_usd = PRICES.micro_usd(trade, trade.profit_lamports)
        assert micro_usd is not None
        left = trade.profit_lamports * amount_usdc - micro_usd * amount_in
        assert 0 <= left < amount_in
