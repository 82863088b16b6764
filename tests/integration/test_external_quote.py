"""The external quote service over real gRPC, against a stand-in that speaks Jupiter's schema over real HTTP."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from fakes.ports import free_port
from fakes.provider_api import FakeDflow, FakeJupiter, FakeOkx, FakeRaydium, serving
from fakes.tested_source import START_DEADLINE_S, running_service
from fakes.waiting import eventually

from external_quote.app import run
from external_quote.settings import ExternalQuoteSettings
from quote_core.clock import SYSTEM_CLOCK, boot_id, moment
from quote_core.generated.solquote.v1 import external_quote_pb2 as pb
from quote_core.generated.solquote.v1 import external_quote_pb2_grpc as pb_grpc
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

TOKENS = load_tokens()
SOL = TOKENS.resolve("SOL", field="").mint
USDC = TOKENS.resolve("USDC", field="").mint
MSOL = TOKENS.resolve("mSOL", field="").mint
ONE_SOL = 1_000_000_000


@contextlib.asynccontextmanager
async def service(jupiter_url: str, **settings: object) -> AsyncIterator[pb_grpc.ExternalQuoteServiceStub]:
    port = free_port()
    own = {"grpc_port": port, "jupiter_url": jupiter_url, **settings}
    async with (
        running_service(run, ExternalQuoteSettings, platform={}, own=own),
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        await asyncio.wait_for(channel.channel_ready(), START_DEADLINE_S)
        yield pb_grpc.ExternalQuoteServiceStub(channel)


@pytest.fixture
async def jupiter() -> FakeJupiter:
    return FakeJupiter()


@pytest.fixture
async def stub(jupiter: FakeJupiter) -> AsyncIterator[pb_grpc.ExternalQuoteServiceStub]:
    async with serving(jupiter) as url, service(url, jupiter_api_key="secret") as running:
        yield running


def ask(amount: int = ONE_SOL, **changes: object) -> pb.ExternalQuoteRequest:
    return pb.ExternalQuoteRequest(**{"input_mint": SOL, "output_mint": USDC, "input_amount": amount} | changes)


async def code_of(call: "asyncio.Future[object]") -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call
    return failure.value.code(), failure.value.details() or ""


async def test_quote_carries_route_ages_and_rate_limit(
    stub: pb_grpc.ExternalQuoteServiceStub, jupiter: FakeJupiter
) -> None:
    quote = await stub.GetQuote(ask())
    assert quote.output_amount == 140_000_000
    assert quote.provider == "jupiter"
    assert quote.price_impact_bps == pytest.approx(15.0)
    assert quote.slot == 4242
    assert quote.provider_uptime == 1.0
    assert quote.route_plan[0].protocol == "Whirlpool"
    assert quote.route_plan[0].fee_amount == 17
    assert quote.route_id != 0
    assert quote.rate_limit.requests_per_s == pytest.approx(1.0)
    assert quote.rate_limit.tokens_available == pytest.approx(1.0, abs=0.5)
    assert jupiter.api_keys == ["secret"]
    assert jupiter.requests[0]["slippageBps"] == "50"


async def test_second_caller_is_served_from_the_cache(
    stub: pb_grpc.ExternalQuoteServiceStub, jupiter: FakeJupiter
) -> None:
    await stub.GetQuote(ask())
    await stub.GetQuote(ask())
    assert len(jupiter.requests) == 1


async def test_request_beyond_the_rate_limit_fails_at_once_and_says_how_long_to_wait(
    stub: pb_grpc.ExternalQuoteServiceStub, jupiter: FakeJupiter
) -> None:
    await stub.GetQuote(ask(100))
    await stub.GetQuote(ask(200))
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await stub.GetQuote(ask(300))
    assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    wait_ms = int(dict(failure.value.trailing_metadata() or ())["retry-after-ms"])
    assert 0 < wait_ms <= 1000
    assert len(jupiter.requests) == 2


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (ask(0), grpc.StatusCode.INVALID_ARGUMENT, "input_amount"),
        (ask(input_mint="0OIl"), grpc.StatusCode.INVALID_ARGUMENT, "input_mint"),
        (ask(output_mint="Vote111111111111111111111111111111111111111"), grpc.StatusCode.NOT_FOUND, "output_mint"),
        (ask(slippage_bps=10_001), grpc.StatusCode.INVALID_ARGUMENT, "slippage_bps"),
    ],
)
async def test_wrong_request_gets_its_code_and_reaches_no_provider(
    stub: pb_grpc.ExternalQuoteServiceStub,
    jupiter: FakeJupiter,
    request_: pb.ExternalQuoteRequest,
    code: grpc.StatusCode,
    words: str,
) -> None:
    got, details = await code_of(stub.GetQuote(request_))
    assert got is code
    assert words in details
    assert jupiter.requests == []


async def test_pair_without_route_is_no_liquidity_and_no_failure_of_the_provider(
    stub: pb_grpc.ExternalQuoteServiceStub, jupiter: FakeJupiter
) -> None:
    body = b'{"error": "Could not find any route", "errorCode": "COULD_NOT_FIND_ANY_ROUTE"}'
    jupiter.refusals.append((400, {}, body))
    code, details = await code_of(stub.GetQuote(ask()))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "Could not find any route" in details
    (provider,) = (await stub.GetProviderHealth(pb.ProviderHealthRequest())).providers
    assert provider.uptime == 1.0


async def test_too_many_requests_is_honoured_for_as_long_as_the_provider_says(
    stub: pb_grpc.ExternalQuoteServiceStub, jupiter: FakeJupiter
) -> None:
    jupiter.refusals.append((429, {"Retry-After": "7"}, b"{}"))
    code, details = await code_of(stub.GetQuote(ask()))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "7000 ms" in details
    code, _ = await code_of(stub.GetQuote(ask(5)))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(jupiter.requests) == 1
    (provider,) = (await stub.GetProviderHealth(pb.ProviderHealthRequest())).providers
    assert provider.rate_limit.retry_after_ms > 6_000


async def test_caller_that_gives_up_leaves_the_answer_for_the_next_one(
    stub: pb_grpc.ExternalQuoteServiceStub, jupiter: FakeJupiter
) -> None:
    jupiter.gate.clear()
    code, _ = await code_of(stub.GetQuote(ask(), timeout=0.05))
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    jupiter.gate.set()
    assert (await stub.GetQuote(ask())).output_amount == 140_000_000
    assert len(jupiter.requests) == 1


async def test_circuit_opens_after_failures_in_a_row(jupiter: FakeJupiter) -> None:
    jupiter.refusals += [(500, {}, b"")] * 20
    async with serving(jupiter) as url, service(url, requests_per_s=100, breaker_failure_count_max=3) as stub:
        code, details = await code_of(stub.GetQuote(ask()))
        assert code is grpc.StatusCode.UNAVAILABLE
        assert "answered 500" in details
        code, details = await code_of(stub.GetQuote(ask()))
        assert code is grpc.StatusCode.UNAVAILABLE
        assert "circuit open" in details
        assert len(jupiter.requests) == 3
        (provider,) = (await stub.GetProviderHealth(pb.ProviderHealthRequest())).providers
        assert provider.breaker == pb.BREAKER_STATE_OPEN
        assert provider.uptime == 0.0
        report = await stub.Health(quotes_pb2.HealthRequest())
        assert "circuit breaker open" in report.findings[0]


OKX_SECRETS = dict.fromkeys(("okx_api_key", "okx_secret_key", "okx_passphrase"), "hush")


async def test_every_provider_is_asked_in_its_rank_and_answers_under_its_name() -> None:
    fakes = {"quicknode": FakeJupiter(), "dflow": FakeDflow(), "okx": FakeOkx(), "raydium": FakeRaydium()}
    async with contextlib.AsyncExitStack() as stack:
        urls = {f"{name}_url": await stack.enter_async_context(serving(fake)) for name, fake in fakes.items()}
        ranks = "okx, raydium, dflow, quicknode"
        # A bucket of two for each, and nothing kept: the third question goes to the next rank.
        stub = await stack.enter_async_context(
            service("", **urls, **OKX_SECRETS, providers=ranks, price_ttl="0s", requests_per_s=0.001)
        )
        asked = [(await stub.GetQuote(ask(amount))).provider for amount in range(1_000, 1_008)]
        assert asked == ["okx"] * 2 + ["raydium"] * 2 + ["dflow"] * 2 + ["quicknode"] * 2
        code, _ = await code_of(stub.GetQuote(ask(2_000)))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        health = await stub.GetProviderHealth(pb.ProviderHealthRequest())
        assert [one.provider for one in health.providers] == ["okx", "raydium", "dflow", "quicknode"]
        assert [one.uptime for one in health.providers] == [1.0] * 4


async def test_one_that_limits_is_passed_over_for_the_other_of_its_rank(jupiter: FakeJupiter) -> None:
    dflow = FakeDflow()
    jupiter.refusals.append((429, {"Retry-After": "3600"}, b""))
    async with serving(jupiter) as url, serving(dflow) as dflow_url:
        how = {"dflow_url": dflow_url, "providers": "jupiter*9+dflow", "price_ttl": "0s", "requests_per_s": 100}
        async with service(url, **how) as stub:
            code, _ = await code_of(stub.GetQuote(ask()))
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert [(await stub.GetQuote(ask())).provider for _ in range(5)] == ["dflow"] * 5
    assert len(jupiter.requests) == 1


async def test_answer_for_another_amount_is_refused(
    stub: pb_grpc.ExternalQuoteServiceStub, jupiter: FakeJupiter
) -> None:
    jupiter.changes = {"inAmount": "5"}
    code, details = await code_of(stub.GetQuote(ask()))
    assert code is grpc.StatusCode.DATA_LOSS
    assert "another pair or amount" in details


async def test_stream_sends_every_combination_then_each_as_its_turn_comes(jupiter: FakeJupiter) -> None:
    async with serving(jupiter) as url, service(url, requests_per_s=100) as stub:
        request = quotes_pb2.BatchQuoteRequest(
            pairs=[
                quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC, amounts=[ONE_SOL], rows=[7]),
                quotes_pb2.TokenPair(input_mint=USDC, output_mint=SOL, amounts=[140_000_000], rows=[47]),
                quotes_pb2.TokenPair(input_mint=SOL, output_mint="nonsense", amounts=[1], rows=[9]),
            ],
            refresh_interval_ms=60_000,
        )
        stream = stub.StreamQuoteBatches(request)
        first = await stream.read()
        assert first.snapshot
        errors = {quote.row: quote.error.code for quote in first.quotes}
        assert errors == {7: "UNAVAILABLE", 47: "UNAVAILABLE", 9: "INVALID_ARGUMENT"}
        outputs: dict[int, int] = {}
        while len(outputs) < 2:
            message = await stream.read()
            outputs.update((quote.row, quote.output_amount) for quote in message.quotes)
        assert outputs == {7: 140_000_000, 47: 19_600_000}
        stream.cancel()


async def test_price_is_fetched_anew_through_the_known_route(jupiter: FakeJupiter) -> None:
    async with serving(jupiter) as url, service(url, requests_per_s=100, price_ttl="0s") as stub:
        first = await stub.GetQuote(ask())
        second = await stub.GetQuote(ask())
        assert second.version == first.version + 1
        assert second.route_cache_age_ms >= second.price_cache_age_ms
    assert "dexes" not in jupiter.requests[0]
    assert jupiter.requests[1]["dexes"] == "Whirlpool"
    assert jupiter.requests[1]["onlyDirectRoutes"] == "true"


async def test_known_route_that_is_no_more_is_searched_for_anew(jupiter: FakeJupiter) -> None:
    async with serving(jupiter) as url, service(url, requests_per_s=100, price_ttl="0s") as stub:
        await stub.GetQuote(ask())
        jupiter.refusals.append((400, {}, b'{"error": "No routes found"}'))
        assert (await stub.GetQuote(ask())).output_amount == 140_000_000
    assert ["dexes" in request for request in jupiter.requests] == [False, True, False]


async def test_without_a_provider_it_serves_and_every_quote_says_why() -> None:
    async with service("") as stub:
        code, details = await code_of(stub.GetQuote(ask()))
        assert code is grpc.StatusCode.UNAVAILABLE
        assert "no provider is configured" in details
        stream = stub.StreamBatchQuotes(
            quotes_pb2.BatchQuoteRequest(
                pairs=[quotes_pb2.TokenPair(input_mint=SOL, output_mint=MSOL)], amounts=[ONE_SOL]
            )
        )
        quote = await stream.read()
        assert quote.error.code == "UNAVAILABLE"
        assert "no provider is configured" in quote.error.message
        stream.cancel()
        report = await stub.Health(quotes_pb2.HealthRequest())
        assert report.serving
        assert list(report.findings) == ["no provider is configured"]


async def test_constant_demand_for_quotes_leaves_the_stream_its_half(jupiter: FakeJupiter) -> None:
    reverse = 140_000_000
    async with serving(jupiter) as url, service(url, requests_per_s=20, price_ttl="0s") as stub:
        stream = stub.StreamQuoteBatches(
            quotes_pb2.BatchQuoteRequest(
                pairs=[
                    quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC, amounts=[ONE_SOL]),
                    quotes_pb2.TokenPair(input_mint=USDC, output_mint=SOL, amounts=[reverse]),
                ]
            )
        )

        async def demand(first: int) -> None:
            for amount in itertools.count(first, 10):
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await stub.GetQuote(ask(amount))
                await asyncio.sleep(0.02)

        demanding = [asyncio.create_task(demand(first)) for first in range(1_000, 1_005)]
        await eventually(lambda: len(jupiter.requests) >= 40)  # what was saved up is gone
        before_count = len(jupiter.requests)
        await eventually(lambda: len(jupiter.requests) >= before_count + 60)
        for task in demanding:
            task.cancel()
        stream.cancel()
        asked = [int(request["amount"]) for request in jupiter.requests[before_count:]]
    streamed_count = sum(amount in (ONE_SOL, reverse) for amount in asked)
    assert 0.4 <= streamed_count / len(asked) <= 0.6


async def test_refused_answer_is_forgotten_with_the_providers_recovery(
    stub: pb_grpc.ExternalQuoteServiceStub, jupiter: FakeJupiter
) -> None:
    jupiter.changes = {"priceImpactPct": "NaN"}
    code, details = await code_of(stub.GetQuote(ask()))
    assert code is grpc.StatusCode.DATA_LOSS
    assert "priceImpactPct" in details
    (provider,) = (await stub.GetProviderHealth(pb.ProviderHealthRequest())).providers
    assert (provider.failure_count, provider.uptime) == (1, 0.0)
    jupiter.changes = {}
    assert (await stub.GetQuote(ask())).output_amount == 140_000_000


async def test_price_is_vouched_for_by_the_sending_of_its_request(
    stub: pb_grpc.ExternalQuoteServiceStub, jupiter: FakeJupiter
) -> None:
    jupiter.gate.clear()
    before = moment(SYSTEM_CLOCK)
    asking = asyncio.ensure_future(stub.GetQuote(ask()))
    await eventually(lambda: len(jupiter.requests) == 1)
    sent = moment(SYSTEM_CLOCK)
    await asyncio.sleep(0.05)  # what the answer takes makes it older, not younger
    jupiter.gate.set()
    quote = await asking
    assert before.mono_ns <= quote.freshness.vouched_mono_ns <= sent.mono_ns
    assert before.unix_ns <= quote.freshness.vouched_unix_ns <= sent.unix_ns
    assert quote.freshness.boot_id == boot_id()
    assert (quote.freshness.vouched_slot, quote.freshness.changed_slot) == (4242, 4242)
    assert quote.freshness.changed_unix_ns >= sent.unix_ns
    assert quote.price_cache_age_ms >= 50


async def test_long_wish_to_be_left_alone_is_a_finding(
    stub: pb_grpc.ExternalQuoteServiceStub, jupiter: FakeJupiter
) -> None:
    jupiter.refusals.append((429, {"Retry-After": "3600"}, b"{}"))
    await code_of(stub.GetQuote(ask()))
    (provider,) = (await stub.GetProviderHealth(pb.ProviderHealthRequest())).providers
    assert provider.failure_count == 1
    report = await stub.Health(quotes_pb2.HealthRequest())
    assert "jupiter: wants no request for another 3600 s" in report.findings[0]
