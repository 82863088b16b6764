"""Quotes of every watched pair at one size, and the pools behind them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from aggregator.held import Source
from aggregator.page.board import Board
from aggregator.selection import Merged
from aggregator.table import QuoteTable
from aggregator.upstream_wire import PoolSummary, provider_of
from aggregator.watched import WatchedRows
from quote_core.dex.labels import jupiter_label
from quote_core.errors import UpstreamError
from quote_core.tokens import Pair, TokenRegistry
from quote_core.units import BPS, NS_PER_MS, decimal_from_amount

__all__ = ["PoolsPanel", "QuotesPanel", "pool_content", "quotes_content"]

_QUOTES_EVERY_S: Final = 0.25
_POOLS_EVERY_S: Final = 1.0


class QuotesPanel:
    """Topic `quotes`: bid and ask of each pair, as the table has them.

    Args:
        table: Where the quotes are.
        watched: Which rows they are in.
        pairs: In the order in which they are shown.
        amounts: The sizes, smallest units of a pair's base token.
    """

    def __init__(self, table: QuoteTable, watched: WatchedRows, pairs: Sequence[Pair], amounts: Sequence[int]) -> None:
        self._table = table
        self._watched = watched
        self._pairs = pairs
        self._amounts = amounts

    async def run(self, board: Board) -> None:
        """Put them a few times a second, for each size that somebody looks at."""
        while True:
            for size in board.sizes:
                if size < len(self._amounts):
                    board.put("quotes", self.content(size), size=size)
            await asyncio.sleep(_QUOTES_EVERY_S)

    def content(self, size: int) -> dict[str, Any]:
        """All pairs at the amount of this index."""
        legs = (
            (pair, self._merged(position, size, is_reverse=False), self._merged(position, size, is_reverse=True))
            for position, pair in enumerate(self._pairs)
        )
        return {"size": size, "pairs": [quotes_content(*each) for each in legs]}

    def _merged(self, position: int, size: int, *, is_reverse: bool) -> Merged | None:
        row = self._watched.row(position, size, is_reverse=is_reverse)
        return None if row is None else self._table.merged(row)


def quotes_content(pair: Pair, forward: Merged | None, reverse: Merged | None) -> dict[str, Any]:
    """One pair: what a base token brings (bid) and costs (ask), in quote tokens."""
    scale = 10.0 ** (pair.base.decimals - pair.quote.decimals)
    bid = _leg(forward, lambda paid, got: got / paid * scale)
    ask = _leg(reverse, lambda paid, got: paid / got * scale)
    bid_price, ask_price = bid and bid.get("price"), ask and ask.get("price")
    return {
        "pair": f"{pair.base.symbol}/{pair.quote.symbol}",
        "amount": None if forward is None else _whole(_key_amount(forward), pair.base.decimals),
        "bid": bid,
        "ask": ask,
        "spread_bps": (ask_price / bid_price - 1) * BPS if bid_price and ask_price else None,
        "oracle_price": None if forward is None else forward.oracle_rate,
    }


def _leg(merged: Merged | None, price: Callable[[int, int], float]) -> dict[str, Any] | None:
    """One direction; `None` when its row is empty."""
    if merged is None:
        return None
    quote, confidence = merged.best_quote, merged.best_confidence
    if quote is None or confidence is None or quote.output_amount <= 0:
        refusal = merged.refusal.message if merged.refusal is not None else "gives nothing"
        return {"refusal": refusal}
    return {
        "price": price(quote.key.input_amount, quote.output_amount),
        "source": "local" if quote.source is Source.LOCAL else (provider_of(quote) or "external"),
        "route": [{"protocol": jupiter_label(hop.protocol), "pool_id": hop.pool_id} for hop in quote.route],
        "confidence": round(confidence.score, 4),
        "decision": merged.decision.name.lower(),
        "caps": [cap.reason.name.lower() for cap in confidence.caps],
        "impact_fraction": quote.price_impact_fraction,
        "age_ms": quote.freshness.age_ns(merged.at) // NS_PER_MS,
        "slot": quote.freshness.vouched_slot,
        "is_stale": quote.is_stale,
    }


def _key_amount(merged: Merged) -> int:
    quote = merged.local or merged.external
    return 0 if quote is None else quote.key.input_amount


def _whole(amount: int, decimals: int) -> float:
    return float(decimal_from_amount(amount, decimals))


class PoolsPanel:
    """Topic `pools`: what the local quote service holds.

    Args:
        pools: Asks it.
        tokens: For symbols and decimals.
    """

    def __init__(self, pools: Callable[[], Awaitable[Iterable[PoolSummary]]], tokens: TokenRegistry) -> None:
        self._pools = pools
        self._tokens = tokens

    async def run(self, board: Board) -> None:
        """Put them once a second; a service that does not answer is told, and its last answer stays beside that."""
        pools: list[dict[str, Any]] = []
        while True:
            error = ""
            try:
                pools = list(pool_content(await self._pools(), self._tokens))
            except UpstreamError as failure:
                error = str(failure)
            board.put("pools", {"pools": pools, "error": error})
            await asyncio.sleep(_POOLS_EVERY_S)


def pool_content(pools: Iterable[PoolSummary], tokens: TokenRegistry) -> Iterator[dict[str, Any]]:
    """Pools of watched pairs, in the pairs' order; price and depth as seen from the base token."""
    by_pair: dict[frozenset[str], list[PoolSummary]] = {}
    for pool in pools:
        by_pair.setdefault(frozenset((pool.mint_a, pool.mint_b)), []).append(pool)
    for pair in tokens.pairs:
        for pool in by_pair.get(frozenset((pair.base.mint, pair.quote.mint)), ()):
            is_forward = pool.mint_a == pair.base.mint
            yield {
                "pair": f"{pair.base.symbol}/{pair.quote.symbol}",
                "protocol": jupiter_label(pool.protocol),
                "pool_id": pool.pool_id,
                "price": pool.price if is_forward or not pool.price else 1 / pool.price,
                "fee_fraction": pool.fee_fraction_a_to_b if is_forward else pool.fee_fraction_b_to_a,
                "depth_base": _whole(pool.depth_a_amount if is_forward else pool.depth_b_amount, pair.base.decimals),
                "depth_quote": _whole(pool.depth_b_amount if is_forward else pool.depth_a_amount, pair.quote.decimals),
                "age_ms": pool.age_ms,
                "is_stale": pool.is_stale,
                "refusal": "" if pool.is_tradable else (pool.refusal or "takes no swaps"),
                "provenance": "" if pool.provenance is None else pool.provenance.name.lower(),
            }
