"""The ledger's definitions, worked out by hand."""

import math
import statistics
from dataclasses import replace

import pytest
from fakes.fake_clock import FakeClock
from fakes.results import result

from pipeline.auditor.ledger import DAY_NS, Ledger
from quote_core.events import ExecutionResult, Outcome


def ledger(*results: ExecutionResult, capital_lamports: int = 1_000) -> Ledger:
    return Ledger.of(results, capital_lamports=capital_lamports)


def test_an_empty_ledger_is_all_zeros() -> None:
    empty = ledger()
    assert (empty.trade_count, empty.win_rate, empty.average_profit_lamports, empty.sharpe_ratio) == (0, 0.0, 0.0, 0.0)
    assert (empty.tip_per_trade_lamports, empty.network_fee_per_trade_lamports) == (0.0, 0.0)
    assert empty.max_drawdown_fraction == 0.0


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.ABANDONED])
def test_a_plan_that_was_not_traded_is_counted_and_changes_nothing_else(outcome: Outcome) -> None:
    book = ledger(result(7, outcome=outcome))
    assert (book.refused_count, book.trade_count, book.cumulative_profit_lamports) == (1, 0, 0)


def test_what_failed_counts_its_costs_and_no_fill() -> None:
    book = ledger(result(-5, outcome=Outcome.FAILED, network_fee_lamports=5))
    assert (book.failed_count, book.filled_count, book.cumulative_profit_lamports) == (1, 0, -5)
    assert (book.network_fee_lamports, book.network_fee_per_trade_lamports) == (5, 5.0)


def test_win_rate_and_average_are_taken_over_fills() -> None:
    book = ledger(result(30), result(0), result(-10), result(-5, outcome=Outcome.FAILED), result(20))
    assert book.win_rate == 0.5
    assert book.average_profit_lamports == 10.0
    assert book.cumulative_profit_lamports == 35


def test_gas_and_tips_are_taken_over_all_trades() -> None:
    book = ledger(
        result(1, tip_lamports=10, network_fee_lamports=4),
        result(-2, outcome=Outcome.FAILED, network_fee_lamports=2),
    )
    assert (book.tip_per_trade_lamports, book.network_fee_per_trade_lamports) == (5.0, 3.0)


def test_expected_stands_beside_actual() -> None:
    book = ledger(result(8, expected_profit_lamports=10), result(5, expected_profit_lamports=4))
    assert (book.expected_profit_lamports, book.filled_profit_lamports) == (14, 13)


def test_the_sharpe_ratio_is_mean_over_sample_deviation() -> None:
    profits = [10, 20, 60, -30]
    book = ledger(*(result(profit) for profit in profits))
    assert math.isclose(book.sharpe_ratio, statistics.mean(profits) / statistics.stdev(profits))


@pytest.mark.parametrize("profits", [[], [5], [5, 5, 5]])
def test_the_sharpe_ratio_is_zero_without_spread(profits: list[int]) -> None:
    assert ledger(*(result(profit) for profit in profits)).sharpe_ratio == 0.0


def test_the_drawdown_is_the_deepest_fall_from_a_peak() -> None:
    book = ledger(*(result(profit) for profit in (100, -60, 40, 70, -90, 10)))
    assert book.max_drawdown_lamports == 90
    assert math.isclose(book.max_drawdown_fraction, 90 / 1_150)


def test_a_fall_below_the_start_counts_from_the_start() -> None:
    book = ledger(result(-200))
    assert (book.max_drawdown_lamports, book.max_drawdown_fraction) == (200, 0.2)


def test_the_deepest_share_may_be_another_fall_than_the_deepest() -> None:
    book = ledger(*(result(profit) for profit in (-100, 10_000, -500)))
    assert book.max_drawdown_lamports == 500
    assert math.isclose(book.max_drawdown_fraction, 0.1)


def test_the_days_profit_begins_at_midnight_utc() -> None:
    midnight = 20_000 * DAY_NS
    book = ledger(
        result(5, finished_unix_ns=midnight - 1),
        result(-3, finished_unix_ns=midnight),
        result(-4, finished_unix_ns=midnight + 1, outcome=Outcome.FAILED),
    )
    assert book.day_profit_lamports(midnight + 2) == -7
    assert book.day_profit_lamports(midnight + DAY_NS) == 0


def test_a_late_result_of_yesterday_is_not_todays() -> None:
    midnight = 20_000 * DAY_NS
    book = ledger(result(1, finished_unix_ns=midnight), result(10, finished_unix_ns=midnight - 1))
    assert book.day_profit_lamports(midnight) == 1
    assert book.last_result_unix_ns == midnight


def test_the_snapshot_shows_the_same_figures() -> None:
    book = ledger(result(30, expected_profit_lamports=31, tip_lamports=2), result(-10))
    shown = book.snapshot(FakeClock(unix_ns=5))
    assert (shown.filled_count, shown.win_count, shown.cumulative_profit_lamports) == (2, 1, 20)
    assert (shown.day_profit_lamports, shown.average_profit_lamports) == (20, 10.0)
    assert (shown.expected_profit_lamports, shown.tip_lamports, shown.max_drawdown_lamports) == (31, 2, 10)
    assert shown.sharpe_ratio == book.sharpe_ratio


def test_what_missed_is_no_failure_and_every_effect_is_told_beside_the_profit() -> None:
    missed = replace(result(-5, outcome=Outcome.MISSED), latency_effect_lamports=-105, rivals_effect_lamports=-7)
    refused = replace(result(0, outcome=Outcome.REFUSED), taken_effect_lamports=-40)
    book = ledger(replace(result(30), taken_effect_lamports=-2), missed, refused)
    assert (book.missed_count, book.failed_count, book.trade_count, book.win_rate) == (1, 0, 2, 1.0)
    effects = (book.taken_effect_lamports, book.latency_effect_lamports, book.rivals_effect_lamports)
    assert effects == (-42, -105, -7)
    assert book.naive_profit_lamports == book.cumulative_profit_lamports - sum(effects) == 179
    told = book.snapshot(FakeClock())
    assert (told.missed_count, told.taken_effect_lamports, told.latency_effect_lamports) == (1, -42, -105)


def test_the_snapshot_shows_what_was_at_stake_and_the_sortino_ratio() -> None:
    first, second = (
        replace(result(profit, finished_unix_ns=at), amount_in=amount, taken_unix_ns=at - 10)
        for profit, at, amount in ((30, 20, 400), (-10, 40, 100))
    )
    told = ledger(first, second).snapshot(FakeClock())
    assert (told.average_exposure_lamports, told.largest_amount_lamports) == (5_000 / 30, 400)
    assert told.sortino_ratio == ledger(first, second).sortino_ratio == 10 / math.sqrt(50)


def test_the_sortino_ratio_is_mean_over_the_root_of_the_mean_squared_loss() -> None:
    """Mean of 10, 20, 60, -30 is 15; the one loss squared, 900, over four fills is 225, whose root is 15."""
    assert ledger(*(result(profit) for profit in (10, 20, 60, -30))).sortino_ratio == 1.0
    assert ledger(*(result(profit) for profit in (-6, -8, 0, 0))).sortino_ratio == -3.5 / 5


@pytest.mark.parametrize("profits", [[], [-5], [5, 5, 0]])
def test_the_sortino_ratio_is_zero_without_two_fills_and_a_loss(profits: list[int]) -> None:
    assert ledger(*(result(profit) for profit in profits)).sortino_ratio == 0.0


def test_a_loss_that_is_no_fill_is_in_neither_ratio() -> None:
    filled = [result(10), result(20)]
    with_failure = ledger(*filled, result(-5, outcome=Outcome.FAILED), result(-5, outcome=Outcome.MISSED))
    assert with_failure.sharpe_ratio == ledger(*filled).sharpe_ratio
    assert with_failure.sortino_ratio == 0.0


def test_the_cost_is_of_all_trades() -> None:
    failed = result(-2, outcome=Outcome.FAILED, network_fee_lamports=2)
    book = ledger(replace(result(1, tip_lamports=10, network_fee_lamports=4), flash_fee_lamports=3), failed)
    assert book.cost_lamports == 19


def test_exposure_is_amount_by_time() -> None:
    """1,000 for 4 ns and 3,000 for 2 ns within 10 ns, the rest of which nothing is at stake."""
    first = replace(result(1, finished_unix_ns=104), amount_in=1_000, taken_unix_ns=100)
    second = replace(result(1, finished_unix_ns=110, outcome=Outcome.MISSED), amount_in=3_000, taken_unix_ns=108)
    refused = replace(result(0, finished_unix_ns=106, outcome=Outcome.REFUSED), amount_in=10**9, taken_unix_ns=1)
    book = ledger(first, refused, second)
    assert (book.turnover_lamports, book.largest_amount_lamports) == (4_000, 3_000)
    assert book.average_exposure_lamports == 1_000.0
    assert ledger(refused).average_exposure_lamports == 0.0


def test_a_clock_set_back_makes_no_exposure_below_zero() -> None:
    book = ledger(replace(result(1, finished_unix_ns=100), taken_unix_ns=200))
    assert book.average_exposure_lamports == 0.0
