"""Tables of other counts than the layout's, through the SDK."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from fakes.waiting import until

from shm import (
    CONTRACT,
    ENTRY_COUNT,
    BatchFull,
    ImpossibleCounts,
    IndexOutOfRange,
    Liveness,
    NotThereYet,
    QuoteReader,
    QuoteWriter,
    Role,
    State,
    TableCounts,
    WrongCounts,
    layout,
    reference,
    verify,
)
from shm.mapping import Mapping

A, B, C = (bytes([number]) * 32 for number in range(1, 4))
COUNTS = TableCounts(5_000, 1_024)
LAST = COUNTS.entries - 1
FIRST_INDEX, FIRST_EXTERNAL = 65_536, 131_072


def header(path: Path) -> dict[str, int]:
    return reference.decode_record(layout.HEADER, Mapping.read_only(path).header(), 0)


def beating(*writers: QuoteWriter) -> bool:
    for writer in writers:
        writer.beat()
    return True


def fill(writer: QuoteWriter, row: int, output_amount: int = 5) -> None:
    writer.assign(row, A, B)
    writer.publish(row, input_amount=1_000, output_amount=output_amount, ts_ns=1)


def test_a_file_says_its_counts_in_a_second_header_line(directory: Path) -> None:
    with QuoteWriter.open(directory, counts=COUNTS) as writer:
        assert writer.counts == COUNTS
        image = writer.path.read_bytes()
        assert len(image) == COUNTS.file_bytes == 128 + 64 * 1_024 + 128 * 5_000
        found = header(writer.path)
        assert (found["magic"], found["layout_crc"]) == (layout.SIZED_MAGIC, layout.SIZED_LAYOUT_CRC)
        assert (found["epoch"], found["state"], found["writer_pid"]) == (1, State.LIVE, os.getpid())
        assert image[64:72] == (5_000).to_bytes(4, "little") + (1_024).to_bytes(4, "little")
        assert image[72:128] == bytes(56)


def test_the_default_is_the_layout_byte_for_byte(directory: Path) -> None:
    with QuoteWriter.open(directory / "named", counts=TableCounts(2_000, 512)) as named:
        with QuoteWriter.open(directory / "not-named") as writer:
            images = [one.path.read_bytes() for one in (named, writer)]
        assert len(images[0]) == len(images[1]) == 288_832
        assert images[0][:16] == images[1][:16] == b"SOLQUOTE" + bytes([1, 0, 0, 0]) + bytes.fromhex("5ff0049b")
        assert images[0][64:] == images[1][64:] == bytes(288_832 - 64)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (TableCounts(0), "entries of a table must be 1 to 65535, got 0"),
        (TableCounts(65_536), "entries of a table must be 1 to 65535, got 65536"),
        (TableCounts(2_000, 513), "slots of a table must be a power of two, 512 to 65536, got 513"),
        (TableCounts(2_000, 256), "slots of a table must be a power of two, 512 to 65536, got 256"),
    ],
)
def test_counts_that_no_table_has_are_refused_before_anything_is_made(
    directory: Path, counts: TableCounts, message: str
) -> None:
    with pytest.raises(ImpossibleCounts, match=message):
        QuoteWriter.open(directory / "made", counts=counts)
    assert not (directory / "made").exists()


@pytest.mark.parametrize("other", [CONTRACT, TableCounts(5_000, 512), TableCounts(6_000, 1_024)])
def test_a_file_of_other_counts_is_replaced_not_resized(directory: Path, other: TableCounts) -> None:
    with QuoteWriter.open(directory, counts=COUNTS) as writer:
        fill(writer, LAST)
        path = writer.path
    before = Mapping.read_only(path)
    with QuoteWriter.open(directory, counts=other) as writer:
        old = reference.decode_record(layout.HEADER, before.header(), 0)
        assert old["state"] == State.RETIRED
        assert before.liveness() is Liveness.RETIRED
        assert before.counts == COUNTS
        found = header(path)
        assert (found["epoch"], found["used"], found["state"]) == (1, 0, State.LIVE)
        assert path.stat().st_size == other.file_bytes
        assert list(directory.iterdir()) == [path]
        assert verify(path) == []


def test_a_killed_writers_quotes_are_stale_before_its_file_is_replaced(directory: Path) -> None:
    child = os.fork()
    if not child:
        fill(QuoteWriter.open(directory, counts=COUNTS), LAST)
        os._exit(0)
    os.waitpid(child, 0)
    with QuoteReader.open(directory) as reader:
        handle = reader.handle(A, B, 1_000)
        with QuoteWriter.open(directory):
            assert not handle
            assert list(reader) == []
            assert reader.counts(Role.INTERNAL) == CONTRACT


def test_a_restart_with_the_same_counts_takes_the_file_over(directory: Path) -> None:
    with QuoteWriter.open(directory, counts=COUNTS) as writer:
        fill(writer, LAST)
        before = header(writer.path)
    with QuoteWriter.open(directory, counts=COUNTS) as writer, QuoteReader.open(directory) as reader:
        after = header(writer.path)
        assert after["epoch"] == before["epoch"] + 1
        assert after["head"] > before["head"] + COUNTS.slots
        assert not writer.assign(LAST, A, B)
        assert reader.quote(FIRST_INDEX + LAST).is_stale


@pytest.mark.parametrize("act", ["replace", "remove", "write over"])
def test_a_file_that_is_made_again_has_the_same_counts_and_content(directory: Path, act: str) -> None:
    with QuoteWriter.open(directory, counts=COUNTS) as writer, QuoteReader.open(directory) as reader:
        fill(writer, LAST)
        handle = reader.handle(A, B, 1_000)
        if act == "replace":
            writer.replace()
        elif act == "remove":
            writer.path.unlink()
            writer.beat()
        else:
            with writer.path.open("r+b") as file:
                file.seek(64)
                file.write((4_999).to_bytes(4, "little"))
            writer.beat()
        reader.attach()
        assert writer.counts == reader.counts(Role.INTERNAL) == COUNTS
        until(lambda: beating(writer) and handle.refresh())
        assert (handle.index, handle.output_amount) == (FIRST_INDEX + LAST, 5)
        assert list(reader.poll()) == [FIRST_INDEX + LAST]
        assert verify(writer.path) == []


def test_what_the_header_says_later_moves_no_address(directory: Path) -> None:
    with QuoteWriter.open(directory, counts=COUNTS) as writer, QuoteReader.open(directory) as reader:
        fill(writer, LAST)
        with writer.path.open("r+b") as file:
            file.seek(64)
            file.write((65_535).to_bytes(4, "little") + (65_536).to_bytes(4, "little"))
        fill(writer, 0, 7)
        assert list(reader.poll()) == [FIRST_INDEX, FIRST_INDEX + LAST]
        assert reader.quote(FIRST_INDEX + LAST).output_amount == 5
        assert reader.snapshot()["output_amount"][[FIRST_INDEX, FIRST_INDEX + LAST]].tolist() == [7, 5]


def test_a_header_that_says_what_no_table_has_is_refused_by_field_and_rule(directory: Path) -> None:
    with QuoteWriter.open(directory, counts=COUNTS) as writer:
        image = bytearray(writer.path.read_bytes())
    image[68:72] = (1_000).to_bytes(4, "little")
    writer.path.write_bytes(image)
    with pytest.raises(WrongCounts, match="says it has 1000 slots, which must be a power of two"):
        QuoteReader.open(directory)


def test_entries_of_other_counts_are_numbered_apart(directory: Path) -> None:
    with (
        QuoteWriter.open(directory, Role.INTERNAL, counts=COUNTS) as internal,
        QuoteWriter.open(directory, Role.EXTERNAL, counts=COUNTS) as external,
        QuoteReader.open(directory) as reader,
    ):
        fill(internal, LAST, 33)
        fill(external, 1, 44)
        assert (reader.first_index(Role.INTERNAL), reader.first_index(Role.EXTERNAL)) == (FIRST_INDEX, FIRST_EXTERNAL)
        told = reader.poll_changes()
        expected = [(FIRST_INDEX + LAST, Role.INTERNAL, 33), (FIRST_EXTERNAL + 1, Role.EXTERNAL, 44)]
        assert [(change.index, change.role, change.output_amount) for change in told] == expected
        assert np.asarray(told)["index"].tolist() == [index for index, *_ in expected]
        assert [(quote.index, quote.role, quote.output_amount) for quote in reader] == expected
        rows = reader.snapshot()
        assert len(rows) == FIRST_EXTERNAL + 2
        assert np.flatnonzero(rows["version"]).tolist() == [index for index, *_ in expected]
        quote = pickle.loads(pickle.dumps(reader.quote(FIRST_EXTERNAL + 1)))
        assert (quote.role, quote.index) == (Role.EXTERNAL, FIRST_EXTERNAL + 1)
        legs = reader.handle(A, B, 1_000, role=Role.INTERNAL), reader.handle(A, B, 1_000, role=Role.EXTERNAL)
        until(lambda: beating(internal, external) and reader.cycle(*legs) == pytest.approx(0.033 * 0.044))
        (listed,) = reader.pairs()
        assert (listed.internal_amounts, listed.external_amounts) == ((1_000,), (1_000,))


def test_files_of_different_counts_are_read_side_by_side(directory: Path) -> None:
    with (
        QuoteWriter.open(directory, Role.INTERNAL, counts=COUNTS) as internal,
        QuoteWriter.open(directory, Role.EXTERNAL) as external,
        QuoteReader.open(directory) as reader,
    ):
        fill(internal, 3, 33)
        fill(external, 3, 44)
        changed = reader.poll()
        assert list(changed) == [FIRST_INDEX + 3, ENTRY_COUNT + 3]
        assert [reader.view(index).output_amount for index in changed] == [33, 44]
        assert reader.snapshot()[changed]["output_amount"].tolist() == [33, 44]


def test_indexes_are_a_buffer_of_32_bits_only_where_a_file_is_of_other_counts(directory: Path) -> None:
    with QuoteReader.open(directory) as reader:
        with QuoteWriter.open(directory) as writer:
            fill(writer, 1_999)
            reader.attach()
            narrow = memoryview(reader.poll())
            assert (narrow.format, narrow.tolist()) == ("H", [1_999])
            with QuoteWriter.open(directory, Role.EXTERNAL, counts=COUNTS) as external:
                fill(external, LAST)
                reader.attach()
                wide = memoryview(reader.poll())
                assert (wide.format, wide.tolist()) == ("I", [FIRST_EXTERNAL + LAST])
                assert narrow.tolist() == [1_999]  # what a poll returned stays in its place
        with QuoteWriter.open(directory, Role.EXTERNAL):
            reader.attach()
            assert memoryview(reader.poll()).format == "H"


def test_indexes_that_no_entry_has_are_refused(directory: Path) -> None:
    with QuoteWriter.open(directory, counts=COUNTS), QuoteReader.open(directory) as reader:
        for index in (0, 1_999, FIRST_INDEX + COUNTS.entries, FIRST_EXTERNAL - 1):
            with pytest.raises(IndexOutOfRange, match="use 65536 to 70535"):
                reader.view(index)
        for index in (4_000, FIRST_INDEX - 1, 3 * 65_536, 2**32 - 1):
            with pytest.raises(IndexOutOfRange):
                reader.view(index)
        for index in (2_000, FIRST_EXTERNAL):
            with pytest.raises(NotThereYet):
                reader.view(index)


def test_rows_beyond_the_table_are_refused_by_the_writer(directory: Path) -> None:
    with QuoteWriter.open(directory, counts=COUNTS) as writer:
        for refused in (
            lambda: writer.assign(COUNTS.entries, A, B),
            lambda: writer.retire_row(COUNTS.entries),
            lambda: writer.mark_stale(COUNTS.entries),
            lambda: writer.draft(COUNTS.entries, input_amount=1, output_amount=1, ts_ns=1),
            lambda: writer.publish(COUNTS.entries, input_amount=1, output_amount=1, ts_ns=1),
        ):
            with pytest.raises(IndexOutOfRange, match="use 0 to 4999"):
                refused()
        assert header(writer.path)["head"] == 0


def test_what_was_prepared_for_a_larger_table_is_refused(directory: Path) -> None:
    with (
        QuoteWriter.open(directory, Role.EXTERNAL, counts=COUNTS) as large,
        QuoteWriter.open(directory) as small,
    ):
        draft = large.draft(LAST, input_amount=1, output_amount=1, ts_ns=1)
        batch = large.batch()
        batch.put(LAST, input_amount=1, output_amount=1, ts_ns=1)
        with pytest.raises(IndexOutOfRange):
            small.publish_quietly(draft)
        with pytest.raises(IndexOutOfRange):
            small.publish_batch(batch)
        assert len(batch) == 0
        assert header(small.path)["head"] == 0


def test_a_batch_has_room_for_every_entry_and_no_more(directory: Path) -> None:
    with QuoteWriter.open(directory, counts=COUNTS) as writer, QuoteReader.open(directory) as reader:
        writer.assign(LAST, A, B)
        reader.poll()
        batch = writer.batch()
        for row in range(COUNTS.entries):
            batch.put(row, input_amount=1, output_amount=row + 1, ts_ns=1)
        with pytest.raises(BatchFull):
            batch.put(0, input_amount=1, output_amount=1, ts_ns=1)
        assert writer.publish_batch(batch) == COUNTS.entries
        assert len(reader.poll()) == COUNTS.entries
        assert reader.scan_count == 2  # the first poll, and a batch longer than the ring


def test_the_ring_of_other_counts_laps_at_its_own_length(directory: Path) -> None:
    with QuoteWriter.open(directory, counts=COUNTS) as writer, QuoteReader.open(directory) as reader:
        fill(writer, LAST)
        draft = writer.draft(LAST, input_amount=1_000, output_amount=9, ts_ns=1)
        reader.poll()
        for times, scans in ((COUNTS.slots, 1), (COUNTS.slots + 1, 2)):
            for _ in range(times):
                writer.publish_quietly(draft)
            assert list(reader.poll()) == [FIRST_INDEX + LAST]
            assert reader.scan_count == scans
