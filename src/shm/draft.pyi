from typing import Unpack, final

from shm.values import QuoteValues

class QuoteSink:
    """What takes a quote by its values: a draft, a batch, a writer."""

    def put(self, index: int, **values: Unpack[QuoteValues]) -> None: ...

@final
class Draft(QuoteSink):
    """One entry's next quote, filled once and changed in place; made by `QuoteWriter.draft`."""

    output_amount: int
    ts_ns: int
    slot: int

@final
class Batch(QuoteSink):
    """Changes to publish as one, at most one for each entry of the table."""

    @property
    def capacity(self) -> int: ...
    def __len__(self) -> int: ...
    def clear(self) -> None: ...
