"""The gRPC API: decode, call, encode."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc
import grpc.aio

from external_quote import wire
from external_quote.answers_kept import AnswersKept
from external_quote.health import ExternalQuoteHealth
from external_quote.quoter import SLIPPAGE_BPS_DEFAULT, ProviderQuoter
from external_quote.split_cache import SplitCache
from external_quote.streams import ProviderStreams
from quote_core.errors import InvalidField, SolquoteError
from quote_core.quote_id import EXTERNAL, parse_quote_id
from quote_core.resilience import Party
from quote_core.serving import (
    READ_EXPLAIN_REQUEST,
    READ_HEALTH_REQUEST,
    abort_with,
    checked_key,
    streaming,
    write_health,
)
from quote_core.tokens import TokenRegistry
from quote_core.units import BPS, NS_PER_S

__all__ = ["SERVICE_NAME", "ExternalQuoteServicer"]

SERVICE_NAME: Final = "solquote.v1.ExternalQuoteService"
_Context = grpc.aio.ServicerContext[Any, Any]


class ExternalQuoteServicer:
    """`ExternalQuoteService`."""

    def __init__(
        self,
        *,
        tokens: TokenRegistry,
        quoter: ProviderQuoter,
        cache: SplitCache,
        streams: ProviderStreams,
        health: ExternalQuoteHealth,
        answers: AnswersKept,
    ) -> None:
        self._tokens = tokens
        self._quoter = quoter
        self._cache = cache
        self._streams = streams
        self._health = health
        self._answers = answers

    def register(self, server: grpc.aio.Server) -> None:
        """Add all methods to a server."""
        unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "GetQuote": unary(_answering(self.get_quote), wire.QUOTE_REQUEST, _encoded),
            "GetProviderHealth": unary(_answering(self.get_provider_health), wire.PROVIDER_HEALTH_REQUEST, _encoded),
            "ExplainQuote": unary(_answering(self.explain_quote), READ_EXPLAIN_REQUEST, _encoded),
            "Health": unary(_answering(self.get_health), READ_HEALTH_REQUEST, _encoded),
            "StreamBatchQuotes": stream(
                streaming(lambda request, _: self._streams.singles(request)), wire.BATCH_REQUEST, _encoded
            ),
            "StreamQuoteBatches": stream(
                streaming(lambda request, _: self._streams.batches(request)), wire.BATCH_REQUEST, _encoded
            ),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE_NAME, handlers),))

    async def get_quote(self, request: Any, time_left_s: float | None) -> Any:
        """One quote, from the cache when young enough."""
        key = checked_key(self._tokens, request.input_mint, request.output_mint, request.input_amount)
        if request.slippage_bps > BPS:
            raise InvalidField("slippage_bps", f"must be at most {BPS}, got {request.slippage_bps}")
        cached = await self._quoter.quote(
            key,
            party=Party.ON_DEMAND,
            slippage_bps=request.slippage_bps or SLIPPAGE_BPS_DEFAULT,
            timeout_ns=None if time_left_s is None else round(time_left_s * NS_PER_S),
        )
        return wire.quote(
            cached,
            row=0,
            report=next(guard.report() for guard in self._quoter.guards if guard.name == cached.provider),
            price_age_ns=self._cache.price_age_ns(cached),
            route_age_ns=self._cache.route_age_ns(cached),
            is_stale=self._cache.is_stale(cached),
        )

    async def get_provider_health(self, request: Any, time_left_s: float | None) -> Any:
        """How each configured provider does."""
        return wire.provider_health(guard.report() for guard in self._quoter.guards)

    async def explain_quote(self, request: Any, time_left_s: float | None) -> Any:
        """What a quote of an id rests on."""
        quote_id = parse_quote_id(request.quote_id)
        if quote_id.source != EXTERNAL:
            raise InvalidField("quote_id", "is of our own engine's quote, which this service did not give")
        kept = self._answers.find(quote_id)
        key = kept.key
        tokens = [token for token in self._tokens if token.mint in (key.input_mint, key.output_mint)]
        return wire.evidence(quote_id, kept, tokens)

    async def get_health(self, request: Any, time_left_s: float | None) -> Any:
        """How the service is."""
        return write_health(self._health.report())


def _encoded(message: Any) -> bytes:
    encoded: bytes = message.SerializeToString()
    return encoded


def _answering(method: Callable[[Any, float | None], Awaitable[Any]]) -> Callable[[Any, _Context], Awaitable[Any]]:
    async def answer(request: Any, context: _Context) -> Any:
        try:
            return await method(request, context.time_remaining())
        except SolquoteError as error:
            await abort_with(context, error)

    return answer
