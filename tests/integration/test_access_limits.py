"""What one client may use of the aggregator, and one port may hold, over real gRPC and HTTP."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from aiohttp import ClientSession
from fakes.quote_services import FakeExternalService, FakeLocalService, serving
from fakes.running_aggregator import RunningAggregator, aggregator, aggregator_between
from fakes.waiting import DEADLINE_S

from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.generated.solquote.v1 import quote_aggregator_pb2_grpc as pb_grpc
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

TOKENS = load_tokens()
SOL, USDC = (TOKENS.resolve(symbol, field="").mint for symbol in ("SOL", "USDC"))
REQUEST = pb.AggregatedQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=10**9)


def limited(tmp_path: Path, **platform: object) -> Any:
    local = FakeLocalService()
    local.rates = {(SOL, USDC): 0.14, (USDC, SOL): 7.1}
    return aggregator_between(tmp_path, local=local, external=FakeExternalService(), platform=platform)


async def test_more_than_the_rate_is_429_and_resource_exhausted_with_when_to_come_back(tmp_path: Path) -> None:
    platform = {"client_rate": 0.01, "client_burst": 20}
    async with (
        serving(local=FakeLocalService()) as local,
        serving(external=FakeExternalService()) as external,
        aggregator(tmp_path, local_address=local, external_address=external, platform=platform) as running,
        ClientSession() as session,
    ):
        statuses: list[int] = []
        while 429 not in statuses:
            async with session.get(f"{running.http_url}/v1/program-id-to-label") as answer:
                statuses.append(answer.status)
                headers, content = answer.headers, await answer.json()
        assert statuses.count(200) == 20
        assert 90 < int(headers["Retry-After"]) <= 100
        assert content["errorCode"] == "RESOURCE_EXHAUSTED"
        assert content["error"].startswith("calls: 127.0.0.1 may make 0.01 calls a second, try again in ")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await pb_grpc.QuoteAggregatorServiceStub(running.channel).GetQuote(REQUEST)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        told = dict(caught.value.trailing_metadata() or ())
        assert 90_000 < int(told["retry-after-ms"]) <= 100_000
        assert told["grpc-retry-pushback-ms"] == told["retry-after-ms"]
        async with session.get(f"{running.http_url}/v1/health") as answer:
            assert answer.status in (200, 503)  # a probe is answered, whether or not there are quotes yet


async def test_a_client_s_streams_are_as_many_as_it_may_and_one_that_ends_makes_room(tmp_path: Path) -> None:
    async with limited(tmp_path, client_stream_count_max=2) as running:
        stub = pb_grpc.QuoteAggregatorServiceStub(running.channel)
        first, second = stub.StreamQuotes(REQUEST), stub.StreamQuotes(REQUEST)
        assert await first.read()
        assert await second.read()
        with pytest.raises(grpc.aio.AioRpcError, match="2 are open, the most this service allows one client") as caught:
            await stub.StreamQuotes(REQUEST).read()
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        first.cancel()
        await until_let_in(stub)


async def until_let_in(stub: Any) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                assert await stub.StreamQuotes(REQUEST).read()
                return


async def test_a_request_that_is_too_long_is_refused_over_grpc_and_http(tmp_path: Path) -> None:
    async with limited(tmp_path, request_bytes_max=8192) as running, ClientSession() as session:
        stub = pb_grpc.QuoteAggregatorServiceStub(running.channel)
        pair = quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.StreamBatchQuotes(quotes_pb2.BatchQuoteRequest(pairs=[pair] * 200)).read()
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await stub.GetQuote(REQUEST)
        body = json.dumps({"quotes": ["x" * 70_000]})
        async with session.post(f"{running.http_url}/v1/quote/batch", data=body) as answer:
            assert answer.status == 413
            assert (await answer.json())["errorCode"] == "RESOURCE_EXHAUSTED"


async def test_connections_beyond_the_most_are_turned_away_and_those_there_are_served(tmp_path: Path) -> None:
    async with limited(tmp_path, connection_count_max=3) as running:
        port = int(running.http_url.rpartition(":")[2])
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for _, writer in held:
            writer.write(b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
        for reader, _ in held:
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1" in head
        assert json.loads(body)["errorCode"] == "RESOURCE_EXHAUSTED"
        writer.close()
        held.pop()[1].close()
        await until_answered(port)
        for _, writer in held:
            writer.close()
        await assert_grpc_connections(running)


async def until_answered(port: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /v1/health HTTP/1.0\r\nHost: x\r\n\r\n")
            line = await reader.readline()
            writer.close()
            if line.startswith(b"HTTP/1.0 200"):
                return


async def assert_grpc_connections(running: RunningAggregator) -> None:
    """One connection there is; two more come in, and a fourth does not."""
    async with contextlib.AsyncExitStack() as stack:
        stubs = []
        for number in range(3):
            options = (("grpc.use_local_subchannel_pool", 1), ("grpc.primary_user_agent", str(number)))
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(running.grpc_address, options=options))
            stubs.append(pb_grpc.QuoteAggregatorServiceStub(channel))
        for stub in stubs[:2]:
            assert await stub.Health(quotes_pb2.HealthRequest())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stubs[2].Health(quotes_pb2.HealthRequest())
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert await pb_grpc.QuoteAggregatorServiceStub(running.channel).Health(quotes_pb2.HealthRequest())
