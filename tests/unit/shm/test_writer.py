import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.waiting import until

from shm import (
    DirectoryUnsafe,
    HandleState,
    ImpossibleQuote,
    IndexOutOfRange,
    InvalidMint,
    Liveness,
    NotWriting,
    OutdatedDraft,
    QuoteReader,
    QuoteWriter,
    Role,
    SecondWriter,
    State,
    layout,
    lock,
    reference,
    verify,
)
from shm.mapping import Mapping

A, B, C = (bytes([number]) * 32 for number in range(1, 4))
Publish = Callable[..., None]


def header(path: Path) -> dict[str, int]:
    return reference.decode_record(layout.HEADER, Mapping.read_only(path).header(), 0)


def test_new_file_is_complete_and_private(directory: Path) -> None:
    with QuoteWriter.open(directory / "made", Role.EXTERNAL) as writer:
        assert writer.path == directory / "made" / "quotes-external.mmap"
        assert stat.S_IMODE(writer.path.stat().st_mode) == 0o640
        assert stat.S_IMODE((directory / "made").stat().st_mode) == 0o750
        assert writer.path.stat().st_size == layout.FILE_BYTES
        assert list((directory / "made").iterdir()) == [writer.path]
        found = header(writer.path)
        assert (found["magic"], found["layout_crc"], found["epoch"]) == (layout.MAGIC, layout.LAYOUT_CRC, 1)
        assert (found["role"], found["state"], found["writer_pid"]) == (Role.EXTERNAL, State.LIVE, os.getpid())


def test_mode_can_be_narrower(directory: Path) -> None:
    with QuoteWriter.open(directory, Role.INTERNAL, mode=0o600) as writer:
        assert stat.S_IMODE(writer.path.stat().st_mode) == 0o600


def test_directory_everybody_can_write_to_is_refused(directory: Path) -> None:
    directory.chmod(0o777)
    with pytest.raises(DirectoryUnsafe):
        QuoteWriter.open(directory, Role.INTERNAL)


def test_second_writer_is_refused_until_the_first_is_gone(directory: Path, writer: QuoteWriter) -> None:
    with pytest.raises(SecondWriter):
        QuoteWriter.open(directory, Role.INTERNAL)
    QuoteWriter.open(directory, Role.EXTERNAL).close()
    writer.close()
    QuoteWriter.open(directory, Role.INTERNAL).close()


def test_closing_marks_every_quote_stale_and_says_closed(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(0, A, B)
    publish(0)
    handle = reader.handle(A, B, 1_000)
    assert handle
    path = writer.path
    writer.close()
    writer.close()
    assert not handle
    assert handle.state is HandleState.STALE
    assert reader.liveness(Role.INTERNAL) is Liveness.CLOSED
    assert header(path)["state"] == State.CLOSED
    with pytest.raises(NotWriting):
        writer.beat()


def test_next_writer_raises_the_epoch_and_laps_every_cursor(
    directory: Path, writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(0, A, B)
    publish(0, output_amount=5)
    reader.poll()
    before = header(writer.path)
    writer.close()
    with QuoteWriter.open(directory, Role.INTERNAL) as second:
        after = header(second.path)
        assert after["epoch"] == before["epoch"] + 1
        assert after["head"] > before["head"] + layout.SLOT.count
        assert after["head"] == after["intent"]
        assert after["used"] == 1
        assert list(reader.poll()) == [0]
        quote = reader.quote(0)
        assert quote.is_stale
        assert (quote.input_mint, quote.output_amount) == (A, 5)


def test_heartbeat_moves_with_each_beat(writer: QuoteWriter) -> None:
    first = header(writer.path)["heartbeat_ns"]
    writer.beat()
    assert header(writer.path)["heartbeat_ns"] > first


def test_late_heartbeat_makes_quotes_not_live(writer: QuoteWriter, reader: QuoteReader, publish: Publish) -> None:
    writer.assign(0, A, B)
    publish(0)
    handle = reader.handle(A, B, 1_000)
    assert handle
    until(lambda: not handle)
    assert handle.state is HandleState.NOT_LIVE
    assert reader.liveness(Role.INTERNAL) is Liveness.HUNG
    writer.beat()
    assert handle


def test_replacing_the_file_retires_the_old_one_and_readers_follow(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(0, A, B)
    publish(0, output_amount=5)
    handle = reader.handle(A, B, 1_000)
    reader.poll()
    old = Mapping.read_only(writer.path)
    writer.replace()
    assert old.liveness() is Liveness.RETIRED
    assert handle
    publish(0, output_amount=6)
    assert handle
    assert handle.output_amount == 6
    assert list(reader.poll()) == [0]
    assert reader.attach_count == 2
    with pytest.raises(SecondWriter):
        QuoteWriter.open(writer.path.parent, Role.INTERNAL)


def test_removed_file_is_made_again_with_the_same_content(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(0, A, B)
    publish(0, output_amount=5)
    handle = reader.handle(A, B, 1_000)
    writer.path.unlink()
    writer.beat()
    assert stat.S_IMODE(writer.path.stat().st_mode) == 0o640
    assert handle
    assert handle.output_amount == 5
    publish(0, output_amount=6)
    assert handle.refresh()
    assert handle.output_amount == 6


def test_writer_whose_place_was_taken_retires(directory: Path, writer: QuoteWriter) -> None:
    writer.path.unlink()
    with QuoteWriter.open(directory, Role.INTERNAL):
        with pytest.raises(NotWriting):
            writer.beat()
        assert not writer.is_open()


def test_draft_is_published_without_waking(writer: QuoteWriter, reader: QuoteReader) -> None:
    writer.assign(0, A, B)
    draft = writer.draft(0, input_amount=1_000, output_amount=1, ts_ns=1, slot=9)
    reader.poll()
    draft.output_amount, draft.ts_ns, draft.slot = 2, 3, 10
    writer.publish_quietly(draft)
    assert list(reader.poll()) == [0]
    quote = reader.quote(0)
    assert (quote.output_amount, quote.ts_ns, quote.slot) == (2, 3, 10)
    writer.wake()
    writer.close()
    with pytest.raises(NotWriting):
        writer.publish_quietly(draft)


def corrupt_magic(image: bytearray) -> None:
    image[0] ^= 1


def corrupt_major(image: bytearray) -> None:
    image[8] += 1


def corrupt_checksum(image: bytearray) -> None:
    image[12] ^= 1


def truncate(image: bytearray) -> None:
    del image[-1]


@pytest.mark.parametrize("damage", [corrupt_magic, corrupt_major, corrupt_checksum, truncate])
def test_file_of_another_layout_is_replaced_not_resized(directory: Path, damage: Callable[[bytearray], None]) -> None:
    QuoteWriter.open(directory, Role.INTERNAL).close()
    path = directory / Role.INTERNAL.file_name
    image = bytearray(path.read_bytes())
    damage(image)
    path.unlink()
    path.write_bytes(image)
    with path.open("rb") as before, QuoteWriter.open(directory, Role.INTERNAL) as writer:
        assert os.fstat(before.fileno()).st_nlink == 0
        assert os.fstat(before.fileno()).st_size == len(image)
        assert header(writer.path)["epoch"] == 1
        state = before.read()[layout.HEADER.fields[9].offset]
        assert state == (State.CLOSED if damage is corrupt_magic else State.RETIRED)


def test_identity_generation_counts_only_identity_changes(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish
) -> None:
    writer.assign(0, A, B)
    first = reader.quote(0).version
    publish(0)
    second = reader.quote(0).version
    writer.assign(0, A, C)
    third = reader.quote(0).version
    assert [reference.generation(version) for version in (first, second, third)] == [1, 1, 2]
    assert (second - first, (third - second) & layout.SEQUENCE_MASK) == (2, 2)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"index": layout.ENTRY.count}, IndexOutOfRange),
        ({"input_amount": -1}, OverflowError),
        ({"output_amount": 2**64}, OverflowError),
        ({"slot": 2**32}, OverflowError),
        ({"confidence_bps": 2**16}, OverflowError),
    ],
)
def test_value_that_does_not_fit_is_refused_before_anything_is_written(
    writer: QuoteWriter, reader: QuoteReader, publish: Publish, fields: dict[str, int], error: type[Exception]
) -> None:
    writer.assign(0, A, B)
    reader.poll()
    with pytest.raises(error):
        publish(fields.pop("index", 0), **fields)
    assert not reader.poll()


def test_mint_of_wrong_length_is_refused(writer: QuoteWriter) -> None:
    with pytest.raises(InvalidMint):
        writer.assign(0, A[:31], B)


def test_lock_is_seen_through_a_read_only_descriptor(writer: QuoteWriter) -> None:
    descriptor = os.open(writer.path, os.O_RDONLY)
    try:
        assert lock.is_held(descriptor)
        with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
            lock.take(descriptor)
        writer.close()
        assert not lock.is_held(descriptor)
    finally:
        os.close(descriptor)


def test_leftover_of_a_killed_writer_is_removed_and_that_of_a_living_one_kept(directory: Path) -> None:
    dead, living = (directory / f".{Role.INTERNAL.file_name}.{pid}" for pid in (1, 2))
    dead.touch()
    living.touch()
    with living.open("r+b") as held:
        assert lock.take(held.fileno())
        QuoteWriter.open(directory, Role.INTERNAL).close()
        assert not dead.exists()
        assert living.exists()


def test_a_draft_does_not_survive_its_pair(writer: QuoteWriter) -> None:
    writer.assign(0, A, B)
    draft = writer.draft(0, input_amount=1, output_amount=1, ts_ns=1)
    batch = writer.batch()
    batch.put(0, input_amount=1, output_amount=1, ts_ns=1)
    writer.assign(0, A, C)
    with pytest.raises(OutdatedDraft, match="entry 0"):
        writer.publish_quietly(draft)
    with pytest.raises(OutdatedDraft, match="entry 0"):
        writer.publish_batch(batch)
    assert len(batch) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"output_amount": 0},
        {"output_amount": 2**64 - 1},
        {"input_amount": 0},
        {"ts_ns": 0},
        {"oracle_price": float("inf")},
        {"oracle_price": -1.0},
        {"price_impact_ppm": 1_000_001},
        {"confidence_bps": 10_001},
        {"flags": 64},
    ],
)
def test_what_no_quote_can_be_is_refused_by_name(writer: QuoteWriter, fields: dict[str, Any]) -> None:
    writer.assign(0, A, B)
    good: dict[str, Any] = {"input_amount": 1, "output_amount": 1, "ts_ns": 1}
    with pytest.raises(ImpossibleQuote, match=next(iter(fields))):
        writer.publish(0, **good | fields)
    with pytest.raises(ImpossibleQuote, match=next(iter(fields))):
        writer.batch().put(0, **good | fields)


def test_a_forked_child_does_not_hold_the_lock(directory: Path) -> None:
    writer = QuoteWriter.open(directory, Role.INTERNAL)
    child_ends, parent_end = os.pipe()
    is_forked, tell_forked = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(tell_forked, b"!")
        os.close(parent_end)
        os.read(child_ends, 1)  # until the parent says so
        os._exit(0)
    os.read(is_forked, 1)
    writer.close()
    with QuoteWriter.open(directory, Role.INTERNAL) as second:
        assert second.is_open()
    os.close(parent_end)
    os.waitpid(child, 0)
    for descriptor in (child_ends, is_forked, tell_forked):
        os.close(descriptor)


@pytest.mark.parametrize("spoil", ["extend", "magic", "rename"])
def test_the_writer_notices_what_was_done_to_its_file(writer: QuoteWriter, reader: QuoteReader, spoil: str) -> None:
    writer.assign(0, A, B)
    writer.publish(0, input_amount=1_000, output_amount=5, ts_ns=1)
    handle = reader.handle(A, B, 1_000)
    assert handle
    if spoil == "extend":
        os.truncate(writer.path, 400_000)
    elif spoil == "magic":
        with writer.path.open("r+b") as file:
            file.write(bytes(8))
    else:
        writer.path.rename(writer.path.with_name("elsewhere"))
    for _ in range(20):
        writer.beat()
    assert verify(writer.path) == []

    def is_followed() -> bool:
        writer.publish(0, input_amount=1_000, output_amount=6, ts_ns=1)  # a heartbeat with it, as a living writer gives
        return bool(handle) and handle.output_amount == 6

    until(is_followed)


def test_a_head_written_over_vouches_for_no_quote(writer: QuoteWriter, reader: QuoteReader) -> None:
    writer.assign(0, A, B)
    writer.publish(0, input_amount=1_000, output_amount=5, ts_ns=1)
    assert reader.liveness(Role.INTERNAL) is Liveness.LIVE
    with writer.path.open("r+b") as file:
        file.write(bytes(8))
    assert reader.liveness(Role.INTERNAL) is Liveness.RETIRED


def test_a_file_cut_short_ends_the_writer_with_an_error(directory: Path) -> None:
    writer = QuoteWriter.open(directory, Role.INTERNAL)
    os.truncate(writer.path, 64)
    with pytest.raises(NotWriting):
        writer.beat()
    with QuoteWriter.open(directory, Role.INTERNAL) as second:
        assert verify(second.path) == []


@pytest.mark.parametrize("obstacle", ["link", "folder", "rubbish"])
def test_what_stands_in_the_tables_place_is_moved_aside(directory: Path, obstacle: str) -> None:
    path = directory / Role.INTERNAL.file_name
    if obstacle == "link":
        path.symlink_to("/etc/passwd")
    elif obstacle == "folder":
        (path / "full").mkdir(parents=True)
    else:
        path.write_bytes(b"rubbish")
    with QuoteWriter.open(directory, Role.INTERNAL) as writer:
        assert verify(writer.path) == []


def test_replacing_keeps_the_permissions(directory: Path) -> None:
    with QuoteWriter.open(directory, Role.INTERNAL, mode=0o600) as writer:
        writer.replace()
        assert stat.S_IMODE(writer.path.stat().st_mode) == 0o600


def test_a_failed_start_leaks_no_descriptor(directory: Path) -> None:
    with QuoteWriter.open(directory, Role.INTERNAL):
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            with pytest.raises(SecondWriter):
                QuoteWriter.open(directory, Role.INTERNAL)
        assert len(os.listdir("/proc/self/fd")) == before
