import asyncio
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shm import (
    ENTRY_COUNT,
    BatchFull,
    Flag,
    HandleState,
    IndexOutOfRange,
    InvalidMint,
    Liveness,
    NoQuote,
    NotThereYet,
    QuoteReader,
    QuoteWriter,
    Retired,
    Role,
    WrongOwner,
    WrongSize,
)

A, B, C, D = (bytes([number]) * 32 for number in range(1, 5))
Publish = Callable[..., None]


def until(condition: Callable[[], bool], *, timeout_s: float = 5.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "condition did not come true"


def test_handle_shows_every_field_of_the_published_quote(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    fields = {
        "input_amount": 1_000_000_000,
        "output_amount": 2**64 - 1,
        "ts_ns": 1_790_000_000_000_000_001,
        "oracle_price": 139.5,
        "route_id": 2**63 + 5,
        "slot": 2**32 - 1,
        "dex_id": 65_535,
        "source": 255,
        "price_impact_ppm": 2**32 - 2,
        "confidence_bps": 9_876,
        "ttl_slots": 3,
    }
    writer.assign(7, A, B)
    publish(7, **fields, flags=Flag.CONFIDENCE_PRESENT)
    handle = reader.handle(A, B, 1_000_000_000)
    assert handle
    assert {name: getattr(handle, name) for name in fields} == fields
    assert (handle.index, handle.input_mint, handle.output_mint) == (7, A, B)
    assert handle.flags == Flag.VALID | Flag.ORACLE_PRESENT | Flag.CONFIDENCE_PRESENT
    assert handle.price == (2**64 - 1) / 1_000_000_000
    assert handle.confidence == 0.9876
    quote = handle.quote()
    assert {name: getattr(quote, name) for name in fields} == fields


def test_handle_keeps_its_quote_until_it_is_read_again(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(0, A, B)
    publish(0, output_amount=5)
    handle = reader.handle(A, B, 1_000)
    kept = handle.fresh()
    publish(0, output_amount=6)
    assert handle.output_amount == 5
    assert handle.refresh()
    assert handle.output_amount == 6
    assert kept.output_amount == 5


def test_handle_of_another_amount_or_direction_finds_nothing(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(0, A, B)
    publish(0)
    for wanted in ((A, B, 999), (B, A, 1_000), (A, C, 1_000)):
        handle = reader.handle(*wanted)
        assert not handle
        assert handle.state is HandleState.NO_ENTRY
        with pytest.raises(NoQuote):
            _ = handle.price
        with pytest.raises(NoQuote):
            handle.fresh()


def test_assigned_entry_is_not_valid_until_published(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(0, A, B)
    handle = reader.handle(A, B, 1_000)
    assert not handle
    publish(0)
    assert handle


def test_handle_lets_go_when_its_entry_is_given_to_another_pair(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(0, A, B)
    publish(0)
    handle = reader.handle(A, B, 1_000)
    assert handle
    assert writer.assign(0, C, D)
    publish(0)
    assert not handle
    writer.assign(1, A, B)
    publish(1)
    assert handle
    assert handle.index == 1


def test_assigning_the_same_pair_again_keeps_handles_and_quote(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(0, A, B)
    publish(0)
    handle = reader.handle(A, B, 1_000)
    version = handle.version
    assert not writer.assign(0, A, B)
    assert handle
    assert handle.version == version


def test_retired_row_is_zeroed_and_no_longer_found(writer: QuoteWriter, reader: QuoteReader, publish: Publish) -> None:
    writer.assign(0, A, B)
    publish(0)
    handle = reader.handle(A, B, 1_000)
    writer.retire_row(0)
    assert not handle
    quote = reader.quote(0)
    assert (quote.input_mint, quote.output_mint, quote.flags) == (bytes(32), bytes(32), Flag(0))


def test_stale_quote_is_shown_but_never_true(writer: QuoteWriter, reader: QuoteReader, publish: Publish) -> None:
    writer.assign(0, A, B)
    publish(0, output_amount=77)
    handle = reader.handle(A, B, 1_000)
    assert writer.mark_stale(0)
    assert not writer.mark_stale(0)
    assert not handle
    assert handle.state is HandleState.STALE
    assert handle.output_amount == 77
    publish(0, output_amount=78)
    assert handle


def test_poll_names_what_changed_and_then_nothing(writer: QuoteWriter, reader: QuoteReader, publish: Publish) -> None:
    for index in range(3):
        writer.assign(index, A, B)
    assert list(reader.poll()) == [0, 1, 2]
    assert not reader.poll()
    publish(2)
    publish(0)
    publish(2)
    assert list(reader.poll()) == [2, 0]
    assert len(reader.poll()) == 0


@pytest.mark.parametrize("count", [511, 512, 513, 10_000])
def test_lapped_reader_ends_with_what_the_writer_wrote(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish, count: int
) -> None:
    rows = 50
    for index in range(rows):
        writer.assign(index, A, B)
    reader.poll()
    written: dict[int, int] = {}
    for number in range(count):
        index = number * 7 % rows
        publish(index, output_amount=number)
        written[index] = number
    changed = set(reader.poll())
    assert changed == set(written)
    assert {index: reader.view(index).output_amount for index in changed} == written
    assert not reader.poll()


def test_batch_is_announced_and_emptied(writer: QuoteWriter, reader: QuoteReader) -> None:
    batch = writer.batch()
    for index in range(600):
        batch.put(index, input_amount=1, output_amount=index, ts_ns=index)
    with pytest.raises(IndexOutOfRange):
        batch.put(ENTRY_COUNT, input_amount=1, output_amount=1, ts_ns=1)
    for index in range(600):
        writer.assign(index, A, B)
    reader.poll()
    assert writer.publish_batch(batch) == 600
    assert len(batch) == 0
    assert set(reader.poll()) == set(range(600))
    assert reader.quote(599).output_amount == 599


def test_batch_has_room_for_every_entry_and_no_more(writer: QuoteWriter) -> None:
    batch = writer.batch()
    for index in range(ENTRY_COUNT):
        batch.put(index, input_amount=1, output_amount=1, ts_ns=1)
    with pytest.raises(BatchFull):
        batch.put(0, input_amount=1, output_amount=1, ts_ns=1)


def test_cycle_multiplies_the_legs_of_one_moment(writer: QuoteWriter, reader: QuoteReader, publish: Publish) -> None:
    for index, (pair, bought) in enumerate(((A + B, 2_000), (B + C, 500), (C + A, 1_100))):
        writer.assign(index, pair[:32], pair[32:])
        publish(index, output_amount=bought)
    legs = [reader.handle(A, B, 1_000), reader.handle(B, C, 1_000), reader.handle(C, A, 1_000)]
    assert reader.cycle(*legs) == pytest.approx(1.1)
    assert reader.cycle(legs[0], legs[1]) == pytest.approx(1.0)
    writer.mark_stale(1)
    assert math.isnan(reader.cycle(*legs))


def test_cycle_spans_both_files(directory: Path, writer: QuoteWriter, reader: QuoteReader, publish: Publish) -> None:
    writer.assign(0, A, B)
    publish(0, output_amount=2_000)
    with QuoteWriter.open(directory, Role.EXTERNAL) as external:
        external.assign(0, B, A)
        external.publish(0, input_amount=1_000, output_amount=600, ts_ns=1)
        back = reader.handle(B, A, 1_000)
        until(back.refresh)
        assert back.index == ENTRY_COUNT
        assert reader.cycle(reader.handle(A, B, 1_000), back) == pytest.approx(1.2)


def test_iteration_and_snapshot_span_both_files(
    directory: Path, writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(3, A, B)
    publish(3, output_amount=33)
    with QuoteWriter.open(directory, Role.EXTERNAL) as external:
        external.assign(1, A, B)
        external.publish(1, input_amount=1_000, output_amount=44, ts_ns=1)
        until(lambda: reader.liveness(Role.EXTERNAL) is Liveness.LIVE)
        assert [(quote.index, quote.role, quote.output_amount) for quote in reader] == [
            (3, Role.INTERNAL, 33),
            (ENTRY_COUNT + 1, Role.EXTERNAL, 44),
        ]
        rows = reader.snapshot()
        assert len(rows) == ENTRY_COUNT + 2
        assert rows["output_amount"][[3, ENTRY_COUNT + 1]].tolist() == [33, 44]
        assert rows["input_mint"][3].tobytes() == A
        assert reader.handle(A, B, 1_000).output_amount == 33
        assert reader.handle(A, B, 1_000, role=Role.EXTERNAL).output_amount == 44


def test_snapshot_of_an_empty_table_has_no_rows_and_unused_ones_are_zero(
    directory: Path, writer: QuoteWriter, reader: QuoteReader
) -> None:
    assert len(reader.snapshot()) == 0
    writer.assign(4, A, B)
    with QuoteWriter.open(directory, Role.EXTERNAL) as external:
        external.assign(2, A, B)
        until(lambda: reader.liveness(Role.EXTERNAL) is Liveness.LIVE)
        rows = reader.snapshot()
        assert len(rows) == ENTRY_COUNT + 3
        assert np.flatnonzero(rows["version"]).tolist() == [4, ENTRY_COUNT + 2]
        assert rows[5:ENTRY_COUNT].tobytes() == bytes((ENTRY_COUNT - 5) * 128)


def test_wait_returns_at_once_with_news_and_false_without(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(0, A, B)
    assert reader.wait(5.0)
    reader.poll()
    assert not reader.wait(0.01)
    publish(0)
    assert reader.wait(5.0)


async def test_changes_follow_the_writer(writer: QuoteWriter, reader: QuoteReader, publish: Publish) -> None:
    writer.assign(0, A, B)
    writer.assign(1, A, C)
    changes = reader.changes()
    assert await anext(changes) == (0, 1)
    publish(1)
    assert await anext(changes) == (1,)
    await changes.aclose()  # type: ignore[attr-defined]  # it is a generator


async def test_changes_end_with_the_error_that_ends_the_watching(directory: Path) -> None:
    reader = QuoteReader.open(directory)
    changes = reader.changes()
    first = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    (directory / "quotes-internal.mmap").write_bytes(b"no table")
    with pytest.raises(WrongSize, match="8 bytes instead of 288832"):
        await first
    reader.close()


def test_reader_opened_first_attaches_when_the_writer_comes(directory: Path) -> None:
    with QuoteReader.open(directory / "later") as quotes:
        handle = quotes.handle(A, B, 1_000)
        assert quotes.liveness(Role.INTERNAL) is Liveness.ABSENT
        with pytest.raises(NotThereYet):
            quotes.view(0)
        with QuoteWriter.open(directory / "later", Role.INTERNAL) as writer:
            writer.assign(0, A, B)
            writer.publish(0, input_amount=1_000, output_amount=3, ts_ns=1)
            until(handle.refresh)
        assert handle.output_amount == 3


def test_index_out_of_range_is_refused(reader: QuoteReader) -> None:
    with pytest.raises(IndexOutOfRange):
        reader.view(2 * ENTRY_COUNT)


@pytest.mark.parametrize("mint", ["", "abc", b"short", "0" * 44, "1" * 45, "z" * 44])
def test_what_is_no_mint_is_refused(reader: QuoteReader, mint: str | bytes) -> None:
    with pytest.raises(InvalidMint):
        reader.handle(mint, B, 1)


def test_closed_reader_lets_go_of_its_handles_and_does_not_wait(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(0, A, B)
    publish(0)
    handle = reader.handle(A, B, 1_000)
    assert handle
    reader.close()
    assert not handle
    assert not reader.wait()
    with pytest.raises(NotThereYet):
        reader.view(0)


def test_handle_of_a_removed_file_says_retired(writer: QuoteWriter, reader: QuoteReader, publish: Publish) -> None:
    writer.assign(0, A, B)
    publish(0)
    handle = reader.handle(A, B, 1_000)
    writer.path.unlink()
    until(lambda: not handle)
    with pytest.raises(Retired, match="attaches to the next one"):
        handle.fresh()


def test_table_planted_by_another_user_is_refused(directory: Path) -> None:
    QuoteWriter.open(directory, Role.INTERNAL).close()
    path = directory / Role.INTERNAL.file_name
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(path, 12_345, -1)
    QuoteReader.open(directory).close()
    directory.chmod(0o1777)
    with pytest.raises(WrongOwner, match="do not trust it"):
        QuoteReader.open(directory)


def test_fresh_objects_of_the_same_content_are_equal(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(0, A, B)
    publish(0)
    first, second = reader.quote(0), reader.quote(0)
    assert first == second
    assert hash(first) == hash(second)
    publish(0)
    assert reader.quote(0) != first
    assert first != object()
    assert repr(first).startswith("Quote(0: 1000 of 4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi -> 2000 of ")


def test_changed_indexes_are_a_sequence_and_a_buffer(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    for index in (5, 7):
        writer.assign(index, A, B)
        publish(index, output_amount=index)
    changed = reader.poll()
    assert (len(changed), changed[0], changed[-1], repr(changed)) == (2, 5, 7, "Changed([5, 7])")
    with pytest.raises(IndexError):
        _ = changed[2]
    view = memoryview(changed)
    assert (view.format, view.readonly, view.tolist()) == ("H", True, [5, 7])
    assert reader.snapshot()["output_amount"][np.asarray(changed)].tolist() == [5, 7]
