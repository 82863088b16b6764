"""Whatever a writer does, in whatever order, a reader sees exactly that: compared with a plain dictionary."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from shm import CONTRACT, Flag, Quote, QuoteReader, QuoteWriter, Role, TableCounts, layout, reference
from shm.base58 import mint_bytes, mint_text
from shm.table import Table

ROWS = 6
NO_FLAGS = Flag(0)
PAIRS = [(bytes([number]) * 32, bytes([number + 1]) * 32) for number in range(1, 5)]
AMOUNTS = (1, 1_000, 2**63 - 1)

rows = st.integers(0, ROWS - 1)
amounts = st.integers(1, 2**63 - 1)


@dataclass(frozen=True)
class Row:
    """What an entry should hold."""

    pair: tuple[bytes, bytes]
    input_amount: int = 0
    output_amount: int = 0
    slot: int = 0
    flags: Flag = NO_FLAGS


class TableMachine(RuleBasedStateMachine):
    """One writer that is closed, started again and replaced; one reader that stays."""

    counts = CONTRACT

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="solquote-test-", dir="/dev/shm")
        self.directory = Path(self.folder.name)
        self.model: dict[int, Row] = {}
        self.changed: set[int] = set()

    @initialize()
    def start(self) -> None:
        self.writer = QuoteWriter.open(self.directory, Role.INTERNAL, counts=self.counts)
        self.reader = QuoteReader.open(self.directory)
        self.handles = {(pair, amount): self.reader.handle(*pair, amount) for pair in PAIRS for amount in AMOUNTS}

    def teardown(self) -> None:
        if hasattr(self, "writer"):
            self.reader.close()
            self.writer.close()
        self.folder.cleanup()

    def row(self, number: int) -> int:
        """One of `ROWS` entries of the file: the first of a table of the layout's counts, the last of any other."""
        return number if self.counts.is_contract else self.counts.entries - 1 - number

    def index(self, number: int) -> int:
        """How the reader calls it."""
        return self.counts.first_index(Role.INTERNAL) + self.row(number)

    def note(self, index: int, row: Row) -> None:
        self.model[index] = row
        self.changed.add(index)

    @rule(index=rows, pair=st.sampled_from(PAIRS))
    def assign(self, index: int, pair: tuple[bytes, bytes]) -> None:
        differs = index not in self.model or self.model[index].pair != pair
        assert self.writer.assign(self.row(index), *pair) is differs
        if differs:
            self.note(index, Row(pair))

    @rule(index=rows)
    def retire(self, index: int) -> None:
        self.writer.retire_row(self.row(index))
        self.note(index, Row((bytes(32), bytes(32))))

    @rule(
        index=rows, amount=st.sampled_from(AMOUNTS), output=amounts, slot=st.integers(0, 2**32 - 1), draft=st.booleans()
    )
    def publish(self, index: int, amount: int, output: int, slot: int, draft: bool) -> None:
        if index not in self.model:
            return
        fields = {"input_amount": amount, "output_amount": output, "ts_ns": 1, "slot": slot}
        if draft:
            self.writer.publish_quietly(self.writer.draft(self.row(index), **fields))
        else:
            self.writer.publish(self.row(index), **fields)
        self.note(index, Row(self.model[index].pair, amount, output, slot, Flag.VALID))

    @rule(outputs=st.lists(st.tuples(rows, amounts), max_size=20))
    def publish_batch(self, outputs: list[tuple[int, int]]) -> None:
        batch = self.writer.batch()
        for index, output in outputs:
            if index in self.model:
                batch.put(self.row(index), input_amount=1_000, output_amount=output, ts_ns=1, slot=7)
                self.note(index, Row(self.model[index].pair, 1_000, output, 7, Flag.VALID))
        count = len(batch)
        assert self.writer.publish_batch(batch) == count

    @rule(index=rows)
    def mark_stale(self, index: int) -> None:
        row = self.model.get(index)
        fresh = row is not None and row.flags == Flag.VALID
        assert self.writer.mark_stale(self.row(index)) is fresh
        if row is not None and fresh:
            self.note(index, replace(row, flags=row.flags | Flag.STALE))

    def age_all(self) -> None:
        for index, row in list(self.model.items()):
            if row.flags == Flag.VALID:
                self.note(index, replace(row, flags=row.flags | Flag.STALE))

    @rule()
    def restart_writer(self) -> None:
        self.writer.close()
        self.writer = QuoteWriter.open(self.directory, Role.INTERNAL, counts=self.counts)
        self.age_all()

    @rule(times=st.integers(1, 700))
    def lap(self, times: int) -> None:
        if 0 in self.model:
            draft = self.writer.draft(self.row(0), input_amount=1, output_amount=times, ts_ns=1)
            for _ in range(times):
                self.writer.publish_quietly(draft)
            self.note(0, Row(self.model[0].pair, 1, times, 0, Flag.VALID))

    @rule()
    def poll(self) -> None:
        named = list(self.reader.poll())
        assert len(named) == len(set(named))
        assert set(map(self.index, self.changed)) <= set(named) <= set(map(self.index, self.model))
        self.changed.clear()
        assert list(self.reader.poll()) == []

    @rule()
    def cycle(self) -> None:
        live = [handle for handle in self.handles.values() if handle]
        if len(live) >= 2:
            rate = self.reader.cycle(live[0], live[1])
            assert rate == (live[0].output_amount * 1.0) * live[1].output_amount / (
                (live[0].input_amount * 1.0) * live[1].input_amount
            )

    @invariant()
    def reader_sees_what_was_written(self) -> None:
        if not hasattr(self, "writer"):
            return
        self.writer.beat()
        for index, row in self.model.items():
            assert held(self.reader.quote(self.index(index))) == row
        assert {quote.index for quote in self.reader} == {
            self.index(index) for index, row in self.model.items() if Flag.VALID in row.flags
        }

    @invariant()
    def handles_are_true_exactly_when_there_is_a_live_quote(self) -> None:
        if not hasattr(self, "writer"):
            return
        for (pair, amount), handle in self.handles.items():
            candidates = [row for row in self.model.values() if (row.pair, row.input_amount) == (pair, amount)]
            if len(candidates) == 1:
                assert bool(handle) is (candidates[0].flags == Flag.VALID)
            elif not candidates:
                assert not handle
            if handle:
                assert (handle.input_mint, handle.output_mint, handle.input_amount) == (*pair, amount)


def held(quote: Quote) -> Row:
    """What a quote read from the table says."""
    return Row((quote.input_mint, quote.output_mint), quote.input_amount, quote.output_amount, quote.slot, quote.flags)


class SizedMachine(TableMachine):
    """The same of a table of other counts, whose writer is started again with yet others, the layout's among them."""

    counts = TableCounts(3_000, 512)

    @rule(
        counts=st.sampled_from([TableCounts(3_000, 512), TableCounts(500, 1_024), TableCounts(65_535, 512), CONTRACT])
    )
    def restart_writer_with(self, counts: TableCounts) -> None:
        self.writer.close()
        self.writer = QuoteWriter.open(self.directory, Role.INTERNAL, counts=counts)
        if counts == self.counts:
            self.age_all()
            return
        self.counts = counts
        self.model.clear()
        self.changed.clear()
        self.reader.attach()
        assert self.reader.counts(Role.INTERNAL) == counts
        assert not any(self.handles.values())
        assert list(self.reader) == []

    @rule()
    def poll_changes(self) -> None:
        told = {change.index: change for change in self.reader.poll_changes()}
        assert set(map(self.index, self.changed)) <= set(told) <= set(map(self.index, self.model))
        for number, row in self.model.items():
            if (change := told.get(self.index(number))) is not None:
                assert (change.role, change.output_amount, change.flags) == (
                    Role.INTERNAL,
                    row.output_amount,
                    row.flags,
                )
        self.changed.clear()
        assert list(self.reader.poll()) == []


TestSizedTable = SizedMachine.TestCase
TestSizedTable.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestTable = TableMachine.TestCase
TestTable.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)


@given(
    st.builds(
        dict,
        input_amount=amounts,
        output_amount=amounts,
        ts_ns=st.integers(1, 2**64 - 1),
        oracle_price=st.floats(0, exclude_min=True, allow_nan=False, allow_infinity=False),
        route_id=st.integers(0, 2**64 - 1),
        slot=st.integers(0, 2**32 - 1),
        dex_id=st.integers(0, 2**16 - 1),
        source=st.integers(0, 255),
        price_impact_ppm=st.integers(0, 1_000_000),
        confidence_bps=st.integers(0, 10_000),
        ttl_slots=st.integers(0, 2**16 - 1),
    )
)
@pytest.mark.parametrize("counts", [CONTRACT, TableCounts(3_000, 1_024)], ids=["layout", "sized"])
@settings(max_examples=50, deadline=None)
def test_compiled_reader_and_slow_twin_agree_on_every_field(counts: TableCounts, fields: dict[str, int]) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="solquote-test-", dir="/dev/shm") as folder,
        QuoteWriter.open(Path(folder), Role.EXTERNAL, counts=counts) as writer,
        QuoteReader.open(Path(folder)) as reader,
    ):
        row = counts.entries - 9
        writer.assign(row, *PAIRS[0])
        writer.publish(row, **fields)
        twin = reference.decode(Table(writer.path, Role.EXTERNAL).image())
        assert (twin.counts, len(twin.entries), len(twin.slots)) == (counts, counts.entries, counts.slots)
        quote = reader.quote(counts.first_index(Role.EXTERNAL) + row)
        entry = twin.entries[row]
        assert {name: getattr(quote, name) for name in entry} == entry
        assert entry | fields == entry
        slot = twin.slots[1]
        assert {name: slot[name] for name in slot if name in entry and name != "slot"} == {
            name: entry[name] for name in slot if name in entry and name != "slot"
        }
        assert (slot["slot"], slot["index"], slot["seq"]) == (fields["slot"], row, 4)


@given(st.binary(min_size=32, max_size=32))
def test_mint_text_and_bytes_are_inverse(mint: bytes) -> None:
    assert mint_bytes(mint_text(mint)) == mint


@given(st.sampled_from(layout.RECORDS), st.data())
def test_encoding_then_decoding_a_record_is_identity(record: layout.Record, data: st.DataObject) -> None:
    image = data.draw(st.binary(min_size=record.size_bytes, max_size=record.size_bytes))
    whole = bytes(record.offset) + image
    assert reference.encode_record(record, reference.decode_record(record, whole, 0)) == image
