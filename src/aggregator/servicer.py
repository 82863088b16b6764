"""The gRPC API: decode, call, encode. Handlers give ready bytes, because rows are encoded once for everybody."""

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from aggregator import wire
from aggregator.evidence import EvidenceRelay
from aggregator.fanout import Fanout
from aggregator.feeds import Feeds
from aggregator.health import AggregatorHealth
from aggregator.held import Refusal
from aggregator.routes import Routes
from quote_core.errors import InvalidField, SolquoteError
from quote_core.quotes import QuoteKey
from quote_core.serving import (
    READ_EXPLAIN_REQUEST,
    READ_HEALTH_REQUEST,
    QuoteRequest,
    abort_with,
    read_quote_request,
    streaming,
    write_health,
)
from quote_core.tokens import TokenRegistry

__all__ = ["SERVICE_NAME", "AggregatorServicer"]

SERVICE_NAME: Final = "solquote.v1.QuoteAggregatorService"
_REQUESTS_KNOWN_MAX: Final = 4096
"""Single requests, by their bytes, that are not read again: clients ask for the same amounts over and over."""
_REQUEST_BYTES_MAX: Final = 512
"""Longer ones are read each time: what is kept stays small whatever unknown fields a client puts into its requests."""

_Context = grpc.aio.ServicerContext[Any, Any]
_Messages = AsyncGenerator[bytes, None]


class AggregatorServicer:
    """`QuoteAggregatorService`."""

    def __init__(
        self,
        *,
        tokens: TokenRegistry,
        fanout: Fanout,
        feeds: Feeds,
        routes: Routes,
        evidence: EvidenceRelay,
        health: AggregatorHealth,
    ) -> None:
        self._tokens = tokens
        self._fanout = fanout
        self._feeds = feeds
        self._routes = routes
        self._evidence = evidence
        self._health = health
        self._read_once = functools.lru_cache(_REQUESTS_KNOWN_MAX)(self._read)

    def register(self, server: grpc.aio.Server) -> None:
        """Add all methods to a server."""
        unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "GetQuote": unary(_answering(self.get_quote)),
            "GetRoute": unary(_answering(self.get_route), wire.ROUTE_REQUEST),
            "ExplainQuote": unary(_answering(self.explain_quote), READ_EXPLAIN_REQUEST),
            "Health": unary(_answering(self.get_health), READ_HEALTH_REQUEST),
            "StreamQuotes": stream(streaming(self.stream_quotes), wire.AGGREGATED_REQUEST),
            "StreamBatchQuotes": stream(streaming(self.stream_batch_quotes), wire.BATCH_REQUEST),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE_NAME, handlers),))

    async def get_quote(self, request: bytes) -> bytes | Refusal:
        """One quote, now; of a held one what is told is made as of now, and nothing else."""
        asked, key = (self._read_once if len(request) <= _REQUEST_BYTES_MAX else self._read)(request)
        held = None if key is None else self._fanout.held_body(key)
        if held is not None:
            return held
        merged = await (self._fanout.local_alone(asked) if key is None else self._fanout.quote(key))
        if merged.refusal is not None:
            return merged.refusal
        best = merged.best_quote
        assert best is not None, "neither a price nor a reason"
        return wire.encode_row(wire.row_prefix(best.key), merged, 0)

    async def get_route(self, request: Any) -> bytes | Refusal:
        """The route behind an id."""
        route = self._routes.find(request.route_id)
        if route is None:
            return Refusal("NOT_FOUND", f"route_id: no quote has used route {request.route_id} lately")
        return wire.route_message(request.route_id, route)

    async def explain_quote(self, request: Any) -> bytes | Refusal:
        """What a quote of an id rests on."""
        return await self._evidence.explain(request.quote_id)

    async def get_health(self, request: Any) -> bytes:
        """How the service is."""
        encoded: bytes = write_health(self._health.report()).SerializeToString()
        return encoded

    def stream_quotes(self, request: Any, context: _Context) -> _Messages:
        """One pair and amount, and whatever changes about it."""
        key = read_quote_request(request, self._tokens).key
        if key is None:
            named = ("output_amount", "max_hops", "max_splits", "only_direct_routes", "max_accounts")
            field = next((name for name in named if getattr(request, name)), "dexes")
            raise InvalidField(field, "is of GetQuote alone, a stream follows amounts that go in, over all DEXes")
        return self._feeds.single(context.peer(), key)

    def stream_batch_quotes(self, request: Any, context: _Context) -> _Messages:
        """All pairs and amounts of a request."""
        return self._feeds.batch(context.peer(), request)

    def _read(self, request: bytes) -> tuple[QuoteRequest, QuoteKey | None]:
        """A request, checked, and the key of the row that could answer it."""
        try:
            message = wire.AGGREGATED_REQUEST(request)
        except DecodeError as error:
            raise InvalidField("request", "is no AggregatedQuoteRequest") from error
        asked = read_quote_request(message, self._tokens)
        return asked, asked.key


def _answering(method: Callable[[Any], Awaitable[bytes | Refusal]]) -> Callable[[Any, _Context], Awaitable[bytes]]:
    async def answer(request: Any, context: _Context) -> bytes:
        try:
            answered = await method(request)
        except SolquoteError as error:
            await abort_with(context, error)
        if isinstance(answered, Refusal):
            await context.abort(grpc.StatusCode[answered.code], answered.message)
        return answered

    return answer
