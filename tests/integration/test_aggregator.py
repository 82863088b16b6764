"""The aggregator between quote services that speak real gRPC, and its clients and shared memory."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
from fakes.quote_services import FakeExternalService, FakeLocalService, serving
from fakes.running_aggregator import RunningAggregator, aggregator

from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.generated.solquote.v1 import quote_aggregator_pb2_grpc as pb_grpc
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

TOKENS = load_tokens()
SOL = TOKENS.resolve("SOL", field="").mint
USDC = TOKENS.resolve("USDC", field="").mint
MSOL = TOKENS.resolve("mSOL", field="").mint
SSOL = TOKENS.resolve("sSOL", field="").mint
ONE_SOL = 1_000_000_000


@pytest.fixture
def local() -> FakeLocalService:
    service = FakeLocalService()
    service.usd = {SOL: 140.0, USDC: 1.0, MSOL: 182.0}
    service.rates = {(SOL, USDC): 0.14, (USDC, SOL): 7.1, (SOL, MSOL): 0.769, (MSOL, SOL): 1.299}
    return service


@pytest.fixture
def external() -> FakeExternalService:
    return FakeExternalService()


@pytest.fixture
async def running(
    local: FakeLocalService, external: FakeExternalService, tmp_path: Path
) -> AsyncIterator[RunningAggregator]:
    async with (
        serving(local=local) as local_address,
        serving(external=external) as external_address,
        aggregator(tmp_path, local_address=local_address, external_address=external_address) as service,
    ):
        yield service


def stub(running: RunningAggregator) -> pb_grpc.QuoteAggregatorServiceStub:
    return pb_grpc.QuoteAggregatorServiceStub(running.channel)


def ask(amount: int = ONE_SOL, *, input_mint: str = SOL, output_mint: str = USDC) -> pb.AggregatedQuoteRequest:
    return pb.AggregatedQuoteRequest(input_mint=input_mint, output_mint=output_mint, input_amount=amount)


async def code_of(call: "asyncio.Future[object]") -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call
    return failure.value.code(), failure.value.details() or ""


async def test_watched_amount_is_answered_with_score_and_factors(running: RunningAggregator) -> None:
    quote = await stub(running).GetQuote(ask())
    assert quote.output_amount == quote.local.output_amount == 140_000_000
    assert quote.best_source == pb.QUOTE_SOURCE_LOCAL
    assert quote.local_confidence > 0.9
    assert quote.decision == pb.DECISION_EXECUTE
    assert quote.local_factors.oracle == pytest.approx(1.0)
    assert quote.oracle_price == pytest.approx(140.0)


async def test_unwatched_amount_is_asked_for(running: RunningAggregator) -> None:
    quote = await stub(running).GetQuote(ask(123_456_789))
    assert quote.output_amount == 17_283_950


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (ask(0), grpc.StatusCode.INVALID_ARGUMENT, "input_amount: must be from 1"),
        (ask(input_mint="not base58 0OIl"), grpc.StatusCode.INVALID_ARGUMENT, "input_mint: must be base58"),
        (ask(output_mint=SOL), grpc.StatusCode.INVALID_ARGUMENT, "output_mint: must differ"),
        (ask(output_mint="Vote111111111111111111111111111111111111111"), grpc.StatusCode.NOT_FOUND, "output_mint"),
        (ask(output_mint=SSOL), grpc.StatusCode.FAILED_PRECONDITION, "no pool"),
    ],
)
async def test_wrong_request_gets_its_code_and_names_the_field(
    running: RunningAggregator, request_: pb.AggregatedQuoteRequest, code: grpc.StatusCode, words: str
) -> None:
    got, details = await code_of(stub(running).GetQuote(request_))
    assert got is code
    assert words in details


async def test_batch_stream_sends_every_combination_once_then_what_changes(
    running: RunningAggregator, local: FakeLocalService
) -> None:
    request = quotes_pb2.BatchQuoteRequest(
        pairs=[
            quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC),
            quotes_pb2.TokenPair(input_mint=SOL, output_mint="nonsense"),
            quotes_pb2.TokenPair(input_mint=SOL, output_mint=MSOL, rows=[70, 71]),
            quotes_pb2.TokenPair(input_mint=SOL, output_mint=SSOL, amounts=[ONE_SOL]),
        ],
        amounts=[ONE_SOL, 777],
        refresh_interval_ms=60_000,
    )
    stream = stub(running).StreamBatchQuotes(request)
    first = await stream.read()
    assert first.snapshot
    by_row = {quote.row: quote for quote in first.quotes}
    assert sorted(by_row) == [0, 1, 2, 3, 6, 70, 71]
    assert by_row[0].output_amount == 140_000_000
    assert by_row[1].output_amount == 108
    assert by_row[2].error.code == by_row[3].error.code == "INVALID_ARGUMENT"
    assert by_row[70].output_amount == 769_000_000
    assert by_row[6].error.code == "FAILED_PRECONDITION"

    await local.change({(SOL, USDC): 0.15})
    seen: dict[int, int] = {}
    while 0 not in seen or 1 not in seen:
        message = await stream.read()
        assert not message.snapshot
        seen.update((quote.row, quote.output_amount) for quote in message.quotes)
    assert seen[0] == 150_000_000
    stream.cancel()
