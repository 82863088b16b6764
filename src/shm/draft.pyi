from typing import final

@final
class Draft:
    """One entry's next quote, filled once and changed in place; made by `QuoteWriter.draft`."""

    output_amount: int
    ts_ns: int
    slot: int

@final
class Batch:
    """Changes to publish as one, at most one for each entry of the table."""

    @property
    def capacity(self) -> int: ...
    def __len__(self) -> int: ...
    def put(
        self,
        index: int,
        *,
        input_amount: int,
        output_amount: int,
        ts_ns: int,
        oracle_price: float = ...,
        route_id: int = 0,
        slot: int = 0,
        dex_id: int = 0,
        source: int = 0,
        flags: int = 0,
        price_impact_ppm: int = 0,
        confidence_bps: int = 0,
        ttl_slots: int = 0,
        kind: int = ...,
    ) -> None: ...
    def clear(self) -> None: ...
