"""What holds for every sequence of results."""

import itertools
import math
import statistics
from dataclasses import replace

from fakes.results import result
from hypothesis import given
from hypothesis import strategies as st

from pipeline.auditor.ledger import Ledger
from quote_core.events import ExecutionResult, Outcome

TRADED = (Outcome.FILLED, Outcome.MISSED, Outcome.FAILED)

results = st.lists(
    st.builds(
        lambda profit, outcome: result(profit, outcome=outcome),
        st.integers(-(10**12), 10**12),
        st.sampled_from(Outcome),
    ),
    max_size=40,
)


@given(results)
def test_every_result_is_counted_once_and_money_adds_up_exactly(sequence: list[ExecutionResult]) -> None:
    book = Ledger.of(sequence, capital_lamports=10**9)
    assert book.filled_count + book.failed_count + book.missed_count + book.refused_count == len(sequence)
    started = [one for one in sequence if one.outcome in TRADED]
    assert book.cumulative_profit_lamports == sum(one.profit_lamports for one in started)
    assert 0.0 <= book.win_rate <= 1.0


@given(results)
def test_the_drawdown_is_the_largest_fall_of_any_later_point_below_any_earlier(sequence: list[ExecutionResult]) -> None:
    curve = [0]
    for one in sequence:
        if one.outcome in TRADED:
            curve.append(curve[-1] + one.profit_lamports)
    deepest = max(high - low for i, high in enumerate(curve) for low in curve[i:])
    assert Ledger.of(sequence, capital_lamports=10**9).max_drawdown_lamports == deepest


@given(st.lists(st.integers(-(10**9), 10**9), min_size=2, max_size=30))
def test_the_sharpe_ratio_equals_the_textbooks(profits: list[int]) -> None:
    book = Ledger.of((result(profit) for profit in profits), capital_lamports=1)
    deviation = statistics.stdev(profits)
    expected = statistics.mean(profits) / deviation if deviation else 0.0
    assert math.isclose(book.sharpe_ratio, expected, rel_tol=1e-9, abs_tol=1e-12)


@given(st.lists(st.integers(-(10**9), 10**9), min_size=2, max_size=30))
def test_the_sortino_ratio_equals_the_textbooks(profits: list[int]) -> None:
    book = Ledger.of((result(profit) for profit in profits), capital_lamports=1)
    deviation = math.sqrt(statistics.fmean(min(profit, 0) ** 2 for profit in profits))
    expected = statistics.fmean(profits) / deviation if deviation else 0.0
    assert math.isclose(book.sortino_ratio, expected, rel_tol=1e-9, abs_tol=1e-12)


amounts_and_times = st.tuples(st.integers(1, 10**12), st.integers(0, 10**6), st.integers(0, 10**6))


@given(st.lists(amounts_and_times, min_size=1, max_size=30))
def test_average_exposure_is_what_was_at_stake_at_each_moment_by_the_whole_time(
    trades: list[tuple[int, int, int]],
) -> None:
    """Trades one after the other or all at once: the mean over time of the sum of the amounts under way."""
    book = Ledger(capital_lamports=1)
    for amount, begun, lasted in trades:
        book.add(replace(result(finished_unix_ns=begun + lasted), amount_in=amount, taken_unix_ns=begun))
    moments = sorted({moment for _, begun, lasted in trades for moment in (begun, begun + lasted)})
    at_stake = sum(
        (until - since) * sum(amount for amount, begun, lasted in trades if begun <= since and until <= begun + lasted)
        for since, until in itertools.pairwise(moments)
    )
    span = moments[-1] - moments[0]
    assert book.average_exposure_lamports == (at_stake / span if span else 0.0)
    assert book.average_exposure_lamports <= book.turnover_lamports
