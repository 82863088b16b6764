"""How the service's methods hang on a gRPC server.

The generated registration would serialize what is bytes already, once more for every subscriber; so the methods that
answer with quotes are registered without a serializer.
"""

from collections.abc import AsyncGenerator, Callable
from typing import Any, Final, Protocol

import grpc
import grpc.aio

from quote_core.errors import SolquoteError
from quote_core.generated.solquote.v1 import evidence_pb2, local_quote_pb2, quotes_pb2
from quote_core.serving import abort_with, streaming

__all__ = ["SERVICE_NAME", "LocalQuoteMethods", "add_to_server"]

SERVICE_NAME: Final[str] = local_quote_pb2.DESCRIPTOR.services_by_name["LocalQuoteService"].full_name

Context = grpc.aio.ServicerContext


class LocalQuoteMethods(Protocol):
    """What a servicer offers; quotes are answered as ready bytes."""

    def stream_batch_quotes(self, request: quotes_pb2.BatchQuoteRequest) -> AsyncGenerator[bytes, None]:
        """`StreamBatchQuotes`."""
        ...

    def stream_quote_batches(self, request: quotes_pb2.BatchQuoteRequest) -> AsyncGenerator[bytes, None]:
        """`StreamQuoteBatches`."""
        ...

    def stream_quote_columns(self, request: quotes_pb2.BatchQuoteRequest) -> AsyncGenerator[bytes, None]:
        """`StreamQuoteColumns`."""
        ...

    def get_quote(self, request: local_quote_pb2.LocalQuoteRequest) -> bytes:
        """`GetQuote`."""
        ...

    def get_paired_quote(self, request: local_quote_pb2.PairedQuoteRequest) -> local_quote_pb2.PairedQuote:
        """`GetPairedQuote`."""
        ...

    def simulate_route(self, request: local_quote_pb2.SimulateRouteRequest) -> local_quote_pb2.SimulateRouteResponse:
        """`SimulateRoute`."""
        ...

    def get_pool_state(self, request: local_quote_pb2.PoolStateRequest) -> local_quote_pb2.PoolState:
        """`GetPoolState`."""
        ...

    def list_pools(self, request: local_quote_pb2.ListPoolsRequest) -> local_quote_pb2.ListPoolsResponse:
        """`ListPools`."""
        ...

    def get_oracle_prices(self, request: local_quote_pb2.OraclePricesRequest) -> local_quote_pb2.OraclePricesResponse:
        """`GetOraclePrices`."""
        ...

    def explain_quote(self, request: evidence_pb2.ExplainQuoteRequest) -> evidence_pb2.QuoteEvidence:
        """`ExplainQuote`."""
        ...

    def health(self, request: quotes_pb2.HealthRequest) -> quotes_pb2.HealthResponse:
        """`Health`."""
        ...


def add_to_server(methods: LocalQuoteMethods, server: grpc.aio.Server) -> None:
    """Register the service."""
    messages, quotes = local_quote_pb2, quotes_pb2
    handlers = {
        "StreamBatchQuotes": _streaming(methods.stream_batch_quotes, quotes.BatchQuoteRequest),
        "StreamQuoteBatches": _streaming(methods.stream_quote_batches, quotes.BatchQuoteRequest),
        "StreamQuoteColumns": _streaming(methods.stream_quote_columns, quotes.BatchQuoteRequest),
        "GetQuote": _unary(methods.get_quote, messages.LocalQuoteRequest, serializer=None),
        "GetPairedQuote": _unary(methods.get_paired_quote, messages.PairedQuoteRequest),
        "SimulateRoute": _unary(methods.simulate_route, messages.SimulateRouteRequest),
        "GetPoolState": _unary(methods.get_pool_state, messages.PoolStateRequest),
        "ListPools": _unary(methods.list_pools, messages.ListPoolsRequest),
        "GetOraclePrices": _unary(methods.get_oracle_prices, messages.OraclePricesRequest),
        "ExplainQuote": _unary(methods.explain_quote, evidence_pb2.ExplainQuoteRequest),
        "Health": _unary(methods.health, quotes.HealthRequest),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE_NAME, handlers),))


def _serialized(message: Any) -> bytes:
    data: bytes = message.SerializeToString()
    return data


def _unary(
    method: Callable[[Any], Any], request_type: Any, *, serializer: Callable[[Any], bytes] | None = _serialized
) -> "grpc.RpcMethodHandler[Any, Any]":
    async def answer(request: Any, context: Any) -> Any:
        try:
            return method(request)
        except SolquoteError as error:
            await abort_with(context, error)

    return grpc.unary_unary_rpc_method_handler(answer, request_type.FromString, serializer)


def _streaming(
    method: Callable[[Any], AsyncGenerator[bytes, None]], request_type: Any
) -> "grpc.RpcMethodHandler[Any, Any]":
    return grpc.unary_stream_rpc_method_handler(
        streaming(lambda request, _: method(request)), request_type.FromString, None
    )
