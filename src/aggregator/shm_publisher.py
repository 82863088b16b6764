"""One source's quotes into its shared-memory file.

Changed rows go out at once, as one batch a message. Rows only confirmed carry a new time and nothing else; they are
conflated and trickle out with the heartbeat, so that a refresh of the whole table never laps a reader of the ring.
An entry gets its identity with its first quote; a row without a price is never valid there.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final, Protocol

from solders.pubkey import Pubkey as SoldersPubkey

from aggregator.confidence import Confidence
from aggregator.held import HeldQuote
from quote_core.quotes import QuoteKey
from quote_core.units import BPS, PPM
from shm import ChangeKind, Flag

__all__ = ["BEAT_S", "ShmPublisher", "TableWriter"]

BEAT_S: Final = 0.05
_CONFIRMED_PER_BEAT_MAX: Final = 128  # a quarter of the ring
_U32_MAX: Final = 2**32 - 1
_NO_ORACLE_PRICE: Final = float("nan")

# Plain integers: combining enum members costs ten times as much, and this is done for every quote.
_CONFIDENCE_PRESENT: Final = int(Flag.CONFIDENCE_PRESENT)
_STALE: Final = int(Flag.STALE)
_AMOUNTS: Final = int(ChangeKind.AMOUNTS)
_ORACLE: Final = int(ChangeKind.ORACLE)
_ROUTE: Final = int(ChangeKind.ROUTE)
_FLAGS: Final = int(ChangeKind.FLAGS)


class TableWriter(Protocol):
    """What is used of `shm.QuoteWriter`."""

    def assign(self, index: int, input_mint: bytes, output_mint: bytes) -> bool:
        """Give an entry to a pair."""
        ...

    def retire_row(self, index: int) -> None:
        """Take it back."""
        ...

    def batch(self) -> Any:  # the writer's own batch, compiled: used through its `put` alone
        """Return an empty batch."""
        ...

    def publish_batch(self, batch: Any) -> int:
        """Publish and empty it."""
        ...

    def mark_stale(self, index: int) -> bool:
        """Flag an entry as not to be acted on."""
        ...

    def beat(self) -> None:
        """Renew the heartbeat."""
        ...


class ShmPublisher:
    """Writes one of the two files."""

    def __init__(self, writer: TableWriter, *, ttl_slots: int) -> None:
        self._writer = writer
        self._batch = writer.batch()
        self._ttl_slots = ttl_slots
        self._published: dict[int, HeldQuote] = {}
        self._confirmed: dict[int, tuple[HeldQuote, Confidence]] = {}
        self.published_count = 0

    def row_added(self, index: int, key: QuoteKey) -> None:
        """Free the entry of what the number meant before."""
        self._free(index)

    def row_removed(self, index: int, key: QuoteKey) -> None:
        """Free the entry."""
        self._free(index)

    def publish(self, quotes: Iterable[tuple[HeldQuote, Confidence | None]]) -> None:
        """Write changed rows as one batch; those that lost their price become stale."""
        for quote, confidence in quotes:
            self._confirmed.pop(quote.row, None)
            if confidence is None:
                if quote.row in self._published:
                    self._writer.mark_stale(quote.row)
                continue
            self._put(quote, confidence)
        self._send()

    def confirm(self, quotes: Iterable[tuple[HeldQuote, Confidence | None]]) -> None:
        """Note rows that are as they were, but newer."""
        for quote, confidence in quotes:
            if confidence is not None:
                self._confirmed[quote.row] = (quote, confidence)

    def beat(self) -> None:
        """Renew the heartbeat, and write a bounded share of the confirmed rows."""
        for row in tuple(self._confirmed)[:_CONFIRMED_PER_BEAT_MAX]:
            self._put(*self._confirmed.pop(row))
        self._send()
        self._writer.beat()

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            self.beat()
            await asyncio.sleep(BEAT_S)

    def _put(self, quote: HeldQuote, confidence: Confidence) -> None:
        old = self._published.get(quote.row)
        if old is None:
            self._writer.assign(quote.row, _mint_bytes(quote.key.input_mint), _mint_bytes(quote.key.output_mint))
        self._published[quote.row] = quote
        self._batch.put(
            quote.row,
            input_amount=quote.key.input_amount,
            output_amount=quote.output_amount,
            ts_ns=quote.quoted_unix_ns,
            oracle_price=_NO_ORACLE_PRICE if quote.oracle_price is None else quote.oracle_price,
            route_id=quote.route_id,
            slot=quote.slot & _U32_MAX,
            dex_id=quote.dex_id,
            source=quote.source.value,
            flags=_CONFIDENCE_PRESENT | (_STALE if quote.is_stale else 0),
            price_impact_ppm=min(max(round(quote.price_impact_fraction * PPM), 0), _U32_MAX),
            confidence_bps=round(confidence.score * BPS),
            ttl_slots=self._ttl_slots,
            kind=change_kind(old, quote),
        )

    def _send(self) -> None:
        self.published_count += self._writer.publish_batch(self._batch)

    def _free(self, index: int) -> None:
        self._confirmed.pop(index, None)
        if self._published.pop(index, None) is not None:
            self._writer.retire_row(index)


def change_kind(old: HeldQuote | None, new: HeldQuote) -> int:
    """What differs, as the ring's mask; 0 = only the time."""
    if old is None:
        return _AMOUNTS | _ORACLE | _ROUTE | _FLAGS
    kind = 0
    if old.output_amount != new.output_amount or old.key.input_amount != new.key.input_amount:
        kind |= _AMOUNTS
    if old.oracle_price != new.oracle_price:
        kind |= _ORACLE
    if old.route_id != new.route_id:
        kind |= _ROUTE
    if old.is_stale != new.is_stale:
        kind |= _FLAGS
    return kind


def _mint_bytes(mint: str) -> bytes:
    return bytes(SoldersPubkey.from_string(mint))
