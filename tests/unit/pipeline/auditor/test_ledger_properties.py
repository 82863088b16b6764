"""What holds for every sequence of results."""

import math
import statistics
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pipeline.auditor.ledger import Ledger
from quote_core.events import ExecutionMode, ExecutionResult, Header, Outcome

BLANK = ExecutionResult(
    header=Header(event_id=bytes(16), created_unix_ns=1, slot=0),
    plan_id=bytes(16),
    opportunity_id=bytes(16),
    pair="SOL-USDC",
    outcome=Outcome.FILLED,
    mode=ExecutionMode.PAPER,
    reason="",
    hops=(),
    amount_in=1,
    expected_amount_out=1,
    actual_amount_out=1,
    expected_profit_lamports=0,
    profit_lamports=0,
    flash_fee_lamports=0,
    tip_lamports=0,
    network_fee_lamports=0,
    opportunity_created_unix_ns=0,
    plan_created_unix_ns=0,
    taken_unix_ns=0,
    finished_unix_ns=1,
    executor="",
)
results = st.lists(
    st.builds(
        lambda profit, outcome: replace(BLANK, profit_lamports=profit, outcome=outcome),
        st.integers(-(10**12), 10**12),
        st.sampled_from(Outcome),
    ),
    max_size=40,
)


@given(results)
def test_every_result_is_counted_once_and_money_adds_up_exactly(sequence: list[ExecutionResult]) -> None:
    book = Ledger.of(sequence, capital_lamports=10**9)
    assert book.filled_count + book.failed_count + book.refused_count == len(sequence)
    started = [result for result in sequence if result.outcome is not Outcome.REFUSED]
    assert book.cumulative_profit_lamports == sum(result.profit_lamports for result in started)
    assert 0.0 <= book.win_rate <= 1.0


@given(results)
def test_the_drawdown_is_the_largest_fall_of_any_later_point_below_any_earlier(sequence: list[ExecutionResult]) -> None:
    curve = [0]
    for result in sequence:
        if result.outcome is not Outcome.REFUSED:
            curve.append(curve[-1] + result.profit_lamports)
    deepest = max(high - low for i, high in enumerate(curve) for low in curve[i:])
    assert Ledger.of(sequence, capital_lamports=10**9).max_drawdown_lamports == deepest


@given(st.lists(st.integers(-(10**9), 10**9), min_size=2, max_size=30))
def test_the_sharpe_ratio_equals_the_textbooks(profits: list[int]) -> None:
    book = Ledger.of((replace(BLANK, profit_lamports=profit) for profit in profits), capital_lamports=1)
    deviation = statistics.stdev(profits)
    expected = statistics.mean(profits) / deviation if deviation else 0.0
    assert math.isclose(book.sharpe_ratio, expected, rel_tol=1e-9, abs_tol=1e-12)
