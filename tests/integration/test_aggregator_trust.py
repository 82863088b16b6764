"""What the aggregator says is true when it says it: of old quotes, dead oracles, spoiled answers and silent peers."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc
import grpc.aio
import pytest
from fakes.ports import free_port
from fakes.quote_services import FakeExternalService, FakeLocalService, Key, serving
from fakes.recorded_market_process import recorded_market_process
from fakes.running_aggregator import RunningAggregator, aggregator, aggregator_between, until_serving
from fakes.running_local_quote import local_quote
from fakes.swallowing_proxy import SwallowingProxy
from fakes.waiting import DEADLINE_S, eventually
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quote_core.generated.solquote.v1 import external_quote_pb2 as external_pb
from quote_core.generated.solquote.v1 import local_quote_pb2 as local_pb
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.generated.solquote.v1 import quote_aggregator_pb2_grpc as pb_grpc
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.serving import serve
from quote_core.tokens import load_tokens
from quote_core.watch import DEFAULT_AMOUNTS, watched_row_count
from shm import Flag, QuoteReader

pytestmark = pytest.mark.integration

TOKENS = load_tokens()
SOL, USDC, MSOL = (TOKENS.resolve(symbol, field="").mint for symbol in ("SOL", "USDC", "mSOL"))
ONE_SOL = 1_000_000_000
S = 1_000_000_000
WATCHED_COUNT = watched_row_count(pair_count=len(TOKENS.pairs), amount_count=len(DEFAULT_AMOUNTS))
ASKED = pb.AggregatedQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=ONE_SOL)


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
    async with aggregator_between(tmp_path, local=local, external=external) as service:
        yield service


def stub(running: RunningAggregator) -> pb_grpc.QuoteAggregatorServiceStub:
    return pb_grpc.QuoteAggregatorServiceStub(running.channel)


async def until(
    running: RunningAggregator, condition: Callable[[quotes_pb2.HealthResponse], bool], *, within_s: float = DEADLINE_S
) -> None:
    """Ask for the health again and again."""
    async with asyncio.timeout(within_s):
        while not condition(await stub(running).Health(quotes_pb2.HealthRequest())):  # noqa: ASYNC110  # behind gRPC
            await asyncio.sleep(0.02)


def ages_ns(reader: QuoteReader) -> list[int]:
    """Of all internal entries with a price."""
    now = time.time_ns()
    priced = [quote for quote in reader if quote.source == 1 and Flag.VALID in quote.flags]
    return [now - quote.ts_ns for quote in priced]


async def test_time_in_shared_memory_is_that_of_the_last_confirmation_not_of_the_last_change(
    running: RunningAggregator, local: FakeLocalService
) -> None:
    local.changed_unix_ns -= 3_600 * S
    with QuoteReader.open(running.shm_dir) as reader:
        await eventually(lambda: len(ages_ns(reader)) >= 160)
        assert max(ages_ns(reader)) < 5 * S
        before = {quote.index: quote.ts_ns for quote in reader if quote.source == 1}

        def confirmed() -> bool:
            return all(quote.ts_ns > before[quote.index] for quote in reader if quote.index in before)

        await eventually(confirmed)


async def test_service_that_goes_on_talking_of_an_old_state_keeps_no_quote_fresh(
    running: RunningAggregator, local: FakeLocalService
) -> None:
    with QuoteReader.open(running.shm_dir) as reader:
        handle = reader.handle(SOL, USDC, ONE_SOL)
        await eventually(lambda: bool(handle))
        local.vouched_age_ms = 30_000
        await eventually(lambda: not handle)
        answer = await stub(running).GetQuote(ASKED)
        assert answer.local.is_stale
        assert answer.local.pool_state_age_ms >= 30_000
        assert answer.decision == pb.DECISION_SKIP
        local.vouched_age_ms = 0
        await eventually(lambda: bool(handle))


async def test_an_hour_after_the_oracle_died_nothing_is_executed_on_its_price(
    running: RunningAggregator, local: FakeLocalService, external: FakeExternalService
) -> None:
    await external.change({(SOL, USDC): 0.14})
    local.oracle_age_ms = 3_600_000
    await local.change({(SOL, USDC): 0.1425})  # the market has moved on, the oracle's 140 has not
    row = quotes_pb2.BatchQuoteRequest(
        pairs=[quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC)], amounts=[ONE_SOL], refresh_interval_ms=50
    )
    stream = stub(running).StreamBatchQuotes(row)
    async with asyncio.timeout(DEADLINE_S):
        while True:
            quote = (await stream.read()).quotes[0]
            if quote.external.output_amount and not quote.HasField("oracle_price"):
                break
    stream.cancel()
    assert quote.local_factors.oracle == quote.external_factors.oracle == 0.0
    assert quote.decision != pb.DECISION_EXECUTE


class SpoiledLocalService(FakeLocalService):
    """Gives the same fields of every SOL/mSOL quote other values."""

    def __init__(self) -> None:
        super().__init__()
        self.spoiled: dict[str, float] = {}

    def quote(self, row: int, key: Key) -> local_pb.LocalQuote:
        quote = super().quote(row, key)
        if key[:2] == (SOL, MSOL):
            for field, value in self.spoiled.items():
                setattr(quote, field, value)
        return quote


@pytest.mark.parametrize(
    "spoiled",
    [{"output_amount": 0}, {"output_amount": 2**64 - 1}, {"price_impact": math.nan}, {"price_impact": 1e308}],
)
async def test_answer_no_quote_can_be_costs_its_own_row_and_is_never_live(
    spoiled: dict[str, float], tmp_path: Path
) -> None:
    local = SpoiledLocalService()
    local.usd = {SOL: 140.0, USDC: 1.0, MSOL: math.inf}
    local.rates = {(SOL, USDC): 0.14, (SOL, MSOL): 0.769}
    async with (
        serving(local=local) as address,
        aggregator(tmp_path, local_address=address, external_address=f"127.0.0.1:{free_port()}") as running,
    ):
        await until_serving(running)
        with QuoteReader.open(tmp_path) as reader:
            hit, spared = reader.handle(SOL, MSOL, ONE_SOL), reader.handle(SOL, USDC, ONE_SOL)
            await eventually(lambda: bool(hit) and bool(spared))
            local.spoiled = spoiled
            await local.change({(SOL, USDC): 0.15})
            await eventually(lambda: not hit and bool(spared) and spared.output_amount == 150_000_000)
            batch = quotes_pb2.BatchQuoteRequest(
                pairs=[quotes_pb2.TokenPair(input_mint=SOL, output_mint=MSOL)], amounts=[ONE_SOL]
            )
            stream = stub(running).StreamBatchQuotes(batch)
            async with asyncio.timeout(DEADLINE_S):
                told = (await stream.read()).quotes[0]
                while not told.error.code:  # the old row may have gone stale before the spoiled one came
                    told = (await stream.read()).quotes[0]
            stream.cancel()
            assert told.error.code == "DATA_LOSS"
            assert next(iter(spoiled)) in told.error.message
            assert not hit
            local.spoiled = {}
            await local.change({(SOL, MSOL): 0.77})
            await eventually(lambda: bool(hit) and hit.output_amount == 770_000_000)


class SpoiledExternalService(FakeExternalService):
    """A provider that says NaN of everything."""

    def quote(self, row: int, key: Key) -> external_pb.ExternalQuote:
        quote = super().quote(row, key)
        quote.price_impact_bps = math.nan
        return quote


async def test_provider_that_says_nan_leaves_the_local_quotes_alone(local: FakeLocalService, tmp_path: Path) -> None:
    external = SpoiledExternalService()
    external.rates = {(SOL, USDC): 0.139}
    async with (
        serving(local=local) as local_address,
        serving(external=external) as external_address,
        aggregator(tmp_path, local_address=local_address, external_address=external_address) as running,
    ):
        await until_serving(running)
        await until(running, lambda health: health.figures["external_impossible_quotes"] > 0)
        answer = await stub(running).GetQuote(ASKED)
        assert answer.output_amount == 140_000_000
        assert answer.external.error.code == "DATA_LOSS"


async def test_client_gets_no_more_rows_than_its_share_and_the_watched_ones_are_none_of_it(
    local: FakeLocalService, tmp_path: Path
) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    async with (
        serving(local=local) as address,
        aggregator(tmp_path, local_address=address, external_address=nobody, client_rows_max=10) as running,
    ):
        await until_serving(running)
        await asked_beyond_the_share(running)


async def asked_beyond_the_share(running: RunningAggregator) -> None:
    def ask(*amounts: int) -> quotes_pb2.BatchQuoteRequest:
        pair = quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC)
        return quotes_pb2.BatchQuoteRequest(pairs=[pair], amounts=amounts)

    first = stub(running).StreamBatchQuotes(ask(*DEFAULT_AMOUNTS, *range(1, 8)))
    assert len((await first.read()).quotes) == len(DEFAULT_AMOUNTS) + 7
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await stub(running).StreamBatchQuotes(ask(8, 9, 10, 11)).read()
    assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "of one client: 11 quotes asked for, at most 10" in (failure.value.details() or "")
    async with grpc.aio.insecure_channel(
        running.grpc_address,
        options=[("grpc.use_local_subchannel_pool", 1)],  # a connection of its own
    ) as other:
        second = pb_grpc.QuoteAggregatorServiceStub(other).StreamBatchQuotes(ask(8, 9, 10, 11))
        assert len((await second.read()).quotes) == 4
        second.cancel()
    first.cancel()


async def test_client_on_a_watched_amount_keeps_it_when_the_platforms_row_moves_on(
    running: RunningAggregator, local: FakeLocalService
) -> None:
    pair = quotes_pb2.TokenPair(input_mint=USDC, output_mint=SOL, amounts=[140_000_000], rows=[77])
    with QuoteReader.open(running.shm_dir) as reader:
        old, new = reader.handle(USDC, SOL, 140_000_000), reader.handle(USDC, SOL, 160_000_000)
        await eventually(lambda: bool(old))
        stream = stub(running).StreamBatchQuotes(quotes_pb2.BatchQuoteRequest(pairs=[pair], refresh_interval_ms=60_000))
        assert (await stream.read()).quotes[0].output_amount == 994_000_000
        local.usd[SOL] = 160.0
        await eventually(lambda: bool(new))
        assert new.fresh().index < WATCHED_COUNT
        await local.change({(USDC, SOL): 6.0})
        async with asyncio.timeout(DEADLINE_S):
            while True:
                quote = (await stream.read()).quotes[0]
                assert (quote.row, quote.input_amount) == (77, 140_000_000)
                if quote.output_amount == 840_000_000:
                    break
        await eventually(lambda: bool(old) and old.output_amount == 840_000_000)
        assert old.fresh().index >= WATCHED_COUNT
        stream.cancel()
        await eventually(lambda: not old)
        assert new


async def test_upstream_that_went_dead_without_a_word_is_noticed_and_reconnected_to(
    local: FakeLocalService, tmp_path: Path
) -> None:
    proxy = SwallowingProxy()
    async with (
        serving(local=local) as address,
        proxy.before(address) as proxied,
        aggregator(tmp_path, local_address=proxied, external_address=f"127.0.0.1:{free_port()}") as running,
    ):
        await until_serving(running)
        proxy.swallow()
        await until(running, lambda health: not health.serving)  # after three refresh intervals
        proxy.heal()
        await until(running, lambda health: health.serving, within_s=60)  # the keepalive gives up after 15 s


async def test_client_that_pings_every_few_seconds_is_not_sent_away_with_or_without_a_call() -> None:
    """A server counts pings that come too soon, so one that lets these pass does so with any that are further apart."""
    options = (
        ("grpc.keepalive_time_ms", 1_500),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.use_local_subchannel_pool", 1),
    )
    async with (
        serve(lambda _: None, services=(), host="127.0.0.1", port=0) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options=options) as calling,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options=options) as idle,
    ):
        watch = health_pb2_grpc.HealthStub(calling).Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        await health_pb2_grpc.HealthStub(idle).Check(health_pb2.HealthCheckRequest())
        assert idle.get_state() is grpc.ChannelConnectivity.READY
        reading = asyncio.create_task(watch.read())
        leaving = asyncio.create_task(idle.wait_for_state_change(grpc.ChannelConnectivity.READY))
        done, _ = await asyncio.wait({reading, leaving}, timeout=8)  # five pings; gRPC's default allows two
        sent_away = [name for name, task in (("with a call", reading), ("idle", leaving)) if task in done]
        reading.cancel()
        leaving.cancel()
        assert sent_away == []


async def test_rows_of_the_real_local_service_are_young_while_their_pools_rest(tmp_path: Path) -> None:
    async def shares(reader: QuoteReader) -> AsyncIterator[float]:
        until = time.monotonic() + 12
        while time.monotonic() < until:
            ages = ages_ns(reader)
            yield sum(age_ns < 5 * S for age_ns in ages) / len(ages)
            await asyncio.sleep(0.2)

    with recorded_market_process(slot_time="400ms") as market:
        async with (
            local_quote(rpc_url=market.rpc_url, rpc_ws_url=market.websocket_url) as service,
            aggregator(tmp_path, local_address=service.address, external_address=f"127.0.0.1:{free_port()}") as running,
        ):
            await until_serving(running)
            with QuoteReader.open(tmp_path) as reader:
                await eventually(lambda: len(ages_ns(reader)) >= 900, deadline_s=60)
                measured = [share async for share in shares(reader)]
    assert sum(measured) / len(measured) > 0.99, f"at worst {min(measured):.0%} of the rows were usable"
