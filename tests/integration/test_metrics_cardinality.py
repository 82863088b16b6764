"""Nothing that a client sends makes a series: a scraper pays for what is served, not for who asks for what."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import aiohttp
import grpc.aio
import pytest
from fakes.metrics_pages import families_of
from fakes.quote_services import FakeExternalService, FakeLocalService, serving
from fakes.running_aggregator import RunningAggregator, aggregator, until_serving
from fakes.waiting import DEADLINE_S
from solders.pubkey import Pubkey

from quote_core.generated.solquote.v1 import quote_aggregator_pb2, quote_aggregator_pb2_grpc, quotes_pb2
from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

SOL, USDC = (token.mint for token in list(load_tokens())[:2])
SERVICE: Final = "solquote.v1.QuoteAggregatorService"
STREAM: Final = f"{SERVICE}/StreamBatchQuotes"
BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
ROUNDS: Final = 300
AT_ONCE: Final = 25
"""Of the requests of a kind, before the next kind has its turn."""
RNG: Final = random.Random(7)

Ask = Callable[[int], Awaitable[object]]


def anything() -> str:
    """No address: too short for one."""
    return "".join(RNG.choices(BASE58, k=20))


def a_mint() -> str:
    return str(Pubkey.from_bytes(RNG.randbytes(32)))


def http_kinds(http: aiohttp.ClientSession) -> list[Ask]:
    async def ask(verb: str, path: str, **parameters: str) -> None:
        async with http.request(verb, path, params=parameters, headers={"User-Agent": anything()}) as answer:
            await answer.read()

    return [
        lambda _: ask("GET", f"/{anything()}"),
        lambda number: ask("GET", f"/v1/quote/{number}"),
        lambda _: ask(anything().upper(), "/v1/quote"),
        lambda _: ask("DELETE", f"/v1/pools/{anything()}"),
        lambda _: ask("GET", f"/v1/pools/{anything()}"),
        lambda _: ask("GET", f"/v1/pools/{a_mint()}"),
        lambda number: ask("GET", "/v1/quote", inputMint=SOL, outputMint=USDC, amount=str(10**9 + number)),
        lambda number: ask("GET", "/v1/quote", inputMint=a_mint(), outputMint=USDC, amount=str(number)),
        lambda number: ask("GET", "/v1/quote", inputMint=anything(), outputMint=USDC, amount=str(number)),
        lambda number: ask("GET", "/v1/quote", inputMint=SOL, outputMint=USDC, amount=f"-{number}"),
        lambda number: ask("GET", "/v1/quote", **{anything(): str(number)}),
    ]


def grpc_kinds(running: RunningAggregator) -> list[Ask]:
    stub = quote_aggregator_pb2_grpc.QuoteAggregatorServiceStub(running.channel)

    async def unserved(method: str) -> None:
        with pytest.raises(grpc.aio.AioRpcError):
            await running.channel.unary_unary(method)(b"", metadata=(("x-client", anything()),))

    async def quote(mint: str, amount: int) -> None:
        request = quote_aggregator_pb2.AggregatedQuoteRequest(input_mint=mint, output_mint=USDC, input_amount=amount)
        try:
            assert (await stub.GetQuote(request)).input_amount == amount
        except grpc.aio.AioRpcError as error:
            assert mint != SOL, error  # noqa: PT017  # only the others are refused

    async def stream(number: int) -> None:
        pair = quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC)
        request = quotes_pb2.BatchQuoteRequest(pairs=[pair], amounts=[10**9 + number % AT_ONCE])
        call = stub.StreamBatchQuotes(request)
        assert (await call.read()).quotes
        call.cancel()

    return [
        lambda number: unserved(f"/{SERVICE}/Method{number}"),
        lambda _: unserved(f"/{anything()}/{anything()}"),
        lambda number: quote(SOL, 10**9 + number),
        lambda number: quote(a_mint(), number),
        lambda number: quote(anything(), number),
        stream,
    ]


async def series(http: aiohttp.ClientSession, *, stream_count: int) -> set[object]:
    """What is on the page once it tells of so many streams, each of which was the last thing of its round."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            async with http.get("/metrics") as answer:
                families = families_of(await answer.text())
            ended = families["solquote_grpc_calls_total"]
            if sum(count for (_, of), count in ended.items() if ("method", STREAM) in of) == stream_count:
                # But for the scraper's own, which would be there without clients.
                return {
                    sample
                    for values in families.values()
                    for sample in values
                    if ("route", "/metrics") not in sample[1]
                }
            await asyncio.sleep(0.05)  # it happens behind HTTP


async def test_thousands_of_clients_paths_tokens_and_amounts_make_no_series(tmp_path: Path):
    local = FakeLocalService()
    local.usd = {SOL: 140.0, USDC: 1.0}
    local.rates = {(SOL, USDC): 0.14, (USDC, SOL): 7.1}
    async with (
        serving(local=local) as local_address,
        serving(external=FakeExternalService()) as external_address,
        aggregator(tmp_path, local_address=local_address, external_address=external_address) as running,
        aiohttp.ClientSession(running.http_url) as http,
    ):
        await until_serving(running)
        kinds = [*http_kinds(http), *grpc_kinds(running)]
        numbers = itertools.count(1)
        for kind in kinds:
            await kind(next(numbers))
        before = await series(http, stream_count=1)
        for _ in range(ROUNDS // AT_ONCE):
            for kind in kinds:
                for _ in range(AT_ONCE):
                    await kind(next(numbers))
        assert next(numbers) > 4_000
        assert await series(http, stream_count=1 + ROUNDS) - before == set()
