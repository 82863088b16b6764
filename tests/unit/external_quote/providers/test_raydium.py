"""What is Raydium's own: it answers 200 to everything, and its legs tell no amounts between them."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from fakes.fake_clock import FakeClock
from fakes.provider_api import POOL, FakeRaydium, serving
from fakes.provider_quotes import KEY, MSOL, SOL, USDC, S

from external_quote.providers.raydium import RaydiumProvider
from quote_core.errors import LayoutMismatch, NoLiquidity
from quote_core.outside_api import HttpApi
from quote_core.quotes import RouteHop
from quote_core.units import Pubkey


@pytest.fixture
async def fake() -> FakeRaydium:
    return FakeRaydium()


@pytest.fixture
async def provider(fake: FakeRaydium) -> AsyncIterator[RaydiumProvider]:
    async with serving(fake) as url, aiohttp.ClientSession() as session:
        api = HttpApi(session, provider="raydium", base_url=url, clock=FakeClock(), pause=lambda _: None)
        yield RaydiumProvider(api)


async def test_it_is_asked_in_its_own_words(fake: FakeRaydium, provider: RaydiumProvider) -> None:
    await provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=5 * S)
    assert fake.requests == [
        {"inputMint": SOL, "outputMint": USDC, "amount": "1000000000", "slippageBps": "50", "txVersion": "V0"}
    ]


@pytest.mark.parametrize("reason", ["ROUTE_NOT_FOUND", "INSUFFICIENT_LIQUIDITY", ""])
async def test_a_failure_is_no_liquidity_with_its_reason(
    fake: FakeRaydium, provider: RaydiumProvider, reason: str
) -> None:
    fake.refusals.append((200, {}, f'{{"id": "i", "success": false, "version": "V1", "msg": "{reason}"}}'.encode()))
    with pytest.raises(NoLiquidity, match=reason or "refused"):
        await provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=5 * S)


async def test_success_without_a_quote_is_refused(fake: FakeRaydium, provider: RaydiumProvider) -> None:
    fake.refusals.append((200, {}, b'{"success": true}'))
    with pytest.raises(LayoutMismatch, match="data: missing"):
        await provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=5 * S)


async def test_only_the_ends_of_a_longer_route_tell_amounts(fake: FakeRaydium, provider: RaydiumProvider) -> None:
    fake.changes = {
        "routePlan": [
            {"poolId": POOL, "inputMint": SOL, "outputMint": MSOL, "feeMint": SOL, "feeAmount": "5"},
            {"poolId": POOL, "inputMint": MSOL, "outputMint": USDC},
        ]
    }
    quote = await provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=5 * S)
    assert quote.route == (
        RouteHop(Pubkey(POOL), "Raydium", SOL, MSOL, 1_000_000_000, 0, 5, SOL),
        RouteHop(Pubkey(POOL), "Raydium", MSOL, USDC, 0, 140_000_000),
    )
