"""Somebody asks a running platform, as its clients do."""

import grpc
from fakes.metrics_pages import page_of
from fakes.running_platform import RunningPlatform

from quote_core.generated.solquote.v1 import quote_aggregator_pb2_grpc, quotes_pb2
from quote_core.tokens import load_tokens

SOL, USDC = (token.mint for token in list(load_tokens())[:2])


def ask_as_clients_do(platform: RunningPlatform) -> None:
    """A request to each of the two HTTP APIs, and a stream."""
    told = platform.environment
    page_of(f"http://127.0.0.1:{told['SOLQUOTE_AGGREGATOR_HTTP_PORT']}/v1/pools")
    page_of(f"http://127.0.0.1:{told['SOLQUOTE_SYSTEM_MANAGER_HTTP_PORT']}/api/killswitch")
    request = quotes_pb2.BatchQuoteRequest(
        pairs=[quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC)], amounts=[1_000_000_000]
    )
    with grpc.insecure_channel(told["SOLQUOTE_AGGREGATOR_ADDRESS"]) as channel:
        stream = quote_aggregator_pb2_grpc.QuoteAggregatorServiceStub(channel).StreamBatchQuotes(request)
        assert next(stream).quotes
        stream.cancel()
