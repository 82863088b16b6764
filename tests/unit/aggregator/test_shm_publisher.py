from collections.abc import Iterator

import pytest
from fakes.fake_clock import FakeClock
from fakes.held_quotes import KEY, MSOL, SOL, TOKENS, USDC, S, held, judge, oracle
from fakes.quote_files import QuoteFiles, WatchedWriter, quote_files

from aggregator.held import HeldQuote, Refusal, Source
from aggregator.oracle import OraclePrices
from aggregator.table import QuoteTable
from quote_core.freshness import NEVER_VOUCHED
from quote_core.quotes import QuoteKey
from shm import CONTRACT, ChangeKind, Flag, TableCounts

UNIX_NS = FakeClock().unix_ns()
NO_POOL = Refusal("FAILED_PRECONDITION", "no pool")
GOOD = Flag.VALID | Flag.ORACLE_PRESENT | Flag.CONFIDENCE_PRESENT
NEW = ChangeKind.AMOUNTS | ChangeKind.ORACLE | ChangeKind.ROUTE | ChangeKind.FLAGS
ROW_COUNT = 300


@pytest.fixture
def files() -> Iterator[QuoteFiles]:
    with quote_files(ttl_slots=7) as opened:
        yield opened


@pytest.fixture
def writer(files: QuoteFiles) -> WatchedWriter:
    return files.writers[Source.LOCAL]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def prices(clock: FakeClock) -> OraclePrices:
    return oracle(clock)


@pytest.fixture
def table(files: QuoteFiles, clock: FakeClock, prices: OraclePrices) -> QuoteTable:
    """A table of many rows for one amount; how fast quotes grow stale is no matter here."""
    patient = judge(prices, local_ns=100 * S)
    table = QuoteTable(tokens=TOKENS, clock=clock, judge=patient, local_file=files.local, external_file=files.external)
    for row in range(ROW_COUNT):
        table.row_added(row, KEY)
    return table


def refused(row: int = 0) -> HeldQuote:
    return held(row=row, refusal=NO_POOL)


def test_first_quote_gives_the_entry_its_pair_and_all_fields(table: QuoteTable, writer: WatchedWriter) -> None:
    table.take([held(row=3)])
    assert len(writer.assigned[3][0]) == 32
    ((index, fields),) = writer.batches[0]
    assert index == 3
    confidence = table.merged(3).local_confidence
    assert confidence is not None
    assert fields == {
        "input_amount": 1_000_000_000,
        "output_amount": 140_000_000,
        "ts_ns": 1_700_000_000_000_000_000,
        "oracle_price": 140.0,
        "route_id": 77,
        "slot": 5,
        "dex_id": 2,
        "source": 1,
        "flags": GOOD,
        "price_impact_ppm": 500,
        "confidence_bps": round(confidence.score * 10_000),
        "ttl_slots": 7,
        "kind": NEW,
    }


def test_many_changes_of_one_message_are_one_batch(table: QuoteTable, writer: WatchedWriter, files: QuoteFiles) -> None:
    table.take([held(row=row) for row in range(5)])
    assert [len(batch) for batch in writer.batches] == [5]
    assert files.local.published_count == 5


def test_row_without_a_price_is_never_valid(table: QuoteTable, writer: WatchedWriter) -> None:
    table.take([refused()])
    assert writer.assigned == {}
    assert writer.batches == []


def test_row_that_loses_its_price_becomes_stale(table: QuoteTable, writer: WatchedWriter) -> None:
    table.take([held()])
    table.take([refused()])
    assert writer.stale == [0]


def test_stale_quote_is_flagged(table: QuoteTable, writer: WatchedWriter) -> None:
    table.take([held(is_stale=True)])
    # What is stale tells no newer rate: the oracle's own is as it was.
    assert writer.batches[0][0][1]["flags"] == GOOD | Flag.STALE


def test_confirmed_rows_trickle_with_the_heartbeat_and_say_that_nothing_changed(
    table: QuoteTable, writer: WatchedWriter
) -> None:
    quotes = [held(row=row) for row in range(300)]
    for _ in range(3):
        table.take(quotes)
    before = len(writer.batches)
    for beat_count, written in ((1, 128), (2, 128), (3, 44)):
        table.beat()
        assert writer.beat_count == beat_count
        assert len(writer.batches[-1]) == written
        assert {fields["kind"] for _, fields in writer.batches[-1]} == {ChangeKind(0)}
        first = 128 * (beat_count - 1)
        assert [row for row, _ in writer.batches[-1]] == list(range(first, first + written)), (
            "the longest waiting first"
        )
    table.beat()
    assert len(writer.batches) == before + 3


def test_confirmation_overtaken_by_a_change_is_not_written_after_it(table: QuoteTable, writer: WatchedWriter) -> None:
    table.take([held()])
    table.take([held()])
    table.take([held(1)])
    table.beat()
    assert [batch[0][1]["output_amount"] for batch in writer.batches] == [140_000_000, 1]


def test_confirmed_row_is_written_as_it_is_by_then(table: QuoteTable, writer: WatchedWriter, clock: FakeClock) -> None:
    old, young = held(row=0, clock=clock, age_ns=90 * S), held(row=1, clock=clock)
    lost = held(row=2, clock=clock)
    table.take([old, young, lost])
    table.take([old, young, lost])
    clock.advance_ns(20 * S)
    table.take([refused(2)])
    table.beat()
    assert [(row, fields["flags"]) for row, fields in writer.batches[-1]] == [(0, GOOD | Flag.STALE), (1, GOOD)]


def test_row_given_back_frees_its_entry(table: QuoteTable, writer: WatchedWriter) -> None:
    table.take([held()])
    table.take([held()])
    table.row_removed(0, KEY)
    table.beat()
    assert writer.assigned == {}
    assert len(writer.batches) == 1


def test_row_given_another_meaning_gets_its_new_pair_with_its_next_quote(
    table: QuoteTable, writer: WatchedWriter
) -> None:
    table.take([held()])
    table.row_added(0, QuoteKey(SOL, MSOL, 5))
    assert writer.assigned == {}
    table.take([held(key=QuoteKey(SOL, MSOL, 5))])
    assert len(writer.assigned) == 1
    assert writer.batches[-1][0][1]["kind"] == NEW


@pytest.mark.parametrize(
    ("new", "kind"),
    [
        (held(version=2), ChangeKind(0)),
        (held(1), ChangeKind.AMOUNTS),
        (held(oracle_price=141.0), ChangeKind.ORACLE),
        (held(route_id=1), ChangeKind.ROUTE),
        (held(is_stale=True), ChangeKind.FLAGS),
        (held(1, route_id=1), ChangeKind.AMOUNTS | ChangeKind.ROUTE),
    ],
)
def test_kind_names_what_differs(table: QuoteTable, writer: WatchedWriter, new: HeldQuote, kind: ChangeKind) -> None:
    table.take([held()])
    table.take([new])
    assert writer.batches[-1][0][1]["kind"] == kind


def test_oracle_price_that_nobody_vouches_for_any_more_is_none_in_the_file(
    table: QuoteTable, writer: WatchedWriter, clock: FakeClock
) -> None:
    table.take([held(clock=clock)])
    clock.advance_ns(61 * S)
    table.take([held(version=2, clock=clock)])
    fields = writer.batches[-1][0][1]
    assert (fields["kind"], fields["flags"]) == (ChangeKind.ORACLE, Flag.VALID | Flag.CONFIDENCE_PRESENT)


def test_time_of_an_entry_is_that_of_the_vouching(table: QuoteTable, writer: WatchedWriter, clock: FakeClock) -> None:
    quote = held(clock=clock, age_ns=S, slot=77)
    clock.advance_ns(2 * S)
    table.take([quote])
    fields = writer.batches[0][0][1]
    assert (fields["ts_ns"], fields["slot"]) == (UNIX_NS - S, 77)


def test_confirmed_entry_gets_the_time_of_its_new_vouching(
    table: QuoteTable, writer: WatchedWriter, clock: FakeClock
) -> None:
    table.take([held(clock=clock)])
    clock.advance_ns(30 * S)
    table.take([held(clock=clock, age_ns=S // 2)])
    table.beat()
    assert writer.batches[-1][0][1]["ts_ns"] == UNIX_NS + 30 * S - S // 2


def test_writing_an_entry_later_makes_it_no_younger(table: QuoteTable, writer: WatchedWriter, clock: FakeClock) -> None:
    table.take([held(clock=clock)])
    table.take([held(clock=clock)])
    clock.advance_ns(2 * S)
    table.beat()
    assert len(writer.batches) == 2
    assert writer.batches[-1][0][1]["ts_ns"] == UNIX_NS


def test_step_of_the_wall_clock_is_healed_by_the_next_writing(
    table: QuoteTable, writer: WatchedWriter, clock: FakeClock
) -> None:
    quote = held(clock=clock)
    clock.advance_ns(S)
    clock.step_wall_ns(-3_601 * S)
    table.take([quote])
    assert writer.batches[0][0][1]["ts_ns"] == clock.unix_ns() - S


@pytest.mark.parametrize(
    "impossible",
    [
        held(0),
        held(2**63),
        held(price_impact_fraction=float("nan")),
        held(price_impact_fraction=float("inf")),
        held(price_impact_fraction=-0.1),
        held(price_impact_fraction=1.1),
        held(slot=2**32),
        held(freshness=NEVER_VOUCHED),
        held(age_ns=-1),
    ],
)
def test_what_no_quote_can_be_is_not_written_and_what_was_there_is_marked(
    table: QuoteTable, writer: WatchedWriter, files: QuoteFiles, impossible: HeldQuote
) -> None:
    table.take([impossible])
    assert (writer.batches, writer.assigned, writer.stale) == ([], {}, [])
    table.take([held(version=2)])
    table.take([impossible, held(row=1)])
    assert writer.stale == [0]
    assert [index for index, _ in writer.batches[-1]] == [1], "the others of the batch are written"
    assert files.local.refused_count == 2


def test_row_that_got_its_price_back_says_that_its_flags_differ(table: QuoteTable, writer: WatchedWriter) -> None:
    table.take([held()])
    table.take([refused()])
    table.take([held()])
    assert writer.batches[-1][0][1]["kind"] == ChangeKind.FLAGS


def test_score_and_oracle_price_are_those_worked_out(table: QuoteTable, writer: WatchedWriter) -> None:
    table.take([held(139_000_000)])
    fields = writer.batches[0][0][1]
    confidence = table.merged(0).local_confidence
    assert confidence is not None
    assert 0.0 < confidence.factors.oracle < 1.0
    assert fields["confidence_bps"] == round(confidence.score * 10_000)
    assert fields["oracle_price"] == 140.0


def test_a_capped_quote_has_no_more_confidence_in_the_file_than_its_decision_allows(
    table: QuoteTable, writer: WatchedWriter
) -> None:
    fractions = (0.001, 0.02, 0.06)
    table.take([held(row=row, price_impact_fraction=fraction) for row, fraction in enumerate(fractions)])
    assert [fields["confidence_bps"] for _, fields in writer.batches[0]][1:] == [6_999, 4_999]
    assert int(str(writer.batches[0][0][1]["confidence_bps"])) > 9_000


def test_each_quote_written_counts_by_its_confidence(
    table: QuoteTable, writer: WatchedWriter, files: QuoteFiles
) -> None:
    table.take([held(row=1), held(row=2)])
    table.take([refused(3)])
    ((_, fields), _) = writer.batches[0]
    counts = files.local.counts_by_confidence_bps
    assert (counts[int(str(fields["confidence_bps"]))], sum(counts)) == (2, 2)
    table.take([held(row=1)])
    totals = table.totals(files.local)
    assert (files.local.waiting_count, totals.fresh_count + totals.stale_count) == (1, 2)
    assert table.totals(files.external).fresh_count == 0


def test_each_source_has_its_own_file(table: QuoteTable, writer: WatchedWriter, files: QuoteFiles) -> None:
    table.take([held(139_000_000, source=Source.EXTERNAL, key=QuoteKey(SOL, USDC, KEY.input_amount))])
    assert writer.batches == []
    ((row, fields),) = files.writers[Source.EXTERNAL].batches[0]
    assert (row, fields["source"], fields["output_amount"]) == (0, 2, 139_000_000)


def test_files_of_other_counts_hold_every_row_and_write_a_quarter_of_their_ring_a_beat(clock: FakeClock) -> None:
    counts = TableCounts(65_535, 1_024)
    rows = [65_534, *range(2_000, 2_599), 0]
    with quote_files(counts=counts) as files:
        assert files.local.row_count == files.external.row_count == counts.entries
        patient = judge(oracle(clock), local_ns=100 * S)
        table = QuoteTable(
            tokens=TOKENS,
            clock=clock,
            judge=patient,
            row_count=counts.entries,
            local_file=files.local,
            external_file=files.external,
        )
        for row in rows:
            table.row_added(row, KEY)
        with pytest.raises(IndexError):
            table.row_added(counts.entries, KEY)
        table.take([held(row=row) for row in rows])
        written = files.writers[Source.LOCAL].batches
        assert [row for batch in written for row, _ in batch] == rows
        table.take([held(row=row) for row in rows])
        del written[:]
        for waiting in (345, 89, 0):
            table.beat()
            assert files.local.waiting_count == waiting
        assert [len(batch) for batch in written] == [256, 256, 89]
        assert [row for batch in written for row, _ in batch] == rows, "the longest waiting first"
        assert table.totals(files.local).fresh_count == len(rows)
        table.row_removed(65_534, KEY)
        assert files.writers[Source.LOCAL].writer.used == counts.entries
        assert 65_534 not in files.writers[Source.LOCAL].assigned


def test_a_table_and_its_files_are_of_one_size(clock: FakeClock) -> None:
    with quote_files(counts=TableCounts(3_000, 512)) as files, pytest.raises(AssertionError, match="another size"):
        QuoteTable(
            tokens=TOKENS,
            clock=clock,
            judge=judge(oracle(clock)),
            row_count=CONTRACT.entries,
            local_file=files.local,
            external_file=files.external,
        )
