import asyncio
import contextlib
import math
import os
import pickle
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fakes.waiting import until

from shm import (
    ENTRY,
    ENTRY_COUNT,
    BatchFull,
    ChangeKind,
    DirectoryUnsafe,
    Flag,
    Handle,
    HandleState,
    IndexOutOfRange,
    InvalidMint,
    ListedPair,
    Liveness,
    NoQuote,
    NotATable,
    NotThereYet,
    QuoteReader,
    QuoteWriter,
    Retired,
    Role,
    State,
    WrongOwner,
    WrongSize,
    follow_changes,
    verify,
)
from shm.base58 import mint_text

A, B, C, D = (bytes([number]) * 32 for number in range(1, 5))
Publish = Callable[..., None]


def test_handle_shows_every_field_of_the_published_quote(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    fields = {
        "input_amount": 1_000_000_000,
        "output_amount": 2**63 - 1,
        "ts_ns": 1_790_000_000_000_000_001,
        "oracle_price": 139.5,
        "route_id": 2**63 + 5,
        "slot": 2**32 - 1,
        "dex_id": 65_535,
        "source": 255,
        "price_impact_ppm": 999_999,
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
    assert handle.price == (2**63 - 1) / 1_000_000_000
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
        publish(index, output_amount=1 + number)
        written[index] = 1 + number
    changed = set(reader.poll())
    assert changed == set(written)
    assert {index: reader.view(index).output_amount for index in changed} == written
    assert not reader.poll()


def test_changes_come_with_the_values_of_the_last_write_and_the_kinds_of_all(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    fields = {
        "input_amount": 1_000_000_000,
        "output_amount": 2**63 - 1,
        "ts_ns": 1_790_000_000_000_000_001,
        "route_id": 2**63 + 5,
        "slot": 2**32 - 1,
        "source": 255,
        "price_impact_ppm": 999_999,
    }
    for index in (7, 9):
        writer.assign(index, A, B)
        publish(index)
    reader.poll()
    publish(7, kind=ChangeKind.ORACLE)
    publish(9, kind=ChangeKind.FLAGS)
    publish(7, kind=ChangeKind.AMOUNTS | ChangeKind.ROUTE, **fields)
    changes = reader.poll_changes()
    assert [(change.index, change.kinds) for change in changes] == [
        (7, ChangeKind.ORACLE | ChangeKind.AMOUNTS | ChangeKind.ROUTE),
        (9, ChangeKind.FLAGS),
    ]
    first = changes[0]
    assert {name: getattr(first, name) for name in fields} == fields
    assert (first.role, first.flags, first.has_values) == (Role.INTERNAL, Flag.VALID, True)
    assert first.version == reader.quote(7).version
    assert repr(first).startswith("Change(7: 1000000000 -> 9223372036854775807, <ChangeKind.AMOUNTS|ORACLE|ROUTE")
    rows = np.asarray(changes)
    assert rows["index"].tolist() == [7, 9]
    assert rows["output_amount"].tolist() == [2**63 - 1, 2_000]
    assert (len(reader.poll_changes()), bool(changes)) == (0, False)
    assert first.output_amount == 2**63 - 1


def test_changes_found_by_a_scan_are_of_everything_and_read_from_the_entry(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish, directory: Path
) -> None:
    for index in range(3):
        writer.assign(index, A, B)
        publish(index, output_amount=10 + index)
    with QuoteWriter.open(directory, Role.EXTERNAL) as other:
        other.assign(1, A, B)
        other.publish(1, input_amount=1_000, output_amount=44, ts_ns=1)
        reader.attach()
        assert [
            (change.index, change.role, change.kinds, change.output_amount) for change in reader.poll_changes()
        ] == [
            (0, Role.INTERNAL, ChangeKind.EVERYTHING, 10),
            (1, Role.INTERNAL, ChangeKind.EVERYTHING, 11),
            (2, Role.INTERNAL, ChangeKind.EVERYTHING, 12),
            (ENTRY_COUNT + 1, Role.EXTERNAL, ChangeKind.EVERYTHING, 44),
        ]
    for number in range(513):
        publish(number % 2, output_amount=1_000 + number)
    lapped = {change.index: (change.kinds, change.output_amount) for change in reader.poll_changes()}
    assert lapped[0] == (ChangeKind.EVERYTHING, 1_512)
    assert lapped[1] == (ChangeKind.EVERYTHING, 1_511)
    assert 2 not in lapped


def test_what_one_sort_of_poll_has_told_the_other_does_not_tell_again(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(0, A, B)
    assert list(reader.poll()) == [0]
    assert not reader.poll_changes()
    publish(0)
    assert [change.index for change in reader.poll_changes()] == [0]
    assert not reader.poll()


def test_changes_are_values_of_their_own(writer: QuoteWriter, reader: QuoteReader, publish: Publish) -> None:
    writer.assign(0, A, B)
    changes = reader.poll_changes()
    assert changes[0] == changes[-1]
    assert hash(changes[0]) == hash(changes[-1])
    before = changes[0]
    publish(0)
    reader.poll_changes()
    assert changes[0] != before
    assert before != object()
    with pytest.raises(IndexError):
        _ = changes[1]
    assert memoryview(changes).readonly


def test_pairs_are_listed_with_the_amounts_of_both_files(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish, directory: Path
) -> None:
    assert reader.pairs() == []
    for index, pair in ((0, (B, A)), (1, (A, B)), (2, (A, B)), (3, (A, C)), (4, (C, D))):
        writer.assign(index, *pair)
    publish(0)
    publish(1, input_amount=5_000)
    publish(2, input_amount=7)
    writer.mark_stale(2)
    writer.retire_row(4)
    with QuoteWriter.open(directory, Role.EXTERNAL) as other:
        for index, pair in ((0, (A, B)), (1, (D, A))):
            other.assign(index, *pair)
            other.publish(index, input_amount=7, output_amount=1, ts_ns=1)
        reader.attach()
        pairs = reader.pairs()
    assert pairs == [
        ListedPair(B, A, (1_000,), ()),
        ListedPair(A, B, (7, 5_000), (7,)),
        ListedPair(A, C, (), ()),
        ListedPair(D, A, (), (7,)),
    ]
    assert pairs[0].pair == (mint_text(B), mint_text(A))
    assert reader.handle(*pairs[1].pair, pairs[1].internal_amounts[1])


def test_batch_is_announced_and_emptied(writer: QuoteWriter, reader: QuoteReader) -> None:
    for index in range(600):
        writer.assign(index, A, B)
    reader.poll()
    batch = writer.batch()
    for index in range(600):
        batch.put(index, input_amount=1, output_amount=1 + index, ts_ns=1 + index)
    with pytest.raises(IndexOutOfRange):
        batch.put(ENTRY_COUNT, input_amount=1, output_amount=1, ts_ns=1)
    assert writer.publish_batch(batch) == 600
    assert len(batch) == 0
    assert set(reader.poll()) == set(range(600))
    assert reader.quote(599).output_amount == 600


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


def test_an_entry_first_met_in_mid_write_is_read_with_its_mints_even_in_generation_nought(
    directory: Path, writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(0, A, B)
    publish(0, output_amount=7)
    # After 65,536 identities the generation is 0 again, as if there had been none.
    with writer.path.open("r+b") as file:
        (version,) = struct.unpack("<Q", os.pread(file.fileno(), 8, ENTRY.offset))
        os.pwrite(file.fileno(), struct.pack("<Q", version % 2**48 + 1), ENTRY.offset)
        assert reader.snapshot()["flags"].tolist() == [Flag.STALE]
        os.pwrite(file.fileno(), struct.pack("<Q", version % 2**48 + 2), ENTRY.offset)
    row = reader.snapshot()[0]
    assert (row["output_amount"], row["input_mint"].tobytes(), row["output_mint"].tobytes()) == (7, A, B)


def test_wait_returns_at_once_with_news_and_false_without(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(0, A, B)
    assert reader.wait(60.0)
    reader.poll()
    assert not reader.wait(0.01)
    publish(0)
    assert reader.wait(60.0)


async def test_changes_follow_the_writer(writer: QuoteWriter, reader: QuoteReader, publish: Publish) -> None:
    writer.assign(0, A, B)
    writer.assign(1, A, C)
    changes = reader.changes()
    assert await anext(changes) == (0, 1)
    publish(1)
    assert await anext(changes) == (1,)
    await changes.aclose()  # type: ignore[attr-defined]  # it is a generator


async def test_changes_can_be_followed_with_their_kinds_and_values(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(0, A, B)
    writer.assign(1, A, C)
    publish(0, output_amount=10)
    async with contextlib.aclosing(follow_changes(reader)) as following:  # type: ignore[type-var]  # a generator
        first = await anext(following)
        assert [(change.index, change.kinds) for change in first] == [
            (0, ChangeKind.EVERYTHING),
            (1, ChangeKind.EVERYTHING),
        ]
        publish(0, output_amount=11, kind=ChangeKind.AMOUNTS)
        publish(1, output_amount=20, kind=ChangeKind.ORACLE)
        publish(0, output_amount=12, kind=ChangeKind.ROUTE)
        (of_first, of_second) = await anext(following)
        assert (of_first.index, of_first.output_amount) == (0, 12)
        assert of_first.kinds == ChangeKind.AMOUNTS | ChangeKind.ROUTE
        assert (of_second.index, of_second.output_amount, of_second.kinds) == (1, 20, ChangeKind.ORACLE)
        publish(1, output_amount=21, kind=ChangeKind.AMOUNTS)
        ((later),) = await anext(following)
        assert (later.index, later.output_amount) == (1, 21)
        assert first[0].output_amount == 10
    assert not [thread for thread in threading.enumerate() if thread.name == "quote-changes"]


async def test_changes_begun_before_the_writer_name_what_it_writes(directory: Path) -> None:
    reader = QuoteReader.open(directory)
    changes = reader.changes()
    first = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    with QuoteWriter.open(directory, Role.INTERNAL) as writer:
        writer.assign(0, A, B)
        assert await asyncio.wait_for(first, 60) == (0,)
        for output in range(1, 50):
            writer.publish(0, input_amount=1, output_amount=output, ts_ns=1)
            assert await asyncio.wait_for(anext(changes), 60) == (0,)
    await changes.aclose()  # type: ignore[attr-defined]  # it is a generator
    reader.close()


def test_a_bad_file_is_told_and_takes_nothing_from_the_other(directory: Path) -> None:
    with QuoteWriter.open(directory, Role.INTERNAL) as writer:
        writer.assign(0, A, B)
        writer.publish(0, input_amount=1_000, output_amount=5, ts_ns=1)
        external = directory / Role.EXTERNAL.file_name
        external.write_bytes(b"no table")
        with QuoteReader.open(directory) as quotes:
            assert quotes.handle(A, B, 1_000)
            assert isinstance(quotes.fault(Role.EXTERNAL), WrongSize)
            assert quotes.fault(Role.INTERNAL) is None
            external.unlink()
            external.symlink_to(directory / Role.INTERNAL.file_name)
            quotes.attach()
            assert isinstance(quotes.fault(Role.EXTERNAL), NotATable)
            external.unlink()
            external.mkdir()
            quotes.attach()
            assert isinstance(quotes.fault(Role.EXTERNAL), NotATable)
    external.rmdir()


def test_a_file_this_user_may_not_read_says_so(directory: Path) -> None:
    QuoteWriter.open(directory, Role.INTERNAL, mode=0o600).close()
    answer = subprocess.run(
        [sys.executable, "-c", READ_AS_SOMEBODY_ELSE, str(directory)], capture_output=True, text=True, check=False
    )
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    assert answer.stdout.strip() == "NotReadable", answer.stderr


READ_AS_SOMEBODY_ELSE = """
import os, sys
from pathlib import Path
from shm import NotReadable, QuoteReader
directory = Path(sys.argv[1])
directory.chmod(0o755)
os.setuid(54_321)
try:
    QuoteReader.open(directory, owner_uid=0)
except NotReadable:
    print("NotReadable")
"""


def test_a_directory_of_somebody_else_is_refused_by_reader_and_writer(directory: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give directories away")
    QuoteWriter.open(directory, Role.INTERNAL).close()
    for path in (directory, directory / Role.INTERNAL.file_name):
        os.chown(path, 12_345, -1)
    with pytest.raises(DirectoryUnsafe, match="12345"):
        QuoteReader.open(directory)
    with pytest.raises(DirectoryUnsafe, match="12345"):
        QuoteWriter.open(directory, Role.INTERNAL)
    QuoteReader.open(directory, owner_uid=12_345).close()
    os.chown(directory, 0, -1)
    with pytest.raises(WrongOwner, match="12345"):
        QuoteReader.open(directory)


@pytest.mark.parametrize("mode", [0o770, 0o757, 0o1777])
def test_a_directory_others_may_write_is_refused_by_reader_and_writer(directory: Path, mode: int) -> None:
    QuoteWriter.open(directory, Role.INTERNAL).close()
    directory.chmod(mode)
    with pytest.raises(DirectoryUnsafe, match="others than its owner"):
        QuoteReader.open(directory)
    with pytest.raises(DirectoryUnsafe, match="others than its owner"):
        QuoteWriter.open(directory, Role.INTERNAL)


def test_a_heartbeat_ahead_of_the_clock_asks_the_lock(directory: Path) -> None:
    with QuoteWriter.open(directory, Role.INTERNAL) as writer:
        writer.assign(0, A, B)
        writer.publish(0, input_amount=1_000, output_amount=5, ts_ns=1)
        path = writer.path
        image = bytearray(path.read_bytes())
    ten_days_ns = 10 * 86_400 * 1_000_000_000
    struct.pack_into("<Q", image, 40, time.monotonic_ns() + ten_days_ns)
    struct.pack_into("<B", image, 52, State.LIVE)
    struct.pack_into("<B", image, 32_832 + 55, Flag.VALID)  # as a killed writer leaves it
    path.write_bytes(image)
    with QuoteReader.open(directory) as quotes:
        handle = quotes.handle(A, B, 1_000)
        assert quotes.liveness(Role.INTERNAL) is Liveness.DEAD
        assert not handle
        assert handle.state is HandleState.NOT_LIVE
    assert [finding.where for finding in verify(path)] == ["header.heartbeat_ns"]


def test_a_reader_that_always_has_news_attaches_the_other_file(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish, directory: Path
) -> None:
    writer.assign(0, A, B)
    with QuoteWriter.open(directory, Role.EXTERNAL) as other:
        other.assign(0, A, C)
        deadline_s = time.monotonic() + 10
        named: set[int] = set()
        while ENTRY_COUNT not in named and time.monotonic() < deadline_s:
            publish(0)
            named.update(reader.poll())
        assert ENTRY_COUNT in named


def test_a_handle_for_either_file_goes_over_to_the_internal_quote(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish, directory: Path
) -> None:
    with QuoteWriter.open(directory, Role.EXTERNAL) as other:
        other.assign(0, A, B)
        other.publish(0, input_amount=1_000, output_amount=7, ts_ns=1)
        reader.attach()
        handle = reader.handle(A, B, 1_000)
        assert handle
        assert handle.role is Role.EXTERNAL
        writer.assign(0, A, B)
        publish(0, output_amount=8)
        until(lambda: bool(handle) and handle.role is Role.INTERNAL)
        assert handle.output_amount == 8


@pytest.mark.parametrize("kind", [Handle, QuoteReader, QuoteWriter])
def test_what_readers_and_writers_make_cannot_be_made_by_hand(kind: type[object]) -> None:
    with pytest.raises(TypeError):
        kind()


def test_a_quote_can_be_pickled(writer: QuoteWriter, reader: QuoteReader, publish: Publish) -> None:
    writer.assign(0, A, B)
    publish(0)
    quote = reader.quote(0)
    assert pickle.loads(pickle.dumps(quote)) == quote


def test_relative_paths_work(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(directory)
    with QuoteWriter.open(Path("here"), Role.INTERNAL) as writer, QuoteReader.open(Path("here")) as quotes:
        writer.assign(0, A, B)
        assert quotes.liveness(Role.INTERNAL) is Liveness.LIVE


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
