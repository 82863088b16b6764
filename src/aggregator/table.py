"""The quote table: per row the newest answer of each source, scored and merged, and its encoded bytes.

Pure but for the clock. What arrives is checked against the row it claims to be: a number may have been given to
another amount while the answer was on its way. A row is encoded at most once a change, when the first subscriber
asks; all others get the same bytes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from aggregator.held import HeldQuote, Source
from aggregator.selection import Merged, confidence_of, merge
from quote_core.clock import Clock
from quote_core.quotes import QuoteKey
from quote_core.tokens import TokenRegistry

__all__ = ["Arrival", "QuoteTable", "RowEncoder", "merged_now"]

_EMPTY = merge(None, None, None, None)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a batch did: rows that now say something else, and rows only confirmed."""

    changed: tuple[int, ...]
    confirmed: tuple[int, ...]


class RowEncoder(Protocol):
    """Makes the bytes subscribers get; module `wire` is one."""

    def row_prefix(self, key: QuoteKey) -> bytes:
        """The part that never changes."""
        ...

    def encode_row(self, prefix: bytes, merged: Merged, version: int) -> bytes:
        """The whole."""
        ...


class _Row:
    __slots__ = ("body", "external", "key", "local", "merged", "prefix", "rate_scale", "version")

    def __init__(self, key: QuoteKey, rate_scale: float, prefix: bytes) -> None:
        self.key = key
        self.prefix = prefix
        self.rate_scale = rate_scale
        self.local: HeldQuote | None = None
        self.external: HeldQuote | None = None
        self.merged: Merged = _EMPTY
        self.version = 0
        self.body: bytes | None = None


class QuoteTable:
    """All rows, by number."""

    def __init__(
        self,
        *,
        tokens: TokenRegistry,
        clock: Clock,
        stale_after_ns: dict[Source, int],
        encoder: RowEncoder,
    ) -> None:
        self._tokens = tokens
        self._clock = clock
        self._stale_after_ns = stale_after_ns
        self._encoder = encoder
        self._rows: dict[int, _Row] = {}
        self.misdirected_count = 0
        """Answers for a row that meanwhile means something else, or nothing."""

    def row_added(self, index: int, key: QuoteKey) -> None:
        """Begin a row, empty."""
        input_token = self._tokens.by_mint(key.input_mint, field="input_mint")
        output_token = self._tokens.by_mint(key.output_mint, field="output_mint")
        self._rows[index] = _Row(
            key, 10.0 ** (input_token.decimals - output_token.decimals), self._encoder.row_prefix(key)
        )

    def row_removed(self, index: int, key: QuoteKey) -> None:
        """Forget a row."""
        del self._rows[index]

    def merged(self, index: int) -> Merged:
        """What the row says now."""
        return self._rows[index].merged

    def is_answered(self, index: int) -> bool:
        """Whether there is a price, or the local service's word that there is none; others' refusals settle nothing."""
        merged = self._rows[index].merged
        return merged.local is not None or merged.best is not None

    def body(self, index: int) -> bytes:
        """The row as an encoded message without row number."""
        row = self._rows[index]
        if row.body is None:
            row.body = self._encoder.encode_row(row.prefix, row.merged, row.version)
        return row.body

    def offer(self, quotes: Iterable[HeldQuote]) -> Arrival:
        """Take one source's answers."""
        now_mono_ns = self._clock.mono_ns()
        changed: list[int] = []
        confirmed: list[int] = []
        for quote in quotes:
            row = self._rows.get(quote.row)
            if row is None or row.key != quote.key:
                self.misdirected_count += 1
                continue
            (changed if self._place(row, quote, now_mono_ns) else confirmed).append(quote.row)
        return Arrival(tuple(changed), tuple(confirmed))

    def expire(self, make_stale: Callable[[HeldQuote], HeldQuote]) -> tuple[HeldQuote, ...]:
        """Mark what has not been confirmed within its source's limit; give the answers that became stale."""
        now_mono_ns = self._clock.mono_ns()
        expired: list[HeldQuote] = []
        for row in self._rows.values():
            for quote in (row.local, row.external):
                if quote is None or quote.is_stale or quote.refusal is not None:
                    continue
                if now_mono_ns - quote.received_mono_ns > self._stale_after_ns[quote.source]:
                    stale = make_stale(quote)
                    self._place(row, stale, now_mono_ns)
                    expired.append(stale)
        return tuple(expired)

    def _place(self, row: _Row, quote: HeldQuote, now_mono_ns: int) -> bool:
        if quote.source is Source.LOCAL:
            old, row.local = row.local, quote
        else:
            old, row.external = row.external, quote
        row.merged = merged_now(row.local, row.external, row.rate_scale, now_mono_ns)
        row.body = None
        changed = old is None or _differs(old, quote)
        row.version += changed
        return changed


def merged_now(local: HeldQuote | None, external: HeldQuote | None, rate_scale: float, now_mono_ns: int) -> Merged:
    """Score whatever has a price, and merge."""
    depth = local.depth_amount if local is not None else 0
    local_confidence = external_confidence = None
    if local is not None and local.refusal is None:
        local_confidence = confidence_of(local, rate_scale=rate_scale, depth_amount=depth, now_mono_ns=now_mono_ns)
    if external is not None and external.refusal is None:
        external_confidence = confidence_of(
            external, rate_scale=rate_scale, depth_amount=depth, now_mono_ns=now_mono_ns
        )
    return merge(local, external, local_confidence, external_confidence)


def _differs(old: HeldQuote, new: HeldQuote) -> bool:
    return (
        old.version != new.version
        or old.output_amount != new.output_amount
        or old.is_stale != new.is_stale
        or old.route_id != new.route_id
        or old.oracle_price != new.oracle_price
        or old.refusal != new.refusal
    )
