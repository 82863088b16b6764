from collections.abc import AsyncIterator

import aiohttp
import pytest
from fakes.fake_clock import FakeClock
from fakes.jupiter import FakeJupiter, serving_jupiter
from fakes.provider_quotes import KEY, SOL, USDC, S, answer

from external_quote.providers.base import RouteLeg
from external_quote.providers.jupiter import JupiterProvider
from quote_core.errors import (
    DeadlinePassed,
    LayoutMismatch,
    NoLiquidity,
    ProviderUnavailable,
    RateLimited,
)
from quote_core.units import Pubkey


class Desk:
    """A Jupiter that answers over HTTP, the provider under test, and the pauses it asked for."""

    def __init__(self, jupiter: FakeJupiter, provider: JupiterProvider, pauses_ns: list[int]) -> None:
        self.jupiter = jupiter
        self.provider = provider
        self.pauses_ns = pauses_ns

    async def ask(self, *, known_route: tuple[RouteLeg, ...] = (), timeout_ns: int = 5 * S) -> object:
        return await self.provider.quote(KEY, slippage_bps=50, known_route=known_route, timeout_ns=timeout_ns)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    jupiter, pauses_ns = FakeJupiter(), []
    async with serving_jupiter(jupiter) as url, aiohttp.ClientSession() as session:
        provider = JupiterProvider(session, base_url=url + "/", api_key=None, clock=FakeClock(), pause=pauses_ns.append)
        yield Desk(jupiter, provider, pauses_ns)


async def test_answer_is_taken_over_in_full(desk: Desk) -> None:
    quote = await desk.provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=5 * S)
    assert quote.output_amount == 140_000_000
    assert quote.price_impact_fraction == pytest.approx(0.0015)
    assert quote.slot == 4242
    assert quote.legs == (RouteLeg(Pubkey("Poo1" * 8), "Whirlpool", SOL, USDC, 1_000_000_000, 140_000_000, 17, SOL),)
    assert desk.jupiter.api_keys == [None]
    assert desk.jupiter.requests == [
        {"inputMint": SOL, "outputMint": USDC, "amount": "1000000000", "slippageBps": "50", "swapMode": "ExactIn"}
    ]


async def test_answer_that_comes_in_pieces_is_read_to_its_end(desk: Desk) -> None:
    desk.jupiter.chunk_bytes = 100
    quote = await desk.provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=5 * S)
    assert quote.output_amount == 140_000_000


async def test_known_route_restricts_the_search_to_its_dexes(desk: Desk) -> None:
    (leg,) = answer().legs
    await desk.ask(known_route=(leg,))
    await desk.ask(known_route=(leg, leg))
    direct, routed = desk.jupiter.requests
    assert (direct["dexes"], direct["onlyDirectRoutes"]) == ("Whirlpool", "true")
    assert routed["dexes"] == "Whirlpool"
    assert "onlyDirectRoutes" not in routed


@pytest.mark.parametrize(
    ("headers", "wait_ms"),
    [
        ({"Retry-After": "7"}, 7_000),
        ({"Retry-After": "0.5"}, 500),
        ({"x-ratelimit-reset": "1700000003"}, 3_000),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT", "x-ratelimit-reset": "1700000003"}, 3_000),
        ({"Retry-After": "999999"}, 60_000),
        ({"x-ratelimit-reset": "1600000000"}, 0),
        ({}, 1_000),
        ({"Retry-After": "nan"}, 1_000),
    ],
)
async def test_too_many_requests_pauses_for_as_long_as_the_headers_say(
    desk: Desk, headers: dict[str, str], wait_ms: int
) -> None:
    desk.jupiter.refusals.append((429, headers, b"{}"))
    with pytest.raises(RateLimited) as refused:
        await desk.ask()
    assert refused.value.retry_after_ms == wait_ms
    assert desk.pauses_ns == [wait_ms * 1_000_000]


@pytest.mark.parametrize("remaining", ["0", "-3"])
async def test_last_answer_of_a_window_pauses_until_a_slot_frees(desk: Desk, remaining: str) -> None:
    desk.jupiter.headers = {"x-ratelimit-remaining": remaining, "x-ratelimit-reset": "1700000002"}
    await desk.ask()
    assert desk.pauses_ns == [2 * S]


async def test_slots_left_mean_no_pause(desk: Desk) -> None:
    desk.jupiter.headers = {"x-ratelimit-remaining": "1", "x-ratelimit-reset": "1700000002"}
    await desk.ask()
    assert desk.pauses_ns == []


@pytest.mark.parametrize("body", [b'{"error": "no route"}', b"[]", b"not json", b""])
async def test_refused_pair_is_no_liquidity_whatever_the_body(desk: Desk, body: bytes) -> None:
    desk.jupiter.refusals.append((400, {}, body))
    with pytest.raises(NoLiquidity):
        await desk.ask()


@pytest.mark.parametrize("status", [401, 404, 500, 503])
async def test_other_statuses_are_the_providers_failure(desk: Desk, status: int) -> None:
    desk.jupiter.refusals.append((status, {}, b""))
    with pytest.raises(ProviderUnavailable, match=f"answered {status}"):
        await desk.ask()


@pytest.mark.parametrize(
    "changes",
    [
        {"outAmount": "-1"},
        {"outAmount": 140_000_000},
        {"outAmount": str(2**64)},
        {"outAmount": None},
        {"inAmount": "2"},
        {"outputMint": SOL},
        {"routePlan": []},
        {"routePlan": [{"swapInfo": {}}]},
        {"priceImpactPct": "much"},
    ],
)
async def test_answer_of_another_shape_is_refused(desk: Desk, changes: dict[str, object]) -> None:
    desk.jupiter.changes = changes
    with pytest.raises(LayoutMismatch, match=r"^jupiter: "):
        await desk.ask()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"a": "' + b"x" * 300_000 + b'"}'])
async def test_answer_that_is_no_quote_at_all_is_refused(desk: Desk, body: bytes) -> None:
    desk.jupiter.refusals.append((200, {}, body))
    with pytest.raises(LayoutMismatch):
        await desk.ask()


async def test_silence_ends_at_the_time_out(desk: Desk) -> None:
    desk.jupiter.gate.clear()
    with pytest.raises(DeadlinePassed, match="50 ms"):
        await desk.ask(timeout_ns=50_000_000)


async def test_nobody_there_is_unavailable_and_names_no_url() -> None:
    async with aiohttp.ClientSession() as session:
        provider = JupiterProvider(
            session,
            base_url="http://127.0.0.1:9/key-in-path",
            api_key=None,
            clock=FakeClock(),
            pause=lambda _: None,
        )
        with pytest.raises(ProviderUnavailable) as error:
            await provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=S)
    assert "key-in-path" not in str(error.value)
