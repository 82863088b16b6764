"""Oracles through the real services: from the node's accounts, a stream and an API, to the confidence of a quote."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path

import aiohttp
import pytest
from fakes.ports import free_port
from fakes.price_apis import FakeHermes, FakeJupiterPrices, hermes_event, hermes_price
from fakes.provider_api import serving
from fakes.recorded_market_process import MarketProcess, recorded_market_process
from fakes.running_aggregator import RunningAggregator, aggregator
from fakes.running_local_quote import RunningLocalQuote, local_quote
from fakes.waiting import DEADLINE_S, eventually

from quote_core.dex.pool import Account
from quote_core.generated.solquote.v1 import local_quote_pb2
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.generated.solquote.v1 import quote_aggregator_pb2_grpc as pb_grpc
from quote_core.solana import CLOCK_SYSVAR, decode_clock
from quote_core.tokens import load_tokens
from quote_core.units import Pubkey

pytestmark = pytest.mark.integration

REGISTRY = load_tokens()
SOL, USDC = (REGISTRY.resolve(symbol, field="").mint for symbol in ("SOL", "USDC"))
ASKED = pb.AggregatedQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=10**9)


@pytest.fixture(scope="module")
def market() -> Iterator[MarketProcess]:
    with recorded_market_process(slot_time="400ms") as market:
        yield market


@asynccontextmanager
async def platform(
    market: MarketProcess, shm_dir: Path, *, tokens_path: Path | None = None, **settings: object
) -> AsyncIterator[tuple[RunningLocalQuote, RunningAggregator]]:
    """A local quote service with `settings` on the market, and an aggregator that follows its oracles closely."""
    nobody = f"127.0.0.1:{free_port()}"
    async with (
        local_quote(
            rpc_url=market.rpc_url, rpc_ws_url=market.websocket_url, tokens_path=tokens_path, **settings
        ) as local,
        aggregator(
            shm_dir, local_address=local.address, external_address=nobody, oracle_interval="100ms"
        ) as aggregating,
    ):
        await local.until_figure("directions_quoted", 24)
        yield local, aggregating


async def prices(local: RunningLocalQuote) -> dict[str, local_quote_pb2.OraclePrice]:
    answer = await local.stub.GetOraclePrices(local_quote_pb2.OraclePricesRequest())
    return {price.symbol: price for price in answer.prices}


def whys(price: local_quote_pb2.OraclePrice) -> dict[str, tuple[str, str]]:
    return {one.source: (one.standing, one.why) for one in price.sources}


async def until_priced(
    local: RunningLocalQuote, condition: Callable[[dict[str, local_quote_pb2.OraclePrice]], bool]
) -> dict[str, local_quote_pb2.OraclePrice]:
    """The first prices that are so."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            seen = await prices(local)
            if condition(seen):
                return seen
            await asyncio.sleep(0.02)


async def until_quoted(
    aggregating: RunningAggregator, condition: Callable[[pb.AggregatedQuote], bool]
) -> pb.AggregatedQuote:
    """The first quote of one SOL in USDC that is so; each one until then has an output."""
    stub = pb_grpc.QuoteAggregatorServiceStub(aggregating.channel)
    async with asyncio.timeout(DEADLINE_S):
        while True:
            quote = await stub.GetQuote(ASKED)
            assert quote.output_amount > 0
            if condition(quote):
                return quote
            await asyncio.sleep(0.02)


async def test_the_nodes_own_accounts_are_read_and_held_against_each_other(market: MarketProcess) -> None:
    async with local_quote(rpc_url=market.rpc_url, rpc_ws_url=market.websocket_url) as local:
        seen = await until_priced(
            local,
            lambda told: all(
                {standing for standing, _ in whys(told[symbol]).values()} == {"chosen", "outranked"}
                for symbol in ("SOL", "JupSOL")
            ),
        )
    assert seen["SOL"].sources[0].source == "pyth"
    assert seen["SOL"].usd == pytest.approx(seen["SOL"].sources[1].usd, rel=0.02)
    assert seen["SOL"].confidence_usd > 0.0
    assert [one.source for one in seen["JupSOL"].sources] == ["stake_pool", "switchboard"]
    assert whys(seen["JupSOL"])["switchboard"][1].startswith("agrees within ")
    assert all(price.disagreement == 0.0 for price in seen.values())
    assert not seen["sSOL"].HasField("usd")
    assert list(seen["sSOL"].sources) == []


async def test_sources_that_disagree_lower_the_confidence_with_a_reason_and_quotes_go_on(
    market: MarketProcess, tmp_path: Path
) -> None:
    jupiter = FakeJupiterPrices(usd={USDC: 1.0}, slot=None)
    async with (
        serving(jupiter) as url,
        platform(market, tmp_path, jupiter_price_url=url, jupiter_price_interval="50ms") as (local, aggregating),
        aiohttp.ClientSession() as session,
    ):
        await until_priced(local, lambda told: whys(told["USDC"]).get("jupiter", ("",))[0] == "outranked")
        before = await until_quoted(aggregating, lambda quote: quote.local_factors.oracle > 0.7)
        assert before.oracle_disagreement == 0.0

        jupiter.usd[USDC] = 1.05
        disputed = await until_quoted(aggregating, lambda quote: quote.oracle_disagreement > 0.0)
        assert disputed.oracle_disagreement == pytest.approx(0.05, abs=0.005)
        assert disputed.local_factors.oracle <= 1.0 - 10 * disputed.oracle_disagreement
        assert disputed.local_confidence < 0.9
        assert disputed.decision != pb.DECISION_EXECUTE
        standing, why = whys((await prices(local))["USDC"])["jupiter"]
        assert (standing, why.endswith(" off the chosen price, more than 2 %")) == ("disagrees", True)
        parameters = {"inputMint": SOL, "outputMint": USDC, "amount": str(10**9)}
        async with session.get(f"{aggregating.http_url}/v1/quote", params=parameters) as response:
            answer = await response.json()
        assert (response.status, answer["oracleDisagreement"]) == (200, pytest.approx(0.05, abs=0.005))

        jupiter.refusals = [
            (500, {}, b""),
            (200, {}, b"<html>"),
            (200, {}, b'{"%s": {"usdPrice": -1}}' % USDC.encode()),
        ]
        await eventually(lambda: not jupiter.refusals)
        assert (await until_quoted(aggregating, lambda quote: quote.oracle_disagreement > 0.0)).output_amount > 0
        jupiter.usd[USDC] = 1.0
        agreed = await until_quoted(aggregating, lambda quote: quote.oracle_disagreement == 0.0)
        assert agreed.output_amount > 0


def chain_unix_s(market: MarketProcess) -> int:
    """The market's own time, now: what is final is twelve seconds old."""
    told = market.ask("getAccountInfo", CLOCK_SYSVAR, {"encoding": "base64", "commitment": "processed"})["value"]
    return decode_clock(Account(Pubkey(told["owner"]), base64.b64decode(told["data"][0]))).unix_timestamp


def without_sols_accounts(path: Path) -> Path:
    """The registry, in which Pyth's stream alone knows a price of SOL."""
    registry = json.loads(resources.files("quote_core").joinpath("data/tokens.json").read_bytes())
    (sol,) = [token for token in registry["tokens"] if token["symbol"] == "SOL"]
    sol["pyth_feed_id"] = sol["oracle"]["feed_id"]
    sol["oracle"], sol["further_oracles"] = None, []
    path.write_text(json.dumps(registry))
    return path


async def test_an_oracle_that_goes_stale_lowers_the_confidence_with_a_reason_and_quotes_go_on(
    market: MarketProcess, tmp_path: Path
) -> None:
    hermes, talking = FakeHermes(), asyncio.Event()
    feed_id = REGISTRY.by_mint(SOL, field="").pyth_feed_id or ""

    async def talk(usd: float) -> None:
        while True:
            await talking.wait()
            now_s = await asyncio.to_thread(chain_unix_s, market)
            price = hermes_price(feed_id, str(round(usd * 10**8)), publish_time=now_s)
            await hermes.say(b"data: half an ev\n\n" + hermes_event(price, None))
            await asyncio.sleep(0.1)

    settings = {"oracle_age_max": "5s", "hermes_silence_max": "60s"}
    tokens_path = without_sols_accounts(tmp_path / "tokens.json")
    async with (
        hermes.serving() as url,
        platform(market, tmp_path, tokens_path=tokens_path, hermes_url=url, **settings) as (local, aggregating),
        asyncio.TaskGroup() as tasks,
    ):
        seen = await until_priced(local, lambda told: told["USDC"].HasField("usd"))
        assert whys(seen["SOL"])["hermes"][0] == "silent"
        unknown = await until_quoted(aggregating, lambda quote: quote.local_confidence > 0.0)
        assert unknown.local_factors.oracle == 0.0
        talk_of_sol = tasks.create_task(talk(unknown.output_amount / 10**6))
        for _ in range(2):  # it dies, and comes back
            talking.set()
            known = await until_quoted(aggregating, lambda quote: quote.local_factors.oracle > 0.5)
            assert known.HasField("oracle_price")
            assert (await prices(local))["SOL"].source == "hermes"
            talking.clear()
            stale = await until_quoted(aggregating, lambda quote: not quote.HasField("oracle_price"))
            assert stale.local_factors.oracle == 0.0
            assert stale.local_confidence < known.local_confidence
            seen = await until_priced(local, lambda told: whys(told["SOL"])["hermes"][1].startswith("published "))
            assert (seen["SOL"].is_stale, whys(seen["SOL"])["hermes"][0]) == (True, "stale")
        talk_of_sol.cancel()
