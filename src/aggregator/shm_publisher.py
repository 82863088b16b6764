"""One source's quotes into its shared-memory file.

Changed rows go out at once, as one batch a message. Rows only confirmed carry a new time and nothing else; they are
conflated and trickle out with the heartbeat, so that a refresh of the whole table never laps a reader of the ring.
An entry gets its identity with its first quote; a row without a price is never valid there.

An entry's time is that of its quote's vouching by the wall clock of the moment it is written: `now - age`, so that a
step of the wall clock spoils no time for longer than until the next confirmation.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Final, Protocol

from solders.pubkey import Pubkey as SoldersPubkey

from aggregator.selection import Scored
from aggregator.spans import WrittenSpans
from aggregator.upstream_wire import SLOT_MAX
from quote_core.clock import Clock, Moment, moment
from quote_core.quotes import QuoteKey
from quote_core.units import AMOUNT_MAX, BPS, PPM
from shm import ChangeKind, Flag

__all__ = ["BEAT_S", "ShmPublisher", "TableWriter"]

BEAT_S: Final = 0.05
_CONFIRMED_PER_BEAT_MAX: Final = 128  # a quarter of the ring
_TTL_SLOTS_MAX: Final = 2**16 - 1
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

    def __init__(
        self,
        writer: TableWriter,
        *,
        scored: Callable[[Iterable[int]], Iterable[Scored]],
        clock: Clock,
        ttl_slots: int,
        spans: WrittenSpans | None = None,
    ) -> None:
        """Set it up.

        Args:
            writer: Writes the file.
            scored: The source's answers for rows that it has answered, as of the moment it is called.
            clock: The time entries are written in.
            ttl_slots: Slots a reader may use a quote for.
            spans: Hears of what was written, where it is traced.
        """
        self._writer = writer
        self._scored = scored
        self._clock = clock
        self._spans = spans
        self._batch = writer.batch()
        self._ttl_slots = min(ttl_slots, _TTL_SLOTS_MAX)
        self._published: dict[int, Scored] = {}
        self._confirmed: dict[int, None] = {}
        self.published_count = 0
        self.counts_by_confidence_bps = [0] * (BPS + 1)
        """Quotes put into a batch, by their confidence as the file has it."""
        self.refused_count = 0
        """Quotes that cannot be written because nobody ever vouched for them, or because no quote can be like that."""

    @property
    def published(self) -> tuple[Scored, ...]:
        """What the file holds, as it was scored when it was written."""
        return tuple(self._published.values())

    @property
    def waiting_count(self) -> int:
        """Confirmed rows that are still to be written."""
        return len(self._confirmed)

    def row_added(self, index: int, key: QuoteKey) -> None:
        """Free the entry of what the number meant before."""
        self._free(index)

    def row_removed(self, index: int, key: QuoteKey) -> None:
        """Free the entry."""
        self._free(index)

    def publish(self, quotes: Sequence[Scored]) -> None:
        """Write changed rows as one batch; those that lost their price become stale."""
        now = moment(self._clock)
        for scored in quotes:
            self._confirmed.pop(scored.quote.row, None)
            if scored.confidence is None:
                self._mark_stale(scored.quote.row)
            else:
                self._put(scored, now)
        self._send()
        if self._spans is not None:
            self._spans.written(quotes, now.unix_ns)

    def confirm(self, rows: Iterable[int]) -> None:
        """Note rows that are as they were, but vouched for anew; they are scored when they are written."""
        self._confirmed.update(dict.fromkeys(rows))

    def beat(self) -> None:
        """Renew the heartbeat, and write a bounded share of the confirmed rows."""
        now = moment(self._clock)
        rows = tuple(islice(self._confirmed, _CONFIRMED_PER_BEAT_MAX))
        for scored in self._scored(rows):
            if scored.confidence is not None:
                self._put(scored, now)
        for row in rows:
            del self._confirmed[row]
        self._send()
        self._writer.beat()

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            self.beat()
            await asyncio.sleep(BEAT_S)

    def _put(self, scored: Scored, now: Moment) -> None:
        quote, confidence = scored.quote, scored.confidence
        assert confidence is not None, "a row without a price is not written"
        ts_ns = now.unix_ns - quote.freshness.age_ns(now)
        if not _is_possible(scored, ts_ns):
            self.refused_count += 1
            self._mark_stale(quote.row)
            return
        old = self._published.get(quote.row)
        if old is None:
            self._writer.assign(quote.row, _mint_bytes(quote.key.input_mint), _mint_bytes(quote.key.output_mint))
        self._published[quote.row] = scored
        confidence_bps = round(confidence.capped_score * BPS)
        self.counts_by_confidence_bps[confidence_bps] += 1
        self._batch.put(
            quote.row,
            input_amount=quote.key.input_amount,
            output_amount=quote.output_amount,
            ts_ns=ts_ns,
            oracle_price=_NO_ORACLE_PRICE if scored.oracle_rate is None else scored.oracle_rate,
            route_id=quote.route_id,
            slot=quote.freshness.vouched_slot,
            dex_id=quote.dex_id,
            source=quote.source,
            flags=_CONFIDENCE_PRESENT | (_STALE if quote.is_stale else 0),
            price_impact_ppm=round(quote.price_impact_fraction * PPM),
            confidence_bps=confidence_bps,
            ttl_slots=self._ttl_slots,
            kind=change_kind(old, scored),
        )

    def _mark_stale(self, row: int) -> None:
        old = self._published.get(row)
        if old is not None:
            self._writer.mark_stale(row)
            self._published[row] = old._replace(quote=old.quote.as_stale())

    def _send(self) -> None:
        self.published_count += self._writer.publish_batch(self._batch)

    def _free(self, index: int) -> None:
        self._confirmed.pop(index, None)
        if self._published.pop(index, None) is not None:
            self._writer.retire_row(index)


def change_kind(old: Scored | None, new: Scored) -> int:
    """What differs, as the ring's mask; 0 = only the time."""
    if old is None:
        return _AMOUNTS | _ORACLE | _ROUTE | _FLAGS
    before, after = old.quote, new.quote
    kind = 0
    if before.output_amount != after.output_amount or before.key.input_amount != after.key.input_amount:
        kind |= _AMOUNTS
    if old.oracle_rate != new.oracle_rate:
        kind |= _ORACLE
    if before.route_id != after.route_id:
        kind |= _ROUTE
    if before.is_stale != after.is_stale:
        kind |= _FLAGS
    return kind


def _is_possible(scored: Scored, ts_ns: int) -> bool:
    quote = scored.quote
    return (
        0 < quote.output_amount <= AMOUNT_MAX
        and 0.0 <= quote.price_impact_fraction <= 1.0
        and quote.freshness.vouched_slot <= SLOT_MAX
        and ts_ns > 0
    )


def _mint_bytes(mint: str) -> bytes:
    return bytes(SoldersPubkey.from_string(mint))
