"""The methods of `LocalQuoteService`: read the request, ask the market, write the answer."""

import contextlib
from collections.abc import AsyncGenerator, Callable, Iterator

from local_quote.market import LocalMarket
from local_quote.routes import checked_amount, checked_pool, simulate_route
from local_quote.row_table import LocalQuote
from local_quote.wire import (
    QuoteEncoder,
    ToldQuotes,
    hops_from,
    oracle_prices_to,
    paired_to,
    pool_state_to,
    pools_to,
    simulation_to,
)
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
from quote_core.errors import MarketError
from quote_core.health import HealthReport
from quote_core.serving import (
    BatchRequest,
    Subscription,
    read_batch_request,
    read_quote_request,
    write_health,
)
from quote_core.tokens import checked_mint
from quote_core.units import NS_PER_S, Pubkey

__all__ = ["LocalQuoteServicer"]

_QUOTES_PER_MESSAGE_MAX = 4_000
"""Keeps a message well below the 4 MiB that gRPC clients accept by default."""

REFRESH_NS_DEFAULT = NS_PER_S
"""Everything is sent again this often unless the client says otherwise."""


class LocalQuoteServicer:
    """Serves one market; `hurry` asks for a pair's pools to be read ahead of the queue."""

    def __init__(
        self,
        *,
        market: LocalMarket,
        encoder: QuoteEncoder,
        clock: Clock,
        hurry: Callable[[Pubkey, Pubkey], None],
        health: Callable[[], HealthReport],
        quotes_per_request_max: int,
        route_hop_count_max: int,
    ) -> None:
        self._market = market
        self._encoder = encoder
        self._clock = clock
        self._hurry = hurry
        self._health = health
        self._quotes_per_request_max = quotes_per_request_max
        self._route_hop_count_max = route_hop_count_max

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
        """The best of the pair's pools now."""
        asked = read_quote_request(request, self._market.registry)
        tokens = self._market.registry.pair(asked.input_mint, asked.output_mint)
        self._hurry(tokens[0].mint, tokens[1].mint)
        if asked.key is not None:
            return self._encoded(self._market.quote(*tokens, asked.amount))
        return self._encoded(self._market.chosen(*tokens, asked.amount, mode=asked.mode, dexes=asked.dexes))

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
        return pools_to(entries, self._market, self._clock.mono_ns())

    def get_oracle_prices(self, request: OraclePricesRequest) -> OraclePricesResponse:
        """The reference price of every registered token."""
        del request  # it has no fields
        clock = self._market.quoter.now_on_chain()
        return oracle_prices_to(self._market.oracle.readings(clock, self._clock.mono_ns()), clock.slot)

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
