import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shm import (
    CONTRACT,
    Finding,
    ImpossibleState,
    Liveness,
    NotThereYet,
    QuoteWriter,
    Role,
    State,
    TableCounts,
    WrongFile,
    inspect,
    layout,
    reference,
    verify,
)
from shm.table import Table

A, B, C = (bytes([number]) * 32 for number in range(1, 4))
A_DAY_NS = 24 * 3600 * 10**9  # what is ahead of the clock when the tests are collected is still ahead when they run
Publish = Callable[..., None]


@pytest.fixture(params=[CONTRACT, TableCounts(3_000, 1_024)], ids=["layout", "sized"])
def counts(request: pytest.FixtureRequest) -> TableCounts:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def writer(directory: Path, counts: TableCounts) -> Iterator[QuoteWriter]:
    with QuoteWriter.open(directory, Role.INTERNAL, counts=counts) as opened:
        yield opened


@pytest.fixture
def image(writer: QuoteWriter, publish: Publish) -> bytes:
    """A clean file: entries 0 and 1 published, entry 2 assigned."""
    for index, pair in enumerate(((A, B), (B, A), (A, C))):
        writer.assign(index, pair[0], pair[1])
    publish(0, oracle_price=1.5)
    publish(1)
    return Table(writer.path, Role.INTERNAL).image()


def with_field(image: bytes, record: layout.Record, number: int, name: str, value: object) -> bytes:
    counts = layout.counts_of(image)
    record = {"slot": counts.slot, "entry": counts.entry}.get(record.name, record)
    values = reference.decode_record(record, image, number) | {name: value(counts) if callable(value) else value}
    start = record.offset + number * record.size_bytes
    return image[:start] + reference.encode_record(record, values) + image[start + record.size_bytes :]


def test_report_counts_what_the_file_holds(writer: QuoteWriter, image: bytes) -> None:
    assert image[64:] == writer.path.read_bytes()[64:]
    writer.mark_stale(1)
    report = inspect(writer.path)
    assert (report.role, report.state, report.liveness) == (Role.INTERNAL, State.LIVE, Liveness.LIVE)
    assert (report.used, report.assigned, report.valid, report.stale) == (3, 3, 2, 1)
    assert (report.recovered, report.being_written, report.ring_readable) == (0, 0, 6)
    assert report.head == 6
    assert 0 <= report.heartbeat_age_ns < layout.HEARTBEAT_LATE_NS
    assert report.newest_ts_ns == 1


def test_report_of_a_missing_file_says_so(directory: Path) -> None:
    with pytest.raises(NotThereYet, match="start the aggregator"):
        inspect(directory / "quotes-internal.mmap")


def test_clean_table_has_no_findings(writer: QuoteWriter, image: bytes) -> None:
    assert verify(writer.path) == []
    writer.close()
    assert verify(writer.path) == []


@dataclass(frozen=True)
class Damage:
    record: layout.Record
    number: int
    field: str
    value: Any
    where: str


DAMAGES = [
    Damage(layout.HEADER, 0, "state", 9, "header.state"),
    Damage(layout.HEADER, 0, "role", 1, "header.role"),
    Damage(layout.HEADER, 0, "used", lambda counts: counts.entries + 1, "header.used"),
    Damage(layout.HEADER, 0, "used", 2, "entry 2 version"),
    Damage(layout.HEADER, 0, "epoch", 0, "header.epoch"),
    Damage(layout.HEADER, 0, "intent", 2**40, "header.intent"),
    Damage(layout.ENTRY, 1, "version", 2**48 + 5, "entry 1 version"),
    Damage(layout.ENTRY, 1, "flags", 0x81, "entry 1 flags"),
    Damage(layout.ENTRY, 1, "confidence_bps", 10_001, "entry 1 confidence_bps"),
    Damage(layout.ENTRY, 1, "input_amount", 0, "entry 1 input_amount"),
    Damage(layout.ENTRY, 1, "input_mint", bytes(32), "entry 1 mints"),
    Damage(layout.ENTRY, 1, "input_mint", A, "entry 1 mints"),
    Damage(layout.ENTRY, 1, "oracle_price", 2.0, "entry 1 oracle_price"),
    Damage(layout.ENTRY, 0, "oracle_price", math.nan, "entry 0 oracle_price"),
    Damage(layout.ENTRY, 0, "ts_ns", time.time_ns() + A_DAY_NS, "entry 0 ts_ns"),
    Damage(layout.SLOT, 3, "seq", 2 * 5 + 2, "slot 3 seq"),
    Damage(layout.SLOT, 3, "index", lambda counts: counts.entries, "slot 3 index"),
    Damage(layout.SLOT, 3, "version", 2**47, "slot 3 version"),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: f"{damage.where} {damage.field}".replace(" ", "-"))
def test_each_impossible_value_is_found(directory: Path, image: bytes, damage: Damage) -> None:
    path = directory / "copy"
    dead = with_field(image, layout.HEADER, 0, "heartbeat_ns", 1)  # nobody writes to the copy
    path.write_bytes(with_field(dead, damage.record, damage.number, damage.field, damage.value))
    assert damage.where in [finding.where for finding in verify(path)]


def test_two_entries_of_one_pair_and_amount_are_found(writer: QuoteWriter, image: bytes, publish: Publish) -> None:
    writer.assign(2, A, B)
    publish(2)
    assert verify(writer.path) == [Finding("entry 2", "is the only one of its pair and amount", "also entry 0")]


def test_report_of_an_impossible_state_is_refused(directory: Path, image: bytes) -> None:
    path = directory / "copy"
    path.write_bytes(with_field(image, layout.HEADER, 0, "state", 9))
    with pytest.raises(ImpossibleState, match="has state 9, which no writer sets"):
        inspect(path)


@given(st.lists(st.tuples(st.integers(0, 2**24), st.integers(1, 255)), min_size=1, max_size=40))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_anywhere_is_reported_never_tripped_over(
    directory: Path, image: bytes, counts: TableCounts, damage: list[tuple[int, int]]
) -> None:
    damaged = bytearray(image)
    for place, bits in damage:
        offset = place % len(image)
        # Half of the damage hits header and ring, which are a small part of the file.
        damaged[offset if offset % 2 else offset % counts.entry.offset] ^= bits
    path = directory / "copy"
    path.write_bytes(damaged)
    try:
        assert isinstance(verify(path), list)
        assert inspect(path).entry_count == counts.entries
    except WrongFile:
        return
    finally:
        path.unlink()
