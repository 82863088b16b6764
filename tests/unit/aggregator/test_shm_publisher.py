from collections.abc import Mapping
from types import MappingProxyType

import pytest
from fakes.fake_clock import FakeClock
from fakes.held_quotes import KEY, MSOL, SOL, USDC, S
from fakes.held_quotes import held as held_quote
from fakes.held_quotes import scored as scored_by_fakes

from aggregator.confidence import Confidence, Factors
from aggregator.held import HeldQuote, Refusal
from aggregator.selection import Scored
from aggregator.shm_publisher import ShmPublisher, change_kind
from quote_core.freshness import NEVER_VOUCHED
from quote_core.quotes import QuoteKey
from shm import ChangeKind, Flag

SCORE = Confidence(0.876, Factors(1.0, 1.0, 1.0, 1.0, 1.0))
UNIX_NS = FakeClock().unix_ns()
NO_POOL = Refusal("FAILED_PRECONDITION", "no pool")


def priced(quote: HeldQuote, *, oracle_rate: float | None = 140.0) -> Scored:
    return Scored(quote, SCORE, oracle_rate)


def held(*args: int, oracle_rate: float | None = 140.0, **changes: object) -> Scored:
    return priced(held_quote(*args, **changes), oracle_rate=oracle_rate)  # type: ignore[arg-type]  # passed on


def refused() -> Scored:
    return Scored(held_quote(refusal=NO_POOL), None, None)


class FakeBatch:
    def __init__(self) -> None:
        self.puts: list[tuple[int, dict[str, object]]] = []

    def put(self, index: int, **fields: object) -> None:
        self.puts.append((index, fields))


class FakeWriter:
    """Records what a compiled writer would do."""

    def __init__(self) -> None:
        self.assigned: dict[int, tuple[bytes, bytes]] = {}
        self.batches: list[list[tuple[int, dict[str, object]]]] = []
        self.stale: list[int] = []
        self.beat_count = 0

    def assign(self, index: int, input_mint: bytes, output_mint: bytes) -> bool:
        self.assigned[index] = (input_mint, output_mint)
        return True

    def retire_row(self, index: int) -> None:
        del self.assigned[index]

    def batch(self) -> FakeBatch:
        return FakeBatch()

    def publish_batch(self, batch: FakeBatch) -> int:
        count = len(batch.puts)
        if count:
            self.batches.append(list(batch.puts))
        batch.puts.clear()
        return count

    def mark_stale(self, index: int) -> bool:
        self.stale.append(index)
        return True

    def beat(self) -> None:
        self.beat_count += 1


@pytest.fixture
def writer() -> FakeWriter:
    return FakeWriter()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def known() -> dict[int, Scored]:
    """What the table would say of a row at the moment it is asked."""
    return {}


@pytest.fixture
def publisher(writer: FakeWriter, known: dict[int, Scored], clock: FakeClock) -> ShmPublisher:
    return publisher_into(writer, known, clock=clock)


def publisher_into(
    writer: FakeWriter, known: Mapping[int, Scored] = MappingProxyType({}), *, clock: FakeClock
) -> ShmPublisher:
    return ShmPublisher(writer, scored=lambda rows: [known[row] for row in rows], clock=clock, ttl_slots=7)


def test_first_quote_gives_the_entry_its_pair_and_all_fields(publisher: ShmPublisher, writer: FakeWriter) -> None:
    publisher.publish([held(row=3)])
    assert len(writer.assigned[3][0]) == 32
    ((index, fields),) = writer.batches[0]
    assert index == 3
    assert fields == {
        "input_amount": 1_000_000_000,
        "output_amount": 140_000_000,
        "ts_ns": 1_700_000_000_000_000_000,
        "oracle_price": 140.0,
        "route_id": 77,
        "slot": 5,
        "dex_id": 2,
        "source": 1,
        "flags": Flag.CONFIDENCE_PRESENT,
        "price_impact_ppm": 500,
        "confidence_bps": 8_760,
        "ttl_slots": 7,
        "kind": ChangeKind.AMOUNTS | ChangeKind.ORACLE | ChangeKind.ROUTE | ChangeKind.FLAGS,
    }


def test_many_changes_of_one_message_are_one_batch(publisher: ShmPublisher, writer: FakeWriter) -> None:
    publisher.publish([held(row=row) for row in range(5)])
    assert len(writer.batches) == 1
    assert publisher.published_count == 5


def test_row_without_a_price_is_never_valid(publisher: ShmPublisher, writer: FakeWriter) -> None:
    publisher.publish([refused()])
    assert writer.assigned == {}
    assert writer.batches == []


def test_row_that_loses_its_price_becomes_stale(publisher: ShmPublisher, writer: FakeWriter) -> None:
    publisher.publish([held()])
    publisher.publish([refused()])
    assert writer.stale == [0]


def test_stale_quote_is_flagged(publisher: ShmPublisher, writer: FakeWriter) -> None:
    publisher.publish([held(is_stale=True)])
    assert writer.batches[0][0][1]["flags"] == Flag.CONFIDENCE_PRESENT | Flag.STALE


def test_confirmed_rows_trickle_with_the_heartbeat_and_say_that_nothing_changed(
    publisher: ShmPublisher, writer: FakeWriter, known: dict[int, Scored]
) -> None:
    known.update({row: held(row=row) for row in range(300)})
    publisher.publish(known.values())
    publisher.confirm(known)
    publisher.confirm(known)
    for beat_count, written in ((1, 128), (2, 128), (3, 44)):
        publisher.beat()
        assert writer.beat_count == beat_count
        assert len(writer.batches[-1]) == written
        assert {fields["kind"] for _, fields in writer.batches[-1]} == {0}
    publisher.beat()
    assert len(writer.batches) == 4


def test_confirmation_overtaken_by_a_change_is_not_written_after_it(
    publisher: ShmPublisher, writer: FakeWriter
) -> None:
    publisher.publish([held()])
    publisher.confirm([0])
    publisher.publish([held(1)])
    publisher.beat()
    assert [batch[0][1]["output_amount"] for batch in writer.batches] == [140_000_000, 1]


def test_confirmed_row_is_written_as_it_is_by_then(
    publisher: ShmPublisher, writer: FakeWriter, known: dict[int, Scored]
) -> None:
    publisher.publish([held(row=0), held(row=1)])
    publisher.confirm([0, 1])
    known.update({0: held(row=0, is_stale=True), 1: Scored(held_quote(row=1, refusal=NO_POOL), None, None)})
    publisher.beat()
    ((row, fields),) = writer.batches[-1]
    assert (row, fields["flags"]) == (0, Flag.CONFIDENCE_PRESENT | Flag.STALE)


def test_row_given_back_frees_its_entry(publisher: ShmPublisher, writer: FakeWriter) -> None:
    publisher.publish([held()])
    publisher.confirm([0])
    publisher.row_removed(0, KEY)
    publisher.beat()
    assert writer.assigned == {}
    assert len(writer.batches) == 1


def test_row_given_another_meaning_gets_its_new_pair_with_its_next_quote(
    publisher: ShmPublisher, writer: FakeWriter
) -> None:
    publisher.publish([held()])
    publisher.row_added(0, QuoteKey(SOL, MSOL, 5))
    assert writer.assigned == {}
    publisher.publish([held(key=QuoteKey(SOL, MSOL, 5))])
    assert len(writer.assigned) == 1


@pytest.mark.parametrize(
    ("new", "kind"),
    [
        (held(), 0),
        (held(1), ChangeKind.AMOUNTS),
        (held(key=QuoteKey(SOL, USDC, 1)), ChangeKind.AMOUNTS),
        (held(oracle_rate=None), ChangeKind.ORACLE),
        (held(route_id=1), ChangeKind.ROUTE),
        (held(is_stale=True), ChangeKind.FLAGS),
        (held(1, route_id=1), ChangeKind.AMOUNTS | ChangeKind.ROUTE),
    ],
)
def test_kind_names_what_differs(new: Scored, kind: int) -> None:
    assert change_kind(held(), new) == kind


def test_time_of_an_entry_is_that_of_the_vouching(
    publisher: ShmPublisher, writer: FakeWriter, clock: FakeClock
) -> None:
    quote = held(clock=clock, age_ns=S, slot=77)
    clock.advance_ns(2 * S)
    publisher.publish([quote])
    fields = writer.batches[0][0][1]
    assert (fields["ts_ns"], fields["slot"]) == (UNIX_NS - S, 77)


def test_confirmed_entry_gets_the_time_of_its_new_vouching(
    publisher: ShmPublisher, writer: FakeWriter, known: dict[int, Scored], clock: FakeClock
) -> None:
    publisher.publish([held(clock=clock)])
    clock.advance_ns(30 * S)
    known[0] = held(clock=clock, age_ns=S // 2)
    publisher.confirm([0])
    publisher.beat()
    assert writer.batches[-1][0][1]["ts_ns"] == UNIX_NS + 30 * S - S // 2


def test_writing_an_entry_later_makes_it_no_younger(
    publisher: ShmPublisher, writer: FakeWriter, known: dict[int, Scored], clock: FakeClock
) -> None:
    known[0] = held(clock=clock)
    publisher.confirm([0])
    clock.advance_ns(2 * S)
    publisher.beat()
    assert writer.batches[-1][0][1]["ts_ns"] == UNIX_NS


def test_step_of_the_wall_clock_is_healed_by_the_next_writing(writer: FakeWriter, clock: FakeClock) -> None:
    stepped = FakeClock(mono_ns=clock.mono_ns() + S, unix_ns=clock.unix_ns() - 3_600 * S)
    publisher_into(writer, clock=stepped).publish([held(clock=clock)])
    assert writer.batches[0][0][1]["ts_ns"] == stepped.unix_ns() - S


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
    publisher: ShmPublisher, writer: FakeWriter, impossible: Scored
) -> None:
    publisher.publish([impossible])
    assert (writer.batches, writer.assigned, writer.stale) == ([], {}, [])
    publisher.publish([held()])
    publisher.publish([impossible, held(row=1)])
    assert writer.stale == [0]
    assert [index for index, _ in writer.batches[-1]] == [1], "the others of the batch are written"
    assert publisher.refused_count == 2


def test_row_that_got_its_price_back_says_that_its_flags_differ(publisher: ShmPublisher, writer: FakeWriter) -> None:
    publisher.publish([held()])
    publisher.publish([refused()])
    publisher.publish([held()])
    assert writer.batches[-1][0][1]["kind"] == ChangeKind.FLAGS


def test_score_and_oracle_price_are_those_worked_out(publisher: ShmPublisher, writer: FakeWriter) -> None:
    scored = scored_by_fakes(held_quote())
    publisher.publish([scored])
    fields = writer.batches[0][0][1]
    assert scored.confidence is not None
    assert fields["confidence_bps"] == round(scored.confidence.score * 10_000)
    assert fields["oracle_price"] == 140.0


def test_a_capped_quote_has_no_more_confidence_in_the_file_than_its_decision_allows() -> None:
    writer = FakeWriter()
    publisher = publisher_into(writer, clock=FakeClock())
    publisher.publish([scored_by_fakes(held_quote(price_impact_fraction=fraction)) for fraction in (0.001, 0.02, 0.06)])
    assert [fields["confidence_bps"] for _, fields in writer.batches[0]][1:] == [6_999, 4_999]
    assert int(str(writer.batches[0][0][1]["confidence_bps"])) > 9_000


def test_each_quote_written_counts_by_its_confidence(writer: FakeWriter) -> None:
    publisher = ShmPublisher(writer, scored=scored_by_fakes, clock=FakeClock(), ttl_slots=5)
    publisher.publish([held(row=1), held(row=2)])
    publisher.publish([refused()])
    assert (publisher.counts_by_confidence_bps[8_760], sum(publisher.counts_by_confidence_bps)) == (2, 2)
    publisher.confirm([1])
    assert (publisher.waiting_count, len(publisher.published)) == (1, 2)
