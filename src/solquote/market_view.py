"""What shared memory says about each watched pair at one amount: pure, from quotes to rows for `solquote watch`."""

from collections.abc import Iterable
from dataclasses import dataclass

from quote_core.tokens import Pair, TokenRegistry
from quote_core.units import BPS
from shm import Quote, Role

__all__ = ["WatchRow", "watch_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRow:
    """A pair at about one amount of its base token."""

    pair: str
    base_amount: int | None = None
    """Input of the forward quote, smallest units; None when the pair has no quote."""
    forward_price: float | None = None
    """Whole quote tokens got for a whole base token."""
    reverse_price: float | None = None
    """Whole quote tokens paid for a whole base token."""
    spread_bps: float | None = None
    """Reverse over forward price; below zero a round trip gains, costs aside."""
    age_ms: int | None = None
    """Of the older leg."""
    confidence: float | None = None
    """Of the weaker leg."""
    source: str = ""
    """Whose forward quote it is: local or external."""
    is_stale: bool = False
    slot: int | None = None


def watch_rows(
    quotes: Iterable[Quote], registry: TokenRegistry, *, base_amount_lamports: int, now_unix_ns: int
) -> tuple[WatchRow, ...]:
    """One row for every watched pair, in table order; pairs without a quote have an empty one.

    Args:
        quotes: All valid entries of both files.
        registry: Pairs and decimals.
        base_amount_lamports: The forward quote nearest to this is shown, and the reverse quote nearest to its output.
        now_unix_ns: Wall clock, for ages.
    """
    by_pair: dict[tuple[str, str], list[Quote]] = {}
    for quote in quotes:
        by_pair.setdefault(quote.pair, []).append(quote)
    rows = []
    for pair in registry.pairs:
        forward = _nearest(by_pair.get((pair.base.mint, pair.quote.mint), []), base_amount_lamports)
        if forward is None:
            rows.append(WatchRow(pair=_name(pair)))
            continue
        reverse = _nearest(by_pair.get((pair.quote.mint, pair.base.mint), []), forward.output_amount)
        rows.append(_row(pair, forward, reverse, now_unix_ns=now_unix_ns))
    return tuple(rows)


def _nearest(quotes: Iterable[Quote], amount: int) -> Quote | None:
    """The quote for the amount nearest to `amount`; of two sources for it the one with more confidence."""
    return min(quotes, key=lambda quote: (abs(quote.input_amount - amount), -quote.confidence_bps), default=None)


def _row(pair: Pair, forward: Quote, reverse: Quote | None, *, now_unix_ns: int) -> WatchRow:
    scale = 10.0 ** (pair.base.decimals - pair.quote.decimals)
    legs = [forward] if reverse is None else [forward, reverse]
    forward_price = forward.price * scale
    reverse_price = scale / reverse.price if reverse is not None and reverse.output_amount else None
    return WatchRow(
        pair=_name(pair),
        base_amount=forward.input_amount,
        forward_price=forward_price,
        reverse_price=reverse_price,
        spread_bps=(reverse_price / forward_price - 1) * BPS if reverse_price and forward_price else None,
        age_ms=max(0, now_unix_ns - min(leg.ts_ns for leg in legs)) // 1_000_000,
        confidence=min(leg.confidence_bps for leg in legs) / BPS,
        source="local" if forward.role is Role.INTERNAL else "external",
        is_stale=any(leg.is_stale for leg in legs),
        slot=forward.slot,
    )


def _name(pair: Pair) -> str:
    return f"{pair.base.symbol}/{pair.quote.symbol}"
