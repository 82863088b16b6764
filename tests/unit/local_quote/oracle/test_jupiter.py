"""Jupiter's price API over real HTTP: what is taken of it, and what is not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from fakes.fake_clock import FakeClock
from fakes.held_market import JITOSOL, REGISTRY, SOL, USDC
from fakes.price_apis import SLOT, FakeJupiterPrices
from fakes.provider_api import serving
from fakes.waiting import eventually

from local_quote.oracle import PriceReading, Refusal, Source, Unit
from local_quote.oracle.jupiter import JupiterPrices
from quote_core.outside_api import HttpApi
from quote_core.resilience import Backoff, Pause
from quote_core.settings import SecretStr
from quote_core.units import Pubkey

S = 1_000_000_000


class Asking:
    """A Jupiter, who asks it, and what came of it."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        jupiter: FakeJupiterPrices,
        *,
        api_key: SecretStr | None = None,
        timeout_ns: int = 60 * S,
    ) -> None:
        self.jupiter = jupiter
        self.clock = FakeClock()
        self.taken: dict[Pubkey, PriceReading] = {}
        self.refused: list[tuple[Source, Refusal]] = []
        self.pause = Pause(name="jupiter price", clock=self.clock)
        api = HttpApi(
            session,
            provider="jupiter price",
            base_url=url,
            clock=self.clock,
            pause=self.pause.extend,
            refusals=frozenset(),
        )
        self.prices = JupiterPrices(
            api,
            REGISTRY,
            api_key=api_key,
            take=self.taken.__setitem__,
            refuse=lambda source, reason: self.refused.append((source, reason)),
            interval_ns=1_000_000,
            timeout_ns=timeout_ns,
            backoff=Backoff(first_ns=1_000_000, pause_ns_max=2_000_000),
            pause=self.pause,
            clock=self.clock,
        )


@contextlib.asynccontextmanager
async def asked_of(
    jupiter: FakeJupiterPrices, *, api_key: SecretStr | None = None, timeout_ns: int = 60 * S
) -> AsyncIterator[Asking]:
    async with serving(jupiter) as url, aiohttp.ClientSession() as session:
        yield Asking(session, url + "/", jupiter, api_key=api_key, timeout_ns=timeout_ns)


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    async with asked_of(FakeJupiterPrices(usd={SOL.mint: 80.0, USDC.mint: 1.0})) as asking:
        yield asking


async def test_prices_are_taken_with_their_slot(asking: Asking) -> None:
    assert await asking.prices.ask_once() == ""
    assert {mint: reading.price for mint, reading in asking.taken.items()} == {SOL.mint: 80.0, USDC.mint: 1.0}
    reading = asking.taken[SOL.mint]
    assert (reading.source, reading.unit, reading.conf) == (Source.JUPITER, Unit.USD, 0.0)
    assert (reading.published_slot, reading.published_unix_s) == (SLOT, None)
    assert reading.freshness.vouched.mono_ns == asking.clock.mono_ns()


async def test_every_token_is_asked_for_in_one_request_with_the_key() -> None:
    async with asked_of(FakeJupiterPrices(), api_key=SecretStr("secret")) as asking:
        assert await asking.prices.ask_once() == ""
    (query,) = asking.jupiter.requests
    assert query["ids"].split(",") == [token.mint for token in REGISTRY]
    assert asking.jupiter.api_keys == ["secret"]


async def test_a_token_without_a_price_and_one_nobody_asked_for_are_passed_over(asking: Asking) -> None:
    asking.jupiter.usd["So11111111111111111111111111111111111111113"] = 5.0
    await asking.prices.ask_once()
    assert JITOSOL.mint not in asking.taken
    assert len(asking.taken) == 2
    assert asking.refused == []


async def test_a_price_without_a_slot_is_taken(asking: Asking) -> None:
    asking.jupiter.slot = None
    await asking.prices.ask_once()
    assert asking.taken[SOL.mint].published_slot is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"usdPrice": -80.0}, Refusal.PRICE),
        ({"usdPrice": 0}, Refusal.PRICE),
        ({"usdPrice": None}, Refusal.PRICE),
        ({"usdPrice": "NaN"}, Refusal.PRICE),
        ({"usdPrice": 1e300}, Refusal.PRICE),
        ({"usdPrice": "1e999"}, Refusal.PRICE),
        ({"usdPrice": 1e-300}, Refusal.PRICE),
        ({"usdPrice": True}, Refusal.PRICE),
        ({"usdPrice": [80]}, Refusal.PRICE),
        ({"blockId": -1}, Refusal.PRICE),
        ({"blockId": 2**63}, Refusal.PRICE),
        ({"blockId": "5"}, Refusal.PRICE),
        ({"decimals": 18}, Refusal.DECIMALS),
    ],
)
async def test_a_price_that_is_none_is_counted_by_what_is_wrong(
    asking: Asking, changes: dict[str, object], reason: Refusal
) -> None:
    asking.jupiter.changes = changes
    assert await asking.prices.ask_once() == ""
    assert asking.taken == {}
    assert asking.refused == [(Source.JUPITER, reason)] * 2


async def test_of_an_answer_with_one_bad_price_the_others_are_taken(asking: Asking) -> None:
    body = f'{{"{SOL.mint}": 5, "{USDC.mint}": {{"usdPrice": 1}}, "{JITOSOL.mint}": []}}'.encode()
    asking.jupiter.refusals.append((200, {}, body))
    assert await asking.prices.ask_once() == ""
    assert asking.taken.keys() == {USDC.mint}
    assert asking.refused == [(Source.JUPITER, Refusal.PRICE)] * 2


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"null", b"5", b"", b"\xff", b"[" * 50_000])
async def test_an_answer_that_is_no_object_is_a_fault(asking: Asking, body: bytes) -> None:
    asking.jupiter.refusals.append((200, {}, body))
    assert (await asking.prices.ask_once()).startswith("jupiter price: answer is not ")
    assert asking.refused == [(Source.JUPITER, Refusal.UNREADABLE)]
    assert asking.taken == {}


@pytest.mark.parametrize("status", [302, 400, 401, 404, 500, 503])
async def test_another_status_is_a_fault_that_says_it(asking: Asking, status: int) -> None:
    asking.jupiter.refusals.append((status, {}, b""))
    assert f"answered {status}" in await asking.prices.ask_once()


async def test_too_many_requests_are_ended_for_as_long_as_it_says(asking: Asking) -> None:
    asking.jupiter.refusals.append((429, {"Retry-After": "20"}, b""))
    assert await asking.prices.ask_once()
    assert asking.pause.remaining_ns == 20 * S


async def test_an_answer_cut_off_is_a_fault_and_half_a_price_is_none(asking: Asking) -> None:
    asking.jupiter.cut_bytes = 20
    assert "cannot be reached" in await asking.prices.ask_once()
    assert asking.taken == {}


async def test_silence_ends_at_the_time_out() -> None:
    async with asked_of(FakeJupiterPrices(usd={SOL.mint: 80.0}), timeout_ns=50_000_000) as asking:
        asking.jupiter.gate.clear()
        assert "50 ms" in await asking.prices.ask_once()


async def test_it_goes_on_asking_whatever_was_answered_and_the_fault_is_over_with_an_answer(asking: Asking) -> None:
    asking.jupiter.refusals += [(500, {}, b""), (200, {}, b"garbage"), (404, {}, b"")]
    async with asyncio.TaskGroup() as tasks:
        assert asking.prices.fault == "has not answered yet"
        running = tasks.create_task(asking.prices.run())
        await eventually(lambda: not asking.prices.fault)
        assert SOL.mint in asking.taken
        asking.jupiter.usd[SOL.mint] = 81.0
        await eventually(lambda: asking.taken[SOL.mint].price == 81.0)
        running.cancel()


async def test_an_answer_that_was_the_last_of_its_window_is_heeded(asking: Asking) -> None:
    now = {"Date": "Tue, 14 Nov 2023 22:13:20 GMT"}
    asking.jupiter.headers = now | {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000060"}
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(asking.prices.run())
        await eventually(lambda: asking.pause.remaining_ns > 0)
        await eventually(lambda: not asking.prices.fault)
        for _ in range(50):
            await asyncio.sleep(0.001)
        assert len(asking.jupiter.requests) == 1
        running.cancel()
