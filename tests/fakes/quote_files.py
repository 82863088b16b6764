"""Shared memory as the aggregator writes it: real files, and what was done to them call by call."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from aggregator.held import Source
from aggregator.shm_publisher import ShmPublisher
from shm import CONTRACT, Batch, Change, QuoteReader, QuoteWriter, Role, TableCounts, row_of_index

Fields = dict[str, object]

FIELDS = (
    "input_amount",
    "output_amount",
    "ts_ns",
    "oracle_price",
    "route_id",
    "slot",
    "dex_id",
    "source",
    "flags",
    "price_impact_ppm",
    "confidence_bps",
    "ttl_slots",
)


class WatchedWriter:
    """A writer that notes what it is told; `batches` are the entries each changed, as a reader finds them then."""

    def __init__(self, writer: QuoteWriter, reader: QuoteReader) -> None:
        self.writer = writer
        self._reader = reader
        self.assigned: dict[int, tuple[bytes, bytes]] = {}
        self.batches: list[list[tuple[int, Fields]]] = []
        self.stale: list[int] = []
        self.beat_count = 0
        self.counts = writer.counts

    def assign(self, index: int, input_mint: bytes, output_mint: bytes) -> bool:
        self.assigned[index] = (input_mint, output_mint)
        return self.writer.assign(index, input_mint, output_mint)

    def retire_row(self, index: int) -> None:
        del self.assigned[index]
        self.writer.retire_row(index)

    def batch(self) -> Batch:
        return self.writer.batch()

    def publish_batch(self, batch: Batch) -> int:
        self._reader.poll_changes()
        count = self.writer.publish_batch(batch)
        self.batches.append([self._seen(change) for change in self._reader.poll_changes()])
        return count

    def mark_stale(self, index: int) -> bool:
        self.stale.append(index)
        return self.writer.mark_stale(index)

    def beat(self) -> None:
        self.beat_count += 1
        self.writer.beat()

    def _seen(self, change: Change) -> tuple[int, Fields]:
        quote = self._reader.quote(change.index)
        fields: Fields = {name: getattr(quote, name) for name in FIELDS}
        return row_of_index(change.index), fields | {"kind": change.kinds}


class QuoteFiles:
    """Both files; `publishers` write them, `writers` say what was written."""

    def __init__(self, directory: Path, stack: ExitStack, *, ttl_slots: int, counts: TableCounts) -> None:
        opened = {
            source: stack.enter_context(QuoteWriter.open(directory, role, counts=counts))
            for source, role in ((Source.LOCAL, Role.INTERNAL), (Source.EXTERNAL, Role.EXTERNAL))
        }
        self.reader = stack.enter_context(QuoteReader.open(directory))
        self.writers = {source: WatchedWriter(writer, self.reader) for source, writer in opened.items()}
        self.publishers = {
            source: ShmPublisher(writer, ttl_slots=ttl_slots)  # type: ignore[arg-type]  # tells on what it is told
            for source, writer in self.writers.items()
        }

    @property
    def local(self) -> ShmPublisher:
        return self.publishers[Source.LOCAL]

    @property
    def external(self) -> ShmPublisher:
        return self.publishers[Source.EXTERNAL]


@contextmanager
def quote_files(*, ttl_slots: int = 7, counts: TableCounts = CONTRACT) -> Iterator[QuoteFiles]:
    memory = Path("/dev/shm")
    folder = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="solquote-test-", dir=folder) as directory, ExitStack() as stack:
        yield QuoteFiles(Path(directory), stack, ttl_slots=ttl_slots, counts=counts)
