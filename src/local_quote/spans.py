"""Spans of what the market does with an account update: the update, and below it each quote that came of it.

Which quotes are sampled, and their ids, follow from the quotes (`quote_core.telemetry.quote_ids`): the trace of one
begins with the account update it came of. All of it is worked out after the quotes are on their way.
"""

from collections.abc import Sequence
from typing import NamedTuple

from local_quote.chain_offer import ChainOffer
from local_quote.pool_store import PoolStore
from local_quote.quote_rows import PoolOffer, states_of
from local_quote.row_table import LocalRowTable
from local_quote.settlement import NO_OFFER, RowState
from quote_core.clock import Clock
from quote_core.quote_id import LOCAL
from quote_core.quotes import route_id
from quote_core.solana import AccountUpdate
from quote_core.telemetry.afterwards import Afterwards, Told
from quote_core.telemetry.quote_ids import ACCOUNT_UPDATE, QUOTE, span_id_of
from quote_core.telemetry.traces import Tracer
from quote_core.units import Pubkey

__all__ = ["PricedSpans"]


class _Priced(NamedTuple):
    updates: Sequence[AccountUpdate]
    rows: bytes
    """What they said then, see `QuoteRows.copied`."""
    began_mono_ns: int
    ended_mono_ns: int
    wall_ahead_ns: int
    """What the wall clock shows more than the monotonic one."""


class PricedSpans:
    """Notes what was priced, and tells it afterwards."""

    def __init__(self, tracer: Tracer, store: PoolStore, table: LocalRowTable, clock: Clock) -> None:
        self._tracer = tracer
        self._store = store
        self._table = table
        self._clock = clock
        self._told = Told()
        self._later = Afterwards(self._tell)

    def priced(self, updates: Sequence[AccountUpdate], began_mono_ns: int, rows: Sequence[int]) -> None:
        """The updates were taken in from `began_mono_ns` until now, and changed these rows.

        Without any the rows were asked for, and priced from what was held.
        """
        if rows:
            now_mono_ns = self._clock.mono_ns()
            wall_ahead_ns = self._clock.unix_ns() - now_mono_ns
            copied = self._table.quotes.copied(rows)
            self._later.note(_Priced(updates, copied, began_mono_ns, now_mono_ns, wall_ahead_ns))

    def _tell(self, priced: _Priced) -> None:
        routes: dict[tuple[Pubkey, ...], int] = {}
        for row in states_of(priced.rows):
            if row.offer == NO_OFFER or row.is_stale:
                continue
            offer = self._offer(row)
            if offer is None:
                continue  # let go since
            pool_ids = _pool_ids(offer)
            route = routes.get(pool_ids)
            if route is None:
                route = routes[pool_ids] = route_id(pool_ids)
            trace_id = self._tracer.quotes.sampled(LOCAL, route, row.amount, row.output)
            if trace_id is not None and self._told.is_new(trace_id):  # a quote changes in other ways, too
                self._tell_quote(trace_id, row, offer, route, priced)

    def _offer(self, row: RowState) -> PoolOffer | ChainOffer | None:
        return self._table.offers.get(row.offer) or self._table.chain_offers.get(row.offer)

    def _tell_quote(
        self, trace_id: int, row: RowState, offer: PoolOffer | ChainOffer, route: int, priced: _Priced
    ) -> None:
        pool_ids = _pool_ids(offer)
        parent_span_id = self._tell_cause(trace_id, pool_ids, priced) if priced.updates else 0
        self._tracer.record(
            QUOTE,
            trace_id=trace_id,
            span_id=span_id_of(trace_id, QUOTE),
            parent_span_id=parent_span_id,
            start_unix_ns=priced.began_mono_ns + priced.wall_ahead_ns,
            end_unix_ns=priced.ended_mono_ns + priced.wall_ahead_ns,
            attributes={
                "solquote.pair": f"{offer.input_token.symbol}-{offer.output_token.symbol}",
                "solquote.pool": "/".join(pool_ids),
                "solquote.dex": offer.entries[0].pool.dex.value,
                "solquote.route_id": f"{route:016x}",
                "solquote.input_amount": str(row.amount),
                "solquote.output_amount": str(row.output),
                "solquote.version": row.version,
            },
        )

    def _tell_cause(self, trace_id: int, pool_ids: tuple[Pubkey, ...], priced: _Priced) -> int:
        of_pool = [one for one in priced.updates if set(pool_ids) & set(self._store.pool_ids_on(one.pubkey))]
        # Without one it was the chain's clock, or another pool, that made this quote another.
        cause = max(of_pool or priced.updates, key=lambda update: update.slot)
        span_id = span_id_of(trace_id, ACCOUNT_UPDATE)
        self._tracer.record(
            ACCOUNT_UPDATE,
            trace_id=trace_id,
            span_id=span_id,
            parent_span_id=0,
            start_unix_ns=cause.received_mono_ns + priced.wall_ahead_ns,
            end_unix_ns=priced.ended_mono_ns + priced.wall_ahead_ns,
            attributes={
                "solquote.account": cause.pubkey,
                "solquote.account.source": cause.source.name.lower(),
                "solquote.slot": cause.slot,
            },
        )
        return span_id


def _pool_ids(offer: PoolOffer | ChainOffer) -> tuple[Pubkey, ...]:
    return tuple(entry.pool.address for entry in offer.entries)
