"""The command line's edge to the services, against servers that answer what a test wants."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest

from quote_core.dex.pool import SwapMode
from quote_core.generated.solquote.v1 import (
    external_quote_pb2,
    local_quote_pb2,
    local_quote_pb2_grpc,
    quote_aggregator_pb2,
    quote_aggregator_pb2_grpc,
    quotes_pb2,
)
from quote_core.tokens import load_tokens
from solquote.answers import PrintedOracleSource
from solquote.exit_codes import ExitCode
from solquote.output import CommandFailed
from solquote.wire import ask_pools, ask_prices, ask_quote

SOL, USDC = (load_tokens().resolve(symbol, field="test") for symbol in ("SOL", "USDC"))
NOW_NS = 1_700_000_000_000_000_000
HOP = quotes_pb2.RouteHop(
    pool_id="pool",
    protocol="orca_whirlpool",
    input_mint=SOL.mint,
    output_mint=USDC.mint,
    input_amount=10,
    output_amount=9,
    provenance=quotes_pb2.PROVENANCE_SYNTHETIC,
)
LOCAL = local_quote_pb2.LocalQuote(
    output_amount=9,
    price_impact=0.01,
    pool_state_age_ms=7,
    slot=5,
    route=[HOP],
    provenance=quotes_pb2.PROVENANCE_SYNTHETIC,
)
EXTERNAL = external_quote_pb2.ExternalQuote(
    output_amount=8, provider="jupiter", price_impact_bps=50, quoted_unix_ns=NOW_NS - 3_000_000
)


class FrozenClock:
    def unix_ns(self) -> int:
        return NOW_NS

    def mono_ns(self) -> int:
        return 0


class Aggregator(quote_aggregator_pb2_grpc.QuoteAggregatorServiceServicer):
    """Has the local answer at once, and the external one only on the stream."""

    def __init__(self, *, external_follows: bool) -> None:
        self._external_follows = external_follows

    def GetQuote(self, request, context):  # noqa: N802 - named by the proto
        if request.input_amount == 404:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "SOL/USDC: no pool")
        self.asked = request
        return self._answer()

    def StreamQuotes(self, request, context):  # noqa: N802 - named by the proto
        yield self._answer()
        if self._external_follows:
            answer = self._answer()
            answer.external.CopyFrom(EXTERNAL)
            answer.external_confidence = 0.5
            yield answer

    def _answer(self) -> quote_aggregator_pb2.AggregatedQuote:
        return quote_aggregator_pb2.AggregatedQuote(
            input_amount=10,
            output_amount=9,
            local=LOCAL,
            local_confidence=0.9,
            best_source=quote_aggregator_pb2.QUOTE_SOURCE_LOCAL,
            decision=quote_aggregator_pb2.DECISION_EXECUTE,
        )


class LocalQuotes(local_quote_pb2_grpc.LocalQuoteServiceServicer):
    def ListPools(self, request, context):  # noqa: N802 - named by the proto
        pool = local_quote_pb2.PoolState(pool_id="pool", mint_a=request.mint_a, mint_b=request.mint_b, tradable=True)
        return local_quote_pb2.ListPoolsResponse(pools=[pool])

    def GetOraclePrices(self, request, context):  # noqa: N802 - named by the proto
        prices = [
            local_quote_pb2.OraclePrice(
                mint=SOL.mint,
                usd=80.5,
                provenance=quotes_pb2.PROVENANCE_PATCHED,
                confidence_usd=0.25,
                disagreement=0.05,
                sources=[
                    local_quote_pb2.OracleSourceReading(
                        source="pyth", usd=80.5, confidence_usd=0.25, age_ms=400, standing="chosen"
                    ),
                    local_quote_pb2.OracleSourceReading(source="jupiter", standing="silent", why="answered 500"),
                ],
            ),
            local_quote_pb2.OraclePrice(mint=USDC.mint),
        ]
        return local_quote_pb2.OraclePricesResponse(prices=prices)


@contextmanager
def serving(servicer: object) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(2))
    if isinstance(servicer, Aggregator):
        quote_aggregator_pb2_grpc.add_QuoteAggregatorServiceServicer_to_server(servicer, server)
    else:
        local_quote_pb2_grpc.add_LocalQuoteServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def ask(address: str, amount: int = 10):
    return ask_quote(address, SOL, USDC, amount, timeout_s=5, clock=FrozenClock())


def test_the_external_quote_is_waited_for_a_little():
    with serving(Aggregator(external_follows=True)) as address:
        answer = ask(address)
    local, external = answer.sources
    assert (answer.output_amount, answer.best, answer.decision, answer.oracle_price) == (9, "local", "execute", None)
    assert (local.name, local.output_amount, local.age_ms, local.confidence) == ("local", 9, 7, 0.9)
    assert (local.route[0].pool_id, local.route[0].provenance) == ("pool", "synthetic")
    assert (external.name, external.age_ms, external.price_impact_fraction) == ("jupiter", 3, 0.005)


def test_without_an_external_quote_the_local_one_stands():
    with serving(Aggregator(external_follows=False)) as address:
        assert [source.name for source in ask(address).sources] == ["local"]


def test_a_wanted_output_is_asked_for_as_such_and_no_second_source_waited_for():
    aggregator = Aggregator(external_follows=True)
    with serving(aggregator) as address:
        answer = ask_quote(address, SOL, USDC, 9, timeout_s=5, mode=SwapMode.EXACT_OUT, clock=FrozenClock())
    assert (aggregator.asked.input_amount, aggregator.asked.output_amount) == (0, 9)
    assert [source.name for source in answer.sources] == ["local"]


def test_a_refusal_is_an_answer_of_no_in_the_service_s_own_words():
    with serving(Aggregator(external_follows=False)) as address, pytest.raises(CommandFailed) as caught:
        ask(address, 404)
    assert str(caught.value) == "SOL/USDC: no pool"
    assert caught.value.exit_code is ExitCode.NEGATIVE


def test_nobody_there_is_told_with_the_address():
    with pytest.raises(CommandFailed, match=r"the aggregator at 127\.0\.0\.1:1 cannot be reached") as caught:
        ask("127.0.0.1:1")
    assert caught.value.exit_code is ExitCode.UNAVAILABLE


def test_pools_and_prices_are_read():
    with serving(LocalQuotes()) as address:
        (pool,), () = ask_pools(address, SOL.mint, USDC.mint, timeout_s=5)
        prices = ask_prices(address, timeout_s=5)
    assert (pool.pool_id, pool.mint_a, pool.is_tradable, pool.provenance) == ("pool", SOL.mint, True, "")
    sol, usdc = prices[SOL.mint], prices[USDC.mint]
    assert (sol.usd, sol.provenance, sol.confidence_usd, sol.disagreement) == (80.5, "patched", 0.25, 0.05)
    assert sol.sources == (
        PrintedOracleSource(source="pyth", usd=80.5, confidence_usd=0.25, age_ms=400, standing="chosen", why=""),
        PrintedOracleSource(
            source="jupiter", usd=None, confidence_usd=None, age_ms=0, standing="silent", why="answered 500"
        ),
    )
    assert (usdc.usd, usdc.confidence_usd, usdc.disagreement, usdc.sources) == (None, None, 0.0, ())
