from typing import Required, TypedDict, Unpack, final

class QuoteFields(TypedDict, total=False):
    """What `QuoteSink.put` takes; its docstring says what each is."""

    input_amount: Required[int]
    output_amount: Required[int]
    ts_ns: Required[int]
    oracle_price: float
    route_id: int
    slot: int
    dex_id: int
    source: int
    flags: int
    price_impact_ppm: int
    confidence_bps: int
    ttl_slots: int
    kind: int

class QuoteSink:
    """What takes a quote by its fields: a draft, a batch, a writer."""

    def put(self, index: int, **fields: Unpack[QuoteFields]) -> None: ...

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
