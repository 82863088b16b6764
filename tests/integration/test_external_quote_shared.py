"""Two external quote services with one provider's key and a real Redis between them, which goes and comes back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import grpc
import grpc.aio
import pytest
from fakes.ports import free_port
from fakes.provider_api import FakeJupiter, serving
from fakes.redis_server import PASSWORD, QUOTED_PASSWORD, RedisServer, redis_running
from fakes.tested_source import START_DEADLINE_S, running_service
from fakes.waiting import DEADLINE_S

from external_quote.app import run
from external_quote.settings import ExternalQuoteSettings
from quote_core.generated.solquote.v1 import external_quote_pb2 as pb
from quote_core.generated.solquote.v1 import external_quote_pb2_grpc as pb_grpc
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

TOKENS = load_tokens()
SOL = TOKENS.resolve("SOL", field="").mint
USDC = TOKENS.resolve("USDC", field="").mint


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_running() as server:
        yield server


@dataclass(frozen=True)
class Service:
    quotes: pb_grpc.ExternalQuoteServiceStub

    async def quote(self, amount: int) -> pb.ExternalQuote:
        return await self.quotes.GetQuote(
            pb.ExternalQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=amount)
        )

    async def findings(self) -> list[str]:
        return list((await self.quotes.Health(quotes_pb2.HealthRequest())).findings)

    async def until_shared(self, is_shared: bool) -> str:
        """The finding that says that it is not."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                told = " ".join(one for one in await self.findings() if "redis://" in one)
                if is_shared != bool(told):
                    return told
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def service(jupiter_url: str, redis_url: str, **settings: object) -> AsyncIterator[Service]:
    port = free_port()
    own = {"grpc_port": port, "jupiter_url": jupiter_url, "requests_per_s": 50, "price_ttl": "60s", **settings}
    platform = {"redis_url": redis_url, "redis_timeout": "1s"}  # patient, for the machine may be busy
    async with (
        running_service(run, ExternalQuoteSettings, platform=platform, own=own),
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        await asyncio.wait_for(channel.channel_ready(), START_DEADLINE_S)
        yield Service(pb_grpc.ExternalQuoteServiceStub(channel))


async def test_one_asks_for_both_and_each_goes_on_without_redis_and_with_it_again(
    redis: RedisServer, capfd: pytest.CaptureFixture[str]
) -> None:
    jupiter = FakeJupiter()
    async with (
        serving(jupiter) as url,
        service(url, redis.url, jupiter_api_key="a-key-of-both") as one,
        service(url, redis.url, jupiter_api_key="a-key-of-both") as other,
    ):
        for service_ in (one, other):
            assert await service_.until_shared(is_shared=True) == ""
        await answered(one, 1_000)
        assert (await other.quote(1_000)).output_amount == (await one.quote(1_000)).output_amount
        assert len(jupiter.requests) == 1
        names = redis.keys()
        redis.kill()
        # The first to ask finds it out, and is answered nevertheless.
        await answered(other, 2_000)
        await answered(one, 2_000)
        assert len(jupiter.requests) == 3
        for service_ in (one, other):
            assert "nothing is shared" in await service_.until_shared(is_shared=False)
        redis.start()
        for service_ in (one, other):
            await service_.until_shared(is_shared=True)
        await answered(one, 3_000)
        await other.quote(3_000)
        assert len(jupiter.requests) == 4
        findings = [*await one.findings(), *await other.findings()]
    told = "".join(capfd.readouterr()) + " ".join(names) + " ".join(findings)
    assert "shared cache is not used" in told
    for secret in (PASSWORD, QUOTED_PASSWORD, "a-key-of-both"):
        assert secret not in told


async def answered(service_: Service, amount: int) -> None:
    """Once the rate allows it: a bucket that Redis does not know yet gives nothing at first."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await service_.quote(amount)
                return
            await asyncio.sleep(0.05)
