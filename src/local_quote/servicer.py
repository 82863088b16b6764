"""The methods of `LocalQuoteService`: read the request, ask the market, write the answer."""

import contextlib
from collections.abc import AsyncGenerator, Callable, Collection, Iterator

from local_quote.evidence import EvidenceFinder
from local_quote.market import LocalMarket
from local_quote.pool_ranking import DroppedPool
from local_quote.route_finder import RouteTerms
from local_quote.routes import checked_amount, checked_pool, simulate_route
from local_quote.row_table import LocalQuote
from local_quote.wire import (
    QuoteEncoder,
    ToldQuotes,
    evidence_to,
    hops_from,
    oracle_prices_to,
    paired_to,
    pool_state_to,
    pools_to,
    simulation_to,
)
from local_quote.wire.evidence_message import ExplainQuoteRequest, QuoteEvidence
from local_quote.wire.messages import (
    BatchQuoteRequest,
    HealthRequest,
    HealthResponse,
    ListPoolsRequest,
    ListPoolsResponse,
    LocalQuoteRequest,
    OraclePricesRequest,
    OraclePricesResponse,
    PairedQuote,
    PairedQuoteRequest,
    PoolState,
    PoolStateRequest,
    SimulateRouteRequest,
    SimulateRouteResponse,
)
from quote_core.clock import Clock
from quote_core.dex.labels import ALL_DEXES
from quote_core.dex.pool import SwapMode
from quote_core.errors import InvalidField, MarketError
from quote_core.health import HealthReport
from quote_core.quote_id import LOCAL, parse_quote_id
from quote_core.serving import (
    BatchRequest,
    QuoteRequest,
    Subscription,
    read_batch_request,
    read_quote_request,
    write_health,
)
from quote_core.tokens import Token, checked_mint
from quote_core.units import NS_PER_S, Pubkey

__all__ = ["LocalQuoteServicer"]

_QUOTES_PER_MESSAGE_MAX = 4_000
"""Keeps a message well below the 4 MiB that gRPC clients accept by default."""

REFRESH_NS_DEFAULT = NS_PER_S
"""Everything is sent again this often unless the client says otherwise."""


class LocalQuoteServicer:
    """Serves one market; `hurry` asks for a pair's pools to be read ahead of the queue, `dropped` tells of others.

    `routes_max` is what searched routes may be at most, `route_hop_count_max` the most hops of a simulated one.
    """

    def __init__(
        self,
        *,
        market: LocalMarket,
        encoder: QuoteEncoder,
        clock: Clock,
        hurry: Callable[[Pubkey, Pubkey], None],
        dropped: Callable[[], Collection[DroppedPool]],
        health: Callable[[], HealthReport],
        quotes_per_request_max: int,
        route_hop_count_max: int,
        routes_max: RouteTerms,
        evidence: EvidenceFinder,
    ) -> None:
        self._market = market
        self._encoder = encoder
        self._clock = clock
        self._hurry = hurry
        self._dropped = dropped
        self._health = health
        self._quotes_per_request_max = quotes_per_request_max
        self._route_hop_count_max = route_hop_count_max
        self._routes_max = routes_max
        self._evidence = evidence

    async def stream_batch_quotes(self, request: BatchQuoteRequest) -> AsyncGenerator[bytes, None]:
        """Every combination once, then again whenever it changes, one a message."""
        async with contextlib.aclosing(self._follow(request)) as following:
            async for told, _ in following:
                for message in told.messages():
                    yield message

    async def stream_quote_batches(self, request: BatchQuoteRequest) -> AsyncGenerator[bytes, None]:
        """The same, what changed together in one message."""
        sequence = 1
        async with contextlib.aclosing(self._follow(request)) as following:
            async for told, is_snapshot in following:
                batches = told.batches(count_max=_QUOTES_PER_MESSAGE_MAX, sequence=sequence, snapshot=is_snapshot)
                sequence += len(batches)
                for batch in batches:
                    yield batch

    async def stream_quote_columns(self, request: BatchQuoteRequest) -> AsyncGenerator[bytes, None]:
        """The same as columns."""
        sequence = 1
        async with contextlib.aclosing(self._follow(request)) as following:
            async for told, is_snapshot in following:
                messages = told.columns(count_max=_QUOTES_PER_MESSAGE_MAX, sequence=sequence, snapshot=is_snapshot)
                sequence += len(messages)
                for message in messages:
                    yield message

    def get_quote(self, request: LocalQuoteRequest) -> bytes:
        """The best of the pair's pools now, or the best route where one of several swaps is asked for or needed."""
        asked = read_quote_request(request, self._market.registry)
        terms = self._terms(asked)
        by_mint = self._market.registry.by_mint
        tokens = by_mint(asked.input_mint, field="input_mint"), by_mint(asked.output_mint, field="output_mint")
        if terms.hop_count_max > 1 or terms.leg_count_max > 1 or terms.account_count_max:
            return self._routed(*tokens, asked.amount, asked.mode, terms)
        self._hurry(tokens[0].mint, tokens[1].mint)
        if asked.mode is SwapMode.EXACT_IN and asked.dexes == ALL_DEXES:
            return self._encoded(self._market.quote(*tokens, asked.amount))
        chosen = self._market.chosen(*tokens, asked.amount, mode=asked.mode, dexes=asked.dexes)
        if asked.mode is SwapMode.EXACT_OUT:
            self._evidence.note(chosen, asked.amount, asked.mode)
        return self._encoded(chosen)

    def _terms(self, asked: QuoteRequest) -> RouteTerms:
        """What the route may be, as asked for, within the service's own bounds.

        Raises:
            InvalidField: Beyond them.
        """
        if asked.hop_count_max > self._routes_max.hop_count_max:
            raise InvalidField("max_hops", f"must be at most {self._routes_max.hop_count_max} here")
        if asked.leg_count_max > self._routes_max.leg_count_max:
            raise InvalidField("max_splits", f"must be at most {self._routes_max.leg_count_max} here")
        is_direct = bool(self._market.store.of_pair(asked.input_mint, asked.output_mint))
        hop_count_max = asked.hop_count_max or (1 if is_direct else self._routes_max.hop_count_max)
        return RouteTerms(asked.dexes, hop_count_max, asked.leg_count_max or 1, asked.account_count_max)

    def _routed(self, input_token: Token, output_token: Token, amount: int, mode: SwapMode, terms: RouteTerms) -> bytes:
        quote = self._market.routed(input_token, output_token, amount, mode=mode, terms=terms)
        self._evidence.note(quote, amount, mode)
        for swap in quote.route.swaps:
            self._hurry(swap.entry.pool.mint_a, swap.entry.pool.mint_b)
        return self._encoder.routed(quote, self._market.chain_clock)

    def get_paired_quote(self, request: PairedQuoteRequest) -> PairedQuote:
        """Forward and reverse of one state; one that cannot be given says so in its `error`."""
        tokens = self._market.registry.pair(request.input_mint, request.output_mint)
        amount = checked_amount(request.input_amount)
        self._hurry(tokens[0].mint, tokens[1].mint)
        forward: LocalQuote | None = None
        try:
            forward = self._market.quote(*tokens, amount)
            forward_bytes = self._encoded(forward)
        except MarketError as error:
            if not request.reverse_amount:
                raise
            forward_bytes = self._encoder.refusal(request.input_mint, request.output_mint, amount, error)
        reverse_amount = request.reverse_amount or (forward.swap.output_amount if forward else 0)
        slots = [forward.swap.entry.slot] if forward else []
        try:
            reverse = self._market.quote(tokens[1], tokens[0], reverse_amount)
            slots.append(reverse.swap.entry.slot)
            reverse_bytes = self._encoded(reverse)
        except MarketError as error:
            if forward is None:
                raise
            reverse_bytes = self._encoder.refusal(request.output_mint, request.input_mint, reverse_amount, error)
        return paired_to(forward_bytes, reverse_bytes, max(slots))

    def simulate_route(self, request: SimulateRouteRequest) -> SimulateRouteResponse:
        """A chain of swaps on the state held now."""
        simulated = simulate_route(
            quoter=self._market.quoter,
            store=self._market.store,
            registry=self._market.registry,
            hops=hops_from(request),
            input_amount=request.input_amount,
            hop_count_max=self._route_hop_count_max,
            with_taken=request.with_taken,
        )
        return simulation_to(simulated, self._clock.mono_ns())

    def get_pool_state(self, request: PoolStateRequest) -> PoolState:
        """One pool as it is held."""
        pool_id = checked_pool(self._market.store, request.pool_id, field="pool_id")
        entry = self._market.store.entry(pool_id)
        assert entry is not None
        return pool_state_to(entry, self._market, self._clock.mono_ns())

    def list_pools(self, request: ListPoolsRequest) -> ListPoolsResponse:
        """The pools that hold the mints named."""
        named = (("mint_a", request.mint_a), ("mint_b", request.mint_b))
        mints = {checked_mint(mint, field=field) for field, mint in named if mint}
        entries = [entry for entry in self._market.store if mints <= {entry.pool.mint_a, entry.pool.mint_b}]
        known = self._dropped() if request.include_dropped else ()
        dropped = [one for one in known if mints <= set(one.candidate.pair)]
        return pools_to(entries, dropped, self._market, self._clock.mono_ns())

    def get_oracle_prices(self, request: OraclePricesRequest) -> OraclePricesResponse:
        """The reference price of every registered token."""
        del request  # it has no fields
        clock = self._market.quoter.now_on_chain()
        return oracle_prices_to(self._market.oracle.readings(clock, self._clock.mono_ns()), clock.slot)

    def explain_quote(self, request: ExplainQuoteRequest) -> QuoteEvidence:
        """What a quote of an id rests on."""
        quote_id = parse_quote_id(request.quote_id)
        if quote_id.source != LOCAL:
            raise InvalidField("quote_id", "is of an outside provider's quote, which this service did not give")
        return evidence_to(quote_id, self._evidence.find(quote_id))

    def health(self, request: HealthRequest) -> HealthResponse:
        """How the service is."""
        del request  # it has no fields
        return write_health(self._health())

    async def _follow(self, request: BatchQuoteRequest) -> AsyncGenerator[tuple[ToldQuotes, bool], None]:
        """What a stream is to be told, and whether that is the first set: all, then what changed or is due again."""
        wanted = read_batch_request(request, self._market.registry, quote_count_max=self._quotes_per_request_max)
        refresh_ns = wanted.refresh_interval_ns or REFRESH_NS_DEFAULT
        with self._subscribed(wanted) as subscription:
            turns, labels = subscription.turns(refresh_ns=refresh_ns, clock=self._clock), subscription.labels
            first = subscription.take_all()
            yield self._encoder.told(labels, first, self._market.chain_clock, wanted.refused), True
            async for rows in turns:
                yield self._encoder.told(labels, rows, self._market.chain_clock), False

    @contextlib.contextmanager
    def _subscribed(self, wanted: BatchRequest) -> Iterator[Subscription[int, int]]:
        self._market.subscriptions.check_room()
        pair = self._market.registry.pair
        rows = self._market.register((*pair(key.input_mint, key.output_mint), key.input_amount) for key in wanted.keys)
        try:
            with self._market.subscriptions.follow(zip(rows, wanted.numbers, strict=True)) as subscription:
                yield subscription
        finally:
            self._market.table.release(rows)

    def _encoded(self, quote: LocalQuote) -> bytes:
        return self._encoder.quote(quote, self._market.chain_clock)
