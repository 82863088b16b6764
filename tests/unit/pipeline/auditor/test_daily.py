"""Which results a day's report has, and which days have one."""

from dataclasses import replace
from datetime import date

import pytest
from fakes.results import result, round_trip
from hypothesis import given
from hypothesis import strategies as st

from pipeline.auditor import daily
from pipeline.auditor.daily import OTHERS, DayAccounts, PairLedgers, day_index, day_text
from pipeline.auditor.ledger import DAY_NS
from pipeline.auditor.usd import SolPrices
from quote_core.tokens import load_tokens

DAY = 20_000
MIDNIGHT = DAY * DAY_NS


def accounts(*, reported: set[int] | None = None) -> DayAccounts:
    return DayAccounts(SolPrices(load_tokens()), capital_lamports=1_000, reported=reported or set())


def test_days_are_named_as_people_do() -> None:
    assert day_text(DAY) == "2024-10-04"
    assert day_index(date(2024, 10, 4)) == DAY


@given(st.integers(0, 100_000))
def test_a_days_name_leads_back_to_it(day: int) -> None:
    assert day_index(date.fromisoformat(day_text(day))) == day


def test_a_report_has_each_run_with_its_pairs_and_dollars() -> None:
    days = accounts()
    first = round_trip(1_000_000_000, 150_000_000, 1_001_000_000, finished_unix_ns=MIDNIGHT)
    second = replace(result(-30, finished_unix_ns=MIDNIGHT + DAY_NS - 1), pair="SOL-mSOL")
    for one in (first, second, replace(result(7, finished_unix_ns=MIDNIGHT + 5), run_id="other")):
        assert days.add(one)
    told = days.report(DAY)
    assert (told["day"], told["capital_lamports"]) == ("2024-10-04", 1_000)
    unnamed, other = told["runs"]
    assert (unnamed["run_id"], unnamed["summary"]["cumulative_profit_lamports"]) == ("", 999_970)
    assert unnamed["summary"]["max_drawdown_lamports"] == 30
    assert {pair["pair"]: pair["cumulative_profit_lamports"] for pair in unnamed["pairs"]} == {
        "SOL-USDC": 1_000_000,
        "SOL-mSOL": -30,
    }
    assert (unnamed["usd"]["profit_micro_usd"], unnamed["usd"]["unpriced_profit_lamports"]) == (150_000, -30)
    assert (other["run_id"], other["summary"]["trade_count"]) == ("other", 1)


def test_a_day_begins_at_midnight_and_knows_nothing_of_the_one_before() -> None:
    days = accounts()
    days.add(result(-500, finished_unix_ns=MIDNIGHT - 1))
    days.add(result(8, finished_unix_ns=MIDNIGHT))
    assert [run["summary"]["max_drawdown_lamports"] for run in days.report(DAY - 1)["runs"]] == [500]
    assert [run["summary"]["max_drawdown_lamports"] for run in days.report(DAY)["runs"]] == [0]


def test_a_day_has_ended_with_its_last_nanosecond_and_an_empty_one_is_a_day() -> None:
    days = accounts()
    assert days.ended(MIDNIGHT, day_count_max=31) == []
    days.add(result(1, finished_unix_ns=MIDNIGHT))
    assert days.ended(MIDNIGHT + DAY_NS - 1, day_count_max=31) == []
    assert days.ended(MIDNIGHT + DAY_NS, day_count_max=31) == [DAY]
    assert days.ended(MIDNIGHT + 3 * DAY_NS, day_count_max=31) == [DAY, DAY + 1, DAY + 2]
    assert days.report(DAY + 1)["runs"] == []


def test_a_clock_that_was_wrong_makes_no_thousand_reports() -> None:
    days = accounts()
    days.add(result(1, finished_unix_ns=5))
    assert days.ended(MIDNIGHT, day_count_max=31) == list(range(DAY - 31, DAY))


def test_the_day_of_which_the_stream_has_dropped_the_beginning_is_not_reported() -> None:
    days = DayAccounts(SolPrices(()), capital_lamports=1, reported=set(), keeps_all=False)
    assert not days.add(result(1, finished_unix_ns=MIDNIGHT))
    assert days.add(result(1, finished_unix_ns=MIDNIGHT + DAY_NS))
    assert days.ended(MIDNIGHT + 2 * DAY_NS, day_count_max=31) == [DAY + 1]


def test_a_reported_day_takes_nothing_more_and_never_ends_again() -> None:
    days = accounts(reported={DAY})
    assert not days.add(result(1, finished_unix_ns=MIDNIGHT))
    assert days.add(result(1, finished_unix_ns=MIDNIGHT + DAY_NS))
    assert days.ended(MIDNIGHT + 2 * DAY_NS, day_count_max=31) == [DAY + 1]
    days.close(DAY + 1)
    assert days.ended(MIDNIGHT + 2 * DAY_NS, day_count_max=31) == []
    assert not days.add(result(1, finished_unix_ns=MIDNIGHT + DAY_NS))
    assert days.report(DAY + 1)["runs"] == []


def test_accounts_of_runs_and_pairs_are_bounded_and_lose_no_lamport(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily, "ACCOUNT_COUNT_MAX", 2)
    monkeypatch.setattr(daily, "PAIR_COUNT_MAX", 2)
    days, pairs = accounts(), PairLedgers(capital_lamports=1)
    for number, name in enumerate(("a", "b", "c", "d", "a")):
        one = replace(result(10**number, finished_unix_ns=MIDNIGHT), run_id=name, pair=name)
        days.add(one)
        pairs.add(one)
    by_run = {run["run_id"]: run["summary"]["cumulative_profit_lamports"] for run in days.report(DAY)["runs"]}
    assert by_run == {"a": 10_001, "b": 10, OTHERS: 1_100}
    assert {pair: book.cumulative_profit_lamports for pair, book in pairs.by_pair.items()} == by_run
