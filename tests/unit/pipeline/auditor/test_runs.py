"""Each run has sums of its own, in SOL and in dollars."""

from dataclasses import replace

import pytest
from fakes.fake_clock import FakeClock
from fakes.results import result, round_trip

from pipeline.auditor import runs as runs_module
from pipeline.auditor.ledger import Ledger
from pipeline.auditor.runs import Runs, RunSums
from pipeline.auditor.usd import SolPrices, UsdAccount
from quote_core.events import Outcome, decode, encode
from quote_core.tokens import load_tokens

PRICES = SolPrices(load_tokens())


def runs() -> Runs:
    return Runs(capital_lamports=1_000, prices=PRICES)


def test_each_run_has_an_account_of_its_own_and_the_newest_result_says_which_is_the_newest() -> None:
    known = runs()
    assert known.newest.ledger.trade_count == 0
    for run_id, profit in (("one", 5), ("two", 7), ("one", 1)):
        known.add(replace(result(profit), run_id=run_id))
    assert {run: sums.ledger.cumulative_profit_lamports for run, sums in known.by_run.items()} == {"one": 6, "two": 7}
    assert (known.newest.ledger.run_id, known.of("none").ledger.trade_count) == ("one", 0)


def test_accounts_of_runs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "RUN_COUNT_MAX", 2)
    known = runs()
    for run_id in ("one", "two", "one", "three"):
        known.add(replace(result(1), run_id=run_id))
    assert list(known.by_run) == ["one", "three"]


def test_the_snapshot_says_how_much_of_the_profit_has_a_worth_in_dollars() -> None:
    known = runs()
    known.add(round_trip(1_000_000_000, 150_000_000, 1_001_000_000))
    known.add(result(-30, outcome=Outcome.FAILED))
    told = known.newest.snapshot(FakeClock())
    assert told.cumulative_profit_lamports == 999_970
    assert (told.priced_trade_count, told.priced_profit_lamports, told.profit_micro_usd) == (1, 1_000_000, 150_000)
    assert decode(encode(told)) == told


@pytest.mark.parametrize("sign", [1, -1])
def test_more_dollars_than_there_are_do_not_keep_the_account_from_being_published(sign: int) -> None:
    sums = RunSums(Ledger(capital_lamports=1), UsdAccount(PRICES, profit_micro_usd=sign * 2**70))
    told = sums.snapshot(FakeClock())
    assert told.profit_micro_usd == sign * (2**63 - 1)
    assert decode(encode(told)) == told
