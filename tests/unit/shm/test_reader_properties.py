"""Whatever a writer does, in whatever order, a reader sees exactly that: compared with a plain dictionary."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from shm import Flag, Quote, QuoteReader, QuoteWriter, Role, layout, reference
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

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="solquote-test-", dir="/dev/shm")
        self.directory = Path(self.folder.name)
        self.model: dict[int, Row] = {}
        self.changed: set[int] = set()

    @initialize()
    def start(self) -> None:
        self.writer = QuoteWriter.open(self.directory, Role.INTERNAL)
        self.reader = QuoteReader.open(self.directory)
        self.handles = {(pair, amount): self.reader.handle(*pair, amount) for pair in PAIRS for amount in AMOUNTS}

    def teardown(self) -> None:
        if hasattr(self, "writer"):
            self.reader.close()
            self.writer.close()
        self.folder.cleanup()

    def note(self, index: int, row: Row) -> None:
        self.model[index] = row
        self.changed.add(index)

    @rule(index=rows, pair=st.sampled_from(PAIRS))
    def assign(self, index: int, pair: tuple[bytes, bytes]) -> None:
        differs = index not in self.model or self.model[index].pair != pair
        assert self.writer.assign(index, *pair) is differs
        if differs:
            self.note(index, Row(pair))

    @rule(index=rows)
    def retire(self, index: int) -> None:
        self.writer.retire_row(index)
        self.note(index, Row((bytes(32), bytes(32))))

    @rule(
        index=rows, amount=st.sampled_from(AMOUNTS), output=amounts, slot=st.integers(0, 2**32 - 1), draft=st.booleans()
    )
    def publish(self, index: int, amount: int, output: int, slot: int, draft: bool) -> None:
        if index not in self.model:
            return
        fields = {"input_amount": amount, "output_amount": output, "ts_ns": 1, "slot": slot}
        if draft:
            self.writer.publish_quietly(self.writer.draft(index, **fields))
        else:
            self.writer.publish(index, **fields)
        self.note(index, Row(self.model[index].pair, amount, output, slot, Flag.VALID))

    @rule(outputs=st.lists(st.tuples(rows, amounts), max_size=20))
    def publish_batch(self, outputs: list[tuple[int, int]]) -> None:
        batch = self.writer.batch()
        for index, output in outputs:
            if index in self.model:
                batch.put(index, input_amount=1_000, output_amount=output, ts_ns=1, slot=7)
                self.note(index, Row(self.model[index].pair, 1_000, output, 7, Flag.VALID))
        count = len(batch)
        assert self.writer.publish_batch(batch) == count

    @rule(index=rows)
    def mark_stale(self, index: int) -> None:
        row = self.model.get(index)
        fresh = row is not None and row.flags == Flag.VALID
        assert self.writer.mark_stale(index) is fresh
        if row is not None and fresh:
            self.note(index, replace(row, flags=row.flags | Flag.STALE))

    def age_all(self) -> None:
        for index, row in list(self.model.items()):
            if row.flags == Flag.VALID:
                self.note(index, replace(row, flags=row.flags | Flag.STALE))

    @rule()
    def restart_writer(self) -> None:
        self.writer.close()
        self.writer = QuoteWriter.open(self.directory, Role.INTERNAL)
        self.age_all()

    @rule(times=st.integers(1, 700))
    def lap(self, times: int) -> None:
        if 0 in self.model:
            draft = self.writer.draft(0, input_amount=1, output_amount=times, ts_ns=1)
            for _ in range(times):
                self.writer.publish_quietly(draft)
            self.note(0, Row(self.model[0].pair, 1, times, 0, Flag.VALID))

    @rule()
    def poll(self) -> None:
        named = list(self.reader.poll())
        assert len(named) == len(set(named))
        assert self.changed <= set(named) <= set(self.model)
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
            assert held(self.reader.quote(index)) == row
        assert {quote.index for quote in self.reader} == {
            index for index, row in self.model.items() if Flag.VALID in row.flags
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
@settings(max_examples=50, deadline=None)
def test_compiled_reader_and_slow_twin_agree_on_every_field(fields: dict[str, int]) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="solquote-test-", dir="/dev/shm") as folder,
        QuoteWriter.open(Path(folder), Role.EXTERNAL) as writer,
        QuoteReader.open(Path(folder)) as reader,
    ):
        writer.assign(9, *PAIRS[0])
        writer.publish(9, **fields)
        twin = reference.decode(Table(writer.path, Role.EXTERNAL).image())
        quote = reader.quote(layout.ENTRY.count + 9)
        entry = twin.entries[9]
        assert {name: getattr(quote, name) for name in entry} == entry
        assert entry | fields == entry
        slot = twin.slots[1]
        assert {name: slot[name] for name in slot if name in entry and name != "slot"} == {
            name: entry[name] for name in slot if name in entry and name != "slot"
        }
        assert (slot["slot"], slot["index"], slot["seq"]) == (fields["slot"], 9, 4)


@given(st.binary(min_size=32, max_size=32))
def test_mint_text_and_bytes_are_inverse(mint: bytes) -> None:
    assert mint_bytes(mint_text(mint)) == mint


@given(st.sampled_from(layout.RECORDS), st.data())
def test_encoding_then_decoding_a_record_is_identity(record: layout.Record, data: st.DataObject) -> None:
    image = data.draw(st.binary(min_size=record.size_bytes, max_size=record.size_bytes))
    whole = bytes(record.offset) + image
    assert reference.encode_record(record, reference.decode_record(record, whole, 0)) == image
