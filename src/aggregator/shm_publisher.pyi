from typing import final

from aggregator.spans import WrittenSpans
from shm import QuoteWriter

@final
class ShmPublisher:
    """Writes one of the two files.

    Args:
        writer: Writes the file.
        ttl_slots: Slots a reader may use a quote for.
        spans: Hears of what was written, where it is traced.
    """

    def __init__(self, writer: QuoteWriter, *, ttl_slots: int, spans: WrittenSpans | None = None) -> None: ...
    @property
    def counts_by_confidence_bps(self) -> list[int]: ...
    @property
    def published_count(self) -> int: ...
    @property
    def refused_count(self) -> int: ...
    @property
    def row_count(self) -> int: ...
    @property
    def confirmed_per_beat_max(self) -> int: ...
    @property
    def waiting_count(self) -> int: ...
    def beat(self) -> None: ...
