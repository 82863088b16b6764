"""The quote table: per row the newest answer of each source, and the row's encoded bytes.

Pure but for the clock. What arrives is checked against the row it claims to be: a number may have been given to
another amount while the answer was on its way. Scores and staleness are of the moment they are asked for. A row is
encoded when the first subscriber asks; all others get the same bytes for as long as they are true: until the row
changes, one of its quotes becomes stale, or they are `BODY_AGE_NS_MAX` old.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from aggregator.held import HeldQuote, Source
from aggregator.selection import Judge, Merged, Scored
from quote_core.clock import Clock, Moment, moment
from quote_core.quotes import QuoteKey
from quote_core.tokens import TokenRegistry

__all__ = ["BODY_AGE_NS_MAX", "Arrival", "QuoteTable", "RowEncoder"]

BODY_AGE_NS_MAX: Final = 250_000_000
"""How old a row's bytes may be when they are told: in this time a score falls by little more than a thousandth."""

LOOK_NS_MAX: Final = 1_000_000_000
"""Ages of another host's answers go by the wall clock, which may be set: all are looked at again after so long."""


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
    __slots__ = ("body", "body_until_mono_ns", "external", "key", "local", "prefix", "rate_scale", "version")

    def __init__(self, key: QuoteKey, rate_scale: float, prefix: bytes) -> None:
        self.key = key
        self.prefix = prefix
        self.rate_scale = rate_scale
        self.local: HeldQuote | None = None
        self.external: HeldQuote | None = None
        self.version = 0
        self.body: bytes | None = None
        self.body_until_mono_ns = 0

    def side(self, source: Source) -> HeldQuote | None:
        """One source's answer."""
        return self.local if source is Source.LOCAL else self.external


class QuoteTable:
    """All rows, by number."""

    def __init__(
        self,
        *,
        tokens: TokenRegistry,
        clock: Clock,
        judge: Judge,
        encoder: RowEncoder,
    ) -> None:
        self._tokens = tokens
        self._clock = clock
        self._judge = judge
        self._encoder = encoder
        self._rows: dict[int, _Row] = {}
        self._look_at_mono_ns = 0
        """Before that no answer can have become stale by its age."""
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
        """What the row says at this moment."""
        return self._merged(self._rows[index], moment(self._clock))

    def scored(self, source: Source, indexes: Iterable[int]) -> list[Scored]:
        """One source's answers for rows it has answered, as of this moment."""
        now = moment(self._clock)
        scored: list[Scored] = []
        for index in indexes:
            row = self._rows[index]
            quote = row.side(source)
            assert quote is not None, "only rows that this source has answered"
            scored.append(self._judge.scored(quote, local=row.local, rate_scale=row.rate_scale, now=now))
        return scored

    def is_answered(self, index: int) -> bool:
        """Whether there is a price, or the local service's word that there is none; others' refusals settle nothing."""
        row = self._rows[index]
        return row.local is not None or (row.external is not None and row.external.refusal is None)

    def body(self, index: int) -> bytes:
        """The row as an encoded message without row number."""
        return next(self.bodies((index,)))

    def bodies(self, indexes: Iterable[int]) -> Iterator[bytes]:
        """Rows as encoded messages without row number, all as of the moment the first is asked for."""
        now = moment(self._clock)
        for index in indexes:
            row = self._rows[index]
            if row.body is None or now.mono_ns > row.body_until_mono_ns:
                merged = self._merged(row, now)
                row.body = self._encoder.encode_row(row.prefix, merged, row.version)
                row.body_until_mono_ns = now.mono_ns + self._true_for_ns(merged)
            yield row.body

    def offer(self, quotes: Iterable[HeldQuote]) -> Arrival:
        """Take one source's answers."""
        now = moment(self._clock)
        changed: list[int] = []
        confirmed: list[int] = []
        for quote in quotes:
            row = self._rows.get(quote.row)
            if row is None or row.key != quote.key:
                self.misdirected_count += 1
                continue
            (changed if self._place(row, self._aged(quote, now)) else confirmed).append(quote.row)
        return Arrival(tuple(changed), tuple(confirmed))

    def expire(self) -> tuple[HeldQuote, ...]:
        """Mark what has grown older than its source's limit; give the answers that became stale."""
        now = moment(self._clock)
        if now.mono_ns < self._look_at_mono_ns:
            return ()
        self._look_at_mono_ns = now.mono_ns + LOOK_NS_MAX
        expired: list[HeldQuote] = []
        for row in self._rows.values():
            for quote in (row.local, row.external):
                aged = quote and self._aged(quote, now)
                if aged is not None and aged is not quote:
                    self._place(row, aged)
                    expired.append(aged)
        return tuple(expired)

    def _aged(self, quote: HeldQuote, now: Moment) -> HeldQuote:
        """The answer as of now; when it will be another by its age alone, all are looked at."""
        fresh_for_ns = self._judge.fresh_for_ns(quote, now)
        if fresh_for_ns < 0:
            return quote.as_stale()
        if now.mono_ns + fresh_for_ns < self._look_at_mono_ns:
            self._look_at_mono_ns = now.mono_ns + fresh_for_ns + 1
        return quote

    def _merged(self, row: _Row, now: Moment) -> Merged:
        return self._judge.merged(row.local, row.external, rate_scale=row.rate_scale, now=now)

    def _true_for_ns(self, merged: Merged) -> int:
        true_for_ns = BODY_AGE_NS_MAX
        for quote in (merged.local, merged.external):
            if quote is not None:
                true_for_ns = min(true_for_ns, self._judge.fresh_for_ns(quote, merged.at))
        return true_for_ns

    def _place(self, row: _Row, quote: HeldQuote) -> bool:
        if quote.source is Source.LOCAL:
            old, row.local = row.local, quote
        else:
            old, row.external = row.external, quote
        row.body = None
        changed = old is None or _differs(old, quote)
        row.version += changed
        return changed


def _differs(old: HeldQuote, new: HeldQuote) -> bool:
    return (
        old.version != new.version
        or old.output_amount != new.output_amount
        or old.is_stale != new.is_stale
        or old.route_id != new.route_id
        or old.oracle_price != new.oracle_price
        or old.refusal != new.refusal
    )
