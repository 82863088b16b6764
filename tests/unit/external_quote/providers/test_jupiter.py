from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from fakes.fake_clock import FakeClock
from fakes.provider_api import POOL, FakeJupiter, serving
from fakes.provider_quotes import KEY, SOL, USDC, S, answer

from external_quote.providers.jupiter import JupiterProvider
from quote_core.errors import (
    DeadlinePassed,
    LayoutMismatch,
    NoLiquidity,
    ProviderUnavailable,
    RateLimited,
)
from quote_core.outside import retry_after_ns
from quote_core.outside_api import HttpApi
from quote_core.quotes import Provenance, RouteHop
from quote_core.serving import write_hop
from quote_core.settings import SecretStr
from quote_core.units import Pubkey


class Asking:
    """A Jupiter that answers over HTTP, the provider under test, and the pauses it asked for."""

    def __init__(self, jupiter: FakeJupiter, provider: JupiterProvider, pauses_ns: list[int]) -> None:
        self.jupiter = jupiter
        self.provider = provider
        self.pauses_ns = pauses_ns

    async def ask(self, *, known_route: tuple[RouteHop, ...] = (), timeout_ns: int = 5 * S) -> object:
        return await self.provider.quote(KEY, slippage_bps=50, known_route=known_route, timeout_ns=timeout_ns)


def jupiter_at(
    session: aiohttp.ClientSession,
    url: str,
    *,
    api_key: SecretStr | None = None,
    pause: Callable[[int], None] = lambda _: None,
) -> JupiterProvider:
    api = HttpApi(session, provider="jupiter", base_url=url, clock=FakeClock(), pause=pause)
    return JupiterProvider(api, api_key=api_key)


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    jupiter, pauses_ns = FakeJupiter(), []
    async with serving(jupiter) as url, aiohttp.ClientSession() as session:
        provider = jupiter_at(session, url + "/", pause=pauses_ns.append)
        yield Asking(jupiter, provider, pauses_ns)


async def test_answer_is_taken_over_in_full(asking: Asking) -> None:
    quote = await asking.provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=5 * S)
    assert quote.output_amount == 140_000_000
    assert quote.price_impact_fraction == pytest.approx(0.0015)
    assert quote.slot == 4242
    assert quote.route == (RouteHop(Pubkey(POOL), "Whirlpool", SOL, USDC, 1_000_000_000, 140_000_000, 17, SOL),)
    assert asking.jupiter.api_keys == [None]
    assert asking.jupiter.requests == [
        {"inputMint": SOL, "outputMint": USDC, "amount": "1000000000", "slippageBps": "50", "swapMode": "ExactIn"}
    ]


async def test_answer_that_comes_in_pieces_is_read_to_its_end(asking: Asking) -> None:
    asking.jupiter.chunk_bytes = 100
    quote = await asking.provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=5 * S)
    assert quote.output_amount == 140_000_000


async def test_known_route_restricts_the_search_to_its_dexes(asking: Asking) -> None:
    (leg,) = answer().route
    await asking.ask(known_route=(leg,))
    await asking.ask(known_route=(leg, leg))
    direct, routed = asking.jupiter.requests
    assert (direct["dexes"], direct["onlyDirectRoutes"]) == ("Whirlpool", "true")
    assert routed["dexes"] == "Whirlpool"
    assert "onlyDirectRoutes" not in routed


NOW = {"Date": "Tue, 14 Nov 2023 22:13:20 GMT"}
"""1700000000 by the provider's clock; that of this host may say what it likes."""


@pytest.mark.parametrize(
    ("headers", "wait_ms"),
    [
        ({"Retry-After": "7"}, 7_000),
        ({"Retry-After": "0.5"}, 500),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "3600"}, 3_600_000),
        ({"Retry-After": "Tue, 14 Nov 2023 22:14:50 GMT"}, 90_000),
        ({"Retry-After": "Tuesday, 14-Nov-23 22:14:50 GMT"}, 90_000),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:00 GMT"}, 0),
        ({"x-ratelimit-reset": "1700000003"}, 3_000),
        ({"Retry-After": "in a while", "x-ratelimit-reset": "1700000003"}, 3_000),
        ({"Retry-After": "999999"}, 86_400_000),
        ({"Retry-After": "9" * 5_000}, 86_400_000),
        ({"x-ratelimit-reset": "9" * 5_000}, 86_400_000),
        ({"x-ratelimit-reset": "1600000000"}, 0),
        ({}, 1_000),
        ({"Retry-After": "nan"}, 1_000),
        ({"Retry-After": "1e308"}, 1_000),
        ({"Retry-After": "Tue, 99 Nov 2023 22:13:00 GMT"}, 1_000),
    ],
)
async def test_too_many_requests_pauses_for_as_long_as_the_headers_say(
    asking: Asking, headers: dict[str, str], wait_ms: int
) -> None:
    asking.jupiter.refusals.append((429, NOW | headers, b"{}"))
    with pytest.raises(RateLimited) as refused:
        await asking.ask()
    assert refused.value.retry_after_ms == wait_ms
    assert min(asking.pauses_ns[0], 86_400 * S) == wait_ms * 1_000_000


async def test_date_is_judged_by_this_hosts_clock_where_the_answer_has_none() -> None:
    headers = {"Retry-After": "Tue, 14 Nov 2023 22:14:50 GMT"}
    assert retry_after_ns(headers, now_unix_ns=FakeClock().unix_ns()) == 90 * S


async def test_overloaded_provider_is_left_alone_for_as_long_as_it_says(asking: Asking) -> None:
    asking.jupiter.refusals.append((503, {"Retry-After": "20"}, b""))
    with pytest.raises(ProviderUnavailable, match="answered 503"):
        await asking.ask()
    assert asking.pauses_ns == [20 * S]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_takes_neither_question_nor_key_to_another_host(status: int) -> None:
    jupiter, elsewhere = FakeJupiter(), FakeJupiter()
    async with (
        serving(jupiter) as url,
        serving(elsewhere) as other_url,
        aiohttp.ClientSession() as session,
    ):
        jupiter.refusals.append((status, {"Location": other_url + "/quote"}, b""))
        provider = jupiter_at(session, url, api_key=SecretStr("secret"))
        with pytest.raises(ProviderUnavailable) as refusal:
            await provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=5 * S)
    assert jupiter.api_keys == ["secret"]
    assert elsewhere.api_keys == []
    assert f"answered {status}; redirects are not followed" in str(refusal.value)


@pytest.mark.parametrize("remaining", ["0", "-3"])
async def test_last_answer_of_a_window_pauses_until_a_slot_frees(asking: Asking, remaining: str) -> None:
    asking.jupiter.headers = NOW | {"x-ratelimit-remaining": remaining, "x-ratelimit-reset": "1700000002"}
    await asking.ask()
    assert asking.pauses_ns == [2 * S]


async def test_slots_left_mean_no_pause(asking: Asking) -> None:
    asking.jupiter.headers = {"x-ratelimit-remaining": "1", "x-ratelimit-reset": "1700000002"}
    await asking.ask()
    assert asking.pauses_ns == []


@pytest.mark.parametrize("body", [b'{"error": "no route"}', b"[]", b"not json", b""])
async def test_refused_pair_is_no_liquidity_whatever_the_body(asking: Asking, body: bytes) -> None:
    asking.jupiter.refusals.append((400, {}, body))
    with pytest.raises(NoLiquidity):
        await asking.ask()


@pytest.mark.parametrize("status", [401, 404, 500, 503])
async def test_other_statuses_are_the_providers_failure(asking: Asking, status: int) -> None:
    asking.jupiter.refusals.append((status, {}, b""))
    with pytest.raises(ProviderUnavailable, match=f"answered {status}"):
        await asking.ask()


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
async def test_answer_of_another_shape_is_refused(asking: Asking, changes: dict[str, object]) -> None:
    asking.jupiter.changes = changes
    with pytest.raises(LayoutMismatch, match=r"^jupiter: "):
        await asking.ask()


@pytest.mark.parametrize("impact", ["NaN", "nan", "Infinity", "-inf", "1e308", "1.01", "-1.01", "", None, "9" * 5_000])
async def test_impact_that_is_no_fraction_is_refused_by_name(asking: Asking, impact: object) -> None:
    asking.jupiter.changes = {"priceImpactPct": impact}
    with pytest.raises(LayoutMismatch, match="priceImpactPct"):
        await asking.ask()


@pytest.mark.parametrize(
    ("impact", "fraction"), [("0", 0.0), ("-0.02", 0.0), ("1", 1.0), ("1.5e-7", 1.5e-7), (0.25, 0.25)]
)
async def test_impact_below_zero_is_none(asking: Asking, impact: object, fraction: float) -> None:
    asking.jupiter.changes = {"priceImpactPct": impact}
    quote = await asking.provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=5 * S)
    assert quote.price_impact_fraction == fraction


@pytest.mark.parametrize("amount", ["0", "-1", "+1", " 1", "1_0", "1.0", "1e9", "\u0661", str(2**63), str(2**64 - 1)])
async def test_output_that_no_quote_can_have_is_refused_by_name(asking: Asking, amount: str) -> None:
    asking.jupiter.changes = {"outAmount": amount}
    with pytest.raises(LayoutMismatch, match="outAmount"):
        await asking.ask()


async def test_five_thousand_digits_are_refused_and_not_repeated(asking: Asking) -> None:
    asking.jupiter.changes = {"outAmount": "9" * 5_000}
    with pytest.raises(LayoutMismatch, match="outAmount") as refused:
        await asking.ask()
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("slot", [2**48, 2**63, -1, True, "5", 1.5])
async def test_slot_that_no_chain_reaches_is_refused(asking: Asking, slot: object) -> None:
    asking.jupiter.changes = {"contextSlot": slot}
    with pytest.raises(LayoutMismatch, match="contextSlot"):
        await asking.ask()


@pytest.mark.parametrize("key", ["", "pool", "Poo1" * 8, "1" * 45])
async def test_pool_that_is_no_address_is_refused(asking: Asking, key: str) -> None:
    swap = {"ammKey": key, "inputMint": SOL, "outputMint": USDC, "inAmount": "1", "outAmount": "1"}
    asking.jupiter.changes = {"routePlan": [{"swapInfo": swap}]}
    with pytest.raises(LayoutMismatch, match="ammKey"):
        await asking.ask()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"a": "' + b"x" * 300_000 + b'"}'])
async def test_answer_that_is_no_quote_at_all_is_refused(asking: Asking, body: bytes) -> None:
    asking.jupiter.refusals.append((200, {}, body))
    with pytest.raises(LayoutMismatch):
        await asking.ask()


async def test_silence_ends_at_the_time_out(asking: Asking) -> None:
    asking.jupiter.gate.clear()
    with pytest.raises(DeadlinePassed, match="50 ms"):
        await asking.ask(timeout_ns=50_000_000)


async def test_nobody_there_is_unavailable_and_names_no_url() -> None:
    async with aiohttp.ClientSession() as session:
        provider = jupiter_at(session, "http://127.0.0.1:9/key-in-path")
        with pytest.raises(ProviderUnavailable) as error:
            await provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=S)
    assert "key-in-path" not in str(error.value)


@pytest.mark.parametrize(
    ("told", "provenance"),
    [
        ({}, None),
        ({"provenance": None}, None),
        ({"provenance": "recorded"}, Provenance.RECORDED),
        ({"provenance": "synthetic"}, Provenance.SYNTHETIC),
        ({"provenance": "of a kind nobody knows"}, Provenance.SYNTHETIC),
        ({"provenance": 1}, Provenance.SYNTHETIC),
    ],
)
async def test_where_a_pool_is_from_is_taken_over_as_told(
    asking: Asking, told: dict[str, object], provenance: Provenance | None
) -> None:
    swap = {
        "ammKey": POOL,
        "label": "Whirlpool",
        "inputMint": SOL,
        "outputMint": USDC,
        "inAmount": "1000000000",
        "outAmount": "140000000",
    }
    asking.jupiter.changes = {"routePlan": [{"swapInfo": swap | told}]}
    quote = await asking.provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=5 * S)
    assert [hop.provenance for hop in quote.route] == [provenance]
    assert write_hop(quote.route[0]).provenance == (0 if provenance is None else provenance.value)
