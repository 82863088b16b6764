"""The aggregator's single calls to quote services that speak real gRPC."""

from collections.abc import AsyncIterator

import grpc.aio
import pytest
from fakes.held_quotes import KEY, SOL, USDC
from fakes.ports import free_port
from fakes.quote_services import FakeExternalService, FakeLocalService, serving

from aggregator.clients import ExternalClient, LocalClient
from aggregator.held import HeldQuote, Refusal
from quote_core.clock import SYSTEM_CLOCK, moment
from quote_core.dex.pool import Dex, SwapMode
from quote_core.errors import DeadlinePassed, ProviderUnavailable, Unauthenticated
from quote_core.serving import QuoteRequest, abort_with, serve

pytestmark = pytest.mark.integration

S = 1_000_000_000
ASKED = QuoteRequest.of(KEY)


@pytest.fixture
async def local() -> FakeLocalService:
    service = FakeLocalService()
    service.rates = {(SOL, USDC): 0.14}
    service.usd = {SOL: 140.0}
    return service


@pytest.fixture
async def channel(local: FakeLocalService) -> AsyncIterator[grpc.aio.Channel]:
    external = FakeExternalService()
    external.rates = {(SOL, USDC): 0.139}
    async with (
        serving(local=local, external=external) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        yield channel


@pytest.fixture
async def nobody() -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{free_port()}") as channel:
        yield channel


async def test_quotes_of_both_services_are_held_values(channel: grpc.aio.Channel) -> None:
    local = await LocalClient(channel).quote(ASKED, timeout_ns=5 * S)
    external = await ExternalClient(channel).quote(KEY, slippage_bps=50, timeout_ns=5 * S)
    assert isinstance(local, HeldQuote)
    assert isinstance(external, HeldQuote)
    assert (local.output_amount, external.output_amount) == (140_000_000, 139_000_000)
    assert external.freshness.age_ns(moment(SYSTEM_CLOCK)) < 5 * S


async def test_a_wanted_output_and_the_dexes_reach_the_local_service(
    channel: grpc.aio.Channel, local: FakeLocalService
) -> None:
    asked = QuoteRequest(SOL, USDC, 140_000_000, SwapMode.EXACT_OUT, frozenset({Dex.PUMPSWAP, Dex.RAYDIUM_CPMM}))
    quote = await LocalClient(channel).quote(asked, timeout_ns=5 * S)
    assert isinstance(quote, HeldQuote)
    assert (quote.key.input_amount, quote.output_amount) == (1_000_000_000, 140_000_000)
    (sent,) = local.asked
    assert (sent.input_amount, sent.output_amount) == (0, 140_000_000)
    assert list(sent.dexes) == ["pumpswap", "raydium_cpmm"]


async def test_what_a_route_may_be_reaches_the_local_service(
    channel: grpc.aio.Channel, local: FakeLocalService
) -> None:
    asked = QuoteRequest(SOL, USDC, 1_000_000_000, hop_count_max=3, leg_count_max=2)
    assert isinstance(await LocalClient(channel).quote(asked, timeout_ns=5 * S), HeldQuote)
    (sent,) = local.asked
    assert (sent.input_amount, sent.max_hops, sent.max_splits) == (1_000_000_000, 3, 2)


async def test_refusal_comes_back_in_the_services_words(channel: grpc.aio.Channel) -> None:
    client = LocalClient(channel)
    refusal = await client.quote(QuoteRequest(USDC, SOL, 1), timeout_ns=5 * S)
    assert refusal == Refusal("FAILED_PRECONDITION", f"local quote service: {USDC}/{SOL}: no pool")


async def test_silence_is_a_deadline(channel: grpc.aio.Channel, local: FakeLocalService) -> None:
    local.is_silent = True
    refusal = await LocalClient(channel).quote(ASKED, timeout_ns=S // 50)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "DEADLINE_EXCEEDED"


async def test_service_that_is_not_there_is_said_so_without_words_about_sockets(nobody: grpc.aio.Channel) -> None:
    client = LocalClient(nobody)
    refusal = await client.quote(ASKED, timeout_ns=5 * S)
    assert refusal == Refusal("UNAVAILABLE", "local quote service: cannot be reached")
    with pytest.raises(ProviderUnavailable, match="local quote service: cannot be reached"):
        await client.oracle_prices(timeout_ns=5 * S)
    with pytest.raises(ProviderUnavailable):
        await client.pools(timeout_ns=5 * S)


async def test_prices_and_pools_are_values(channel: grpc.aio.Channel) -> None:
    client = LocalClient(channel)
    prices = await client.oracle_prices(timeout_ns=5 * S)
    assert {mint: price.usd for mint, price in prices.items()} == {SOL: 140.0}
    (pool,) = await client.pools(timeout_ns=5 * S)
    assert (pool.mint_a, pool.mint_b, pool.price) == (SOL, USDC, 0.14)


async def test_late_prices_are_a_deadline_with_its_length(channel: grpc.aio.Channel, local: FakeLocalService) -> None:
    local.is_silent = True
    with pytest.raises(DeadlinePassed, match="local quote service: no answer within 20 ms"):
        await LocalClient(channel).oracle_prices(timeout_ns=S // 50)


async def test_a_service_that_does_not_let_the_aggregator_in_is_not_the_client_s_fault() -> None:
    async def refuse(_: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        await abort_with(context, Unauthenticated("a valid Bearer token is required"))

    def register(server: grpc.aio.Server) -> None:
        handlers = {"GetQuote": grpc.unary_unary_rpc_method_handler(refuse)}
        service = "solquote.v1.LocalQuoteService"
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))

    async with (
        serve(register, services=(), host="127.0.0.1", port=0) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        refusal = await LocalClient(channel).quote(ASKED, timeout_ns=5 * S)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "UNAVAILABLE"
    assert refusal.message.startswith("local quote service: does not let the aggregator in: authorization: ")
