import pytest
from fakes.held_quotes import KEY, MSOL, SOL, USDC, held

from aggregator.confidence import Confidence, Factors
from aggregator.held import Refusal
from aggregator.shm_publisher import ShmPublisher, change_kind
from quote_core.quotes import QuoteKey
from shm import ChangeKind, Flag

SCORE = Confidence(0.876, Factors(1.0, 1.0, 1.0, 1.0, 1.0))


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
def publisher(writer: FakeWriter) -> ShmPublisher:
    return ShmPublisher(writer, ttl_slots=7)


def test_first_quote_gives_the_entry_its_pair_and_all_fields(publisher: ShmPublisher, writer: FakeWriter) -> None:
    publisher.publish([(held(row=3), SCORE)])
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
    publisher.publish([(held(row=row), SCORE) for row in range(5)])
    assert len(writer.batches) == 1
    assert publisher.published_count == 5


def test_row_without_a_price_is_never_valid(publisher: ShmPublisher, writer: FakeWriter) -> None:
    publisher.publish([(held(refusal=Refusal("FAILED_PRECONDITION", "no pool")), None)])
    assert writer.assigned == {}
    assert writer.batches == []


def test_row_that_loses_its_price_becomes_stale(publisher: ShmPublisher, writer: FakeWriter) -> None:
    publisher.publish([(held(), SCORE)])
    publisher.publish([(held(refusal=Refusal("FAILED_PRECONDITION", "no pool")), None)])
    assert writer.stale == [0]


def test_stale_quote_is_flagged(publisher: ShmPublisher, writer: FakeWriter) -> None:
    publisher.publish([(held(is_stale=True), SCORE)])
    assert writer.batches[0][0][1]["flags"] == Flag.CONFIDENCE_PRESENT | Flag.STALE


def test_confirmed_rows_trickle_with_the_heartbeat_and_say_that_nothing_changed(
    publisher: ShmPublisher, writer: FakeWriter
) -> None:
    quotes = [(held(row=row), SCORE) for row in range(300)]
    publisher.publish(quotes)
    publisher.confirm(quotes)
    publisher.confirm(quotes)
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
    publisher.publish([(held(), SCORE)])
    publisher.confirm([(held(), SCORE)])
    publisher.publish([(held(1), SCORE)])
    publisher.beat()
    assert [batch[0][1]["output_amount"] for batch in writer.batches] == [140_000_000, 1]


def test_row_given_back_frees_its_entry(publisher: ShmPublisher, writer: FakeWriter) -> None:
    publisher.publish([(held(), SCORE)])
    publisher.confirm([(held(), SCORE)])
    publisher.row_removed(0, KEY)
    publisher.beat()
    assert writer.assigned == {}
    assert len(writer.batches) == 1


def test_row_given_another_meaning_gets_its_new_pair_with_its_next_quote(
    publisher: ShmPublisher, writer: FakeWriter
) -> None:
    publisher.publish([(held(), SCORE)])
    publisher.row_added(0, QuoteKey(SOL, MSOL, 5))
    assert writer.assigned == {}
    publisher.publish([(held(key=QuoteKey(SOL, MSOL, 5)), SCORE)])
    assert len(writer.assigned) == 1


@pytest.mark.parametrize(
    ("new", "kind"),
    [
        (held(), 0),
        (held(1), ChangeKind.AMOUNTS),
        (held(key=QuoteKey(SOL, USDC, 1)), ChangeKind.AMOUNTS),
        (held(oracle_price=None), ChangeKind.ORACLE),
        (held(route_id=1), ChangeKind.ROUTE),
        (held(is_stale=True), ChangeKind.FLAGS),
        (held(1, route_id=1), ChangeKind.AMOUNTS | ChangeKind.ROUTE),
    ],
)
def test_kind_names_what_differs(new: object, kind: int) -> None:
    assert change_kind(held(), new) == kind  # type: ignore[arg-type]  # a held quote
