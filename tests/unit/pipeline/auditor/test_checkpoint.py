"""Going on from a checkpoint is the same as having counted everything, wherever it ends, whenever the auditor dies."""

import contextlib
import importlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.fake_clock import FakeClock
from fakes.results import result, round_trip
from hypothesis import given
from hypothesis import strategies as st

from pipeline.auditor.checkpoint import Checkpoint, CheckpointFile, form_of
from pipeline.auditor.daily import DayAccounts
from pipeline.auditor.ledger import DAY_NS, Ledger
from pipeline.auditor.reading import Books
from pipeline.auditor.reports import report_path, reported_days, write_once
from pipeline.auditor.usd import SolPrices
from quote_core.bus.follow import Followed
from quote_core.events import ExecutionResult, Outcome, encode
from quote_core.json_dialect import json_text
from quote_core.tokens import load_tokens

DAY = 20_000
CAPITAL = 10**9
PRICES = SolPrices(load_tokens())
FORM = form_of(PRICES)


def books(*, reported: set[int] | None = None, prices: SolPrices = PRICES, capital_lamports: int = CAPITAL) -> Books:
    return Books(capital_lamports=capital_lamports, prices=prices, reported_days=reported or set())


def messages(results: Sequence[ExecutionResult | None], *, first_sequence: int = 1) -> list[Followed]:
    """As the stream keeps them; `None` is a message that is no result."""
    return [
        Followed(
            created="2026-11-30",
            subject="executed.SOL-USDC.00",
            sequence=sequence,
            stored_unix_ns=0,
            data=b"garbage" if one is None else encode(one),
            remaining_count=0,
        )
        for sequence, one in enumerate(results, first_sequence)
    ]


def counted(by: Books, stream: Sequence[Followed]) -> Books:
    for message in stream:
        by.take(message)
    return by


def kept_of(by: Books) -> Checkpoint:
    """Through the bytes of a file."""
    kept = by.checkpoint()
    assert kept is not None
    return FORM.decode(FORM.encode(kept))


def told_by(by: Books) -> bytes:
    """All that it knows."""
    kept = by.checkpoint()
    return b"" if kept is None else FORM.encode(kept)


def a_result(
    number: int, day: int, profit: int, outcome: Outcome, run_id: str, pair: str, *, is_priced: bool
) -> ExecutionResult:
    at = day * DAY_NS + number
    one = (
        round_trip(10**10, 1_234_567_890, 10**10 + profit, number=number, finished_unix_ns=at, tip_lamports=7)
        if is_priced
        else result(profit, number=number, outcome=outcome, finished_unix_ns=at, network_fee_lamports=5_000)
    )
    return replace(one, run_id=run_id, pair=pair, taken_unix_ns=at - 50)


def of_days(days: st.SearchStrategy[int]) -> st.SearchStrategy[ExecutionResult]:
    return st.builds(
        a_result,
        st.integers(0, 10**6),
        days,
        st.integers(-(10**8), 10**8),
        st.sampled_from(Outcome),
        st.sampled_from(["", "one", "two"]),
        st.sampled_from(["SOL-USDC", "SOL-mSOL"]),
        is_priced=st.booleans(),
    )


streams = st.lists(st.one_of(st.none(), of_days(st.integers(DAY, DAY + 3))), min_size=1, max_size=30)


@given(streams, st.integers(1, 30), st.sets(st.integers(DAY, DAY + 3)), st.integers(1, 2))
def test_going_on_from_a_checkpoint_is_the_same_as_counting_from_the_beginning(
    results: list[ExecutionResult | None], cut: int, reported: set[int], first_sequence: int
) -> None:
    stream = messages(results, first_sequence=first_sequence)
    whole = counted(books(reported=reported), stream)
    before = counted(books(reported=reported), stream[:cut])
    resumed = books(reported=reported)
    assert resumed.resume(kept_of(before)) == ""
    counted(resumed, stream[cut:])
    assert told_by(resumed) == told_by(whole)
    assert resumed.ledger == whole.ledger
    assert [resumed.days.report(day) for day in range(DAY, DAY + 4)] == [
        whole.days.report(day) for day in range(DAY, DAY + 4)
    ]
    clock = FakeClock()
    assert replace(resumed.run.snapshot(clock), header=None) == replace(whole.run.snapshot(clock), header=None)  # type: ignore[arg-type]


@given(streams, st.integers(1, 30))
def test_a_checkpoint_stays_as_it_was_while_counting_goes_on(results: list[ExecutionResult | None], cut: int) -> None:
    stream = messages(results)
    by = counted(books(), stream[:cut])
    kept = by.checkpoint()
    assert kept is not None
    noted = FORM.encode(kept)
    counted(by, stream[cut:])
    assert FORM.encode(kept) == noted


class Killed(BaseException):
    """What no `except` of the code under test catches."""


class Deaths:
    """Lets so many calls that change the disk through, and no more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        for name in ("os.open", "os.link", "os.fsync", "os.close", "pathlib.Path.replace", "pathlib.Path.unlink"):
            self._wrap(monkeypatch, name)

    def _wrap(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        real = importlib.import_module(name.partition(".")[0])
        for part in name.split(".")[1:]:
            real = getattr(real, part)
        genuine: Callable[..., object] = real

        def counted_call(*arguments: object, **named: object) -> object:
            if self.left is not None:
                if self.left == 0:
                    raise Killed
                self.left -= 1
            return genuine(*arguments, **named)

        monkeypatch.setattr(name, counted_call)


def one_life(folder: Path, stream: Sequence[Followed], steps: Sequence[int], *, today: int) -> Books:
    """An auditor from its start on: it counts the stream in pieces, and after each writes reports and checkpoint."""
    file = CheckpointFile(folder / "checkpoint", PRICES)
    by = books(reported=reported_days(folder))
    kept = file.load()
    if kept is not None and not by.missing_reports(kept):
        assert by.resume(kept) == ""
    begun = by.place.sequence if by.place else 0
    for step in steps:
        until = min(begun + step, len(stream))
        counted(by, stream[begun:until])
        begun = until
        noted = by.checkpoint()
        if begun == len(stream):  # only whole books tell of a day
            for day in by.days.ended(today * DAY_NS, day_count_max=31):
                write_once(report_path(folder, day), by.days.report(day))
                by.days.close(day)
        if noted is not None:
            file.save(noted)
    return counted(by, stream[begun:])


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # whoever is killed closes nothing
@given(
    st.lists(of_days(st.integers(DAY, DAY + 2)), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 25), st.lists(st.integers(0, 12), max_size=3), st.booleans()), max_size=4),
)
def test_killed_between_any_two_writes_and_with_reports_deleted_the_next_auditor_has_the_same_sums_and_reports(
    results: list[ExecutionResult], lives: list[tuple[int, list[int], bool]]
) -> None:
    stream = messages(sorted(results, key=lambda one: one.finished_unix_ns))
    today = DAY + 4
    with pytest.MonkeyPatch.context() as monkeypatch, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        deaths = Deaths(monkeypatch)
        for writes, steps, is_report_deleted in lives:
            deaths.left = writes
            with contextlib.suppress(Killed):
                one_life(folder, stream, [*steps, len(stream)], today=today)
            deaths.left = None
            if is_report_deleted:
                for path in sorted(folder.glob("pnl-*.json"))[:1]:
                    path.unlink()
        last = one_life(folder, stream, [len(stream)], today=today)
        for run_id, sums in last._runs.by_run.items():
            expected = Ledger(capital_lamports=CAPITAL, run_id=run_id)
            for one in sorted(results, key=lambda one: one.finished_unix_ns):
                if one.run_id == run_id:
                    expected.add(one)
            assert sums.ledger == expected
        fresh = DayAccounts(PRICES, capital_lamports=CAPITAL, reported=set())
        for one in sorted(results, key=lambda one: one.finished_unix_ns):
            fresh.add(one)
        for day in range(min(one.finished_unix_ns for one in results) // DAY_NS, today):
            assert json.loads(report_path(folder, day).read_bytes()) == json.loads(json_text(fresh.report(day)))


def test_a_file_holds_what_was_saved_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "checkpoint"
    assert CheckpointFile(path, PRICES).load() is None
    by = counted(books(), messages([a_result(1, DAY, 5, Outcome.FILLED, "one", "SOL-USDC", is_priced=True)]))
    kept = by.checkpoint()
    assert kept is not None
    assert CheckpointFile(path, PRICES).save(kept)
    again = CheckpointFile(path, PRICES).load()
    assert again is not None
    assert FORM.encode(again) == FORM.encode(kept)
    assert path.stat().st_mode & 0o777 == 0o600


def test_sums_of_another_capital_or_of_other_prices_are_refused() -> None:
    kept = kept_of(counted(books(), messages([result(5)])))
    assert "capital" in books(capital_lamports=1).resume(kept)
    assert "tokens" in books(prices=SolPrices(())).resume(kept)


def test_a_report_that_is_gone_is_named_and_one_from_before_the_stream_is_not_missed() -> None:
    stream = messages([result(1, finished_unix_ns=day * DAY_NS) for day in (DAY, DAY + 1, DAY + 2)])
    by = counted(books(reported={DAY - 5, DAY, DAY + 1}), stream)
    assert books(reported={DAY}).missing_reports(kept_of(by)) == [DAY + 1]
    assert books(reported={DAY, DAY + 1}).missing_reports(kept_of(by)) == []


def test_with_more_accounts_than_can_be_told_quickly_there_is_no_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.auditor.reading.LEDGER_COUNT_MAX", 5)
    by = books()
    for number, message in enumerate(messages([replace(result(1), run_id=f"{number}") for number in range(3)])):
        by.take(message)
        assert (by.checkpoint() is None) == (number > 0)  # a run, its day and its pair are three


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda told: told.pop("runs"), "missing"),
        (lambda told: told["runs"][0]["ledger"].pop("filled_count"), "kind"),
        (lambda told: told["runs"][0]["ledger"].update(max_drawdown_fraction=1), "kind"),
        (lambda told: told["runs"][0]["usd"].update(profit_micro_usd="1"), "kind"),
        (lambda told: told["days"].update(keeps_all=1), "kind"),
        (lambda told: told["days"].update(accounts=5), "kind"),
        (lambda told: told["days"]["accounts"][0].update(day=None), "kind"),
    ],
)
def test_what_cannot_be_sums_is_refused(spoil: Callable[[dict[str, object]], object], why: str) -> None:
    kept = counted(books(), messages([result(5)])).checkpoint()
    assert kept is not None
    told = json.loads(json.dumps(FORM.tell(kept)))
    spoil(told)
    with pytest.raises(ValueError, match=why):
        FORM.decode(replace(FORM, tell=lambda _: told).encode(kept))
