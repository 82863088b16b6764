"""What is DFlow's own: flat legs, and markets that are no pools."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from fakes.fake_clock import FakeClock
from fakes.provider_api import POOL, FakeDflow, serving
from fakes.provider_quotes import KEY, SOL, USDC, S, answer

from external_quote.providers.dflow import DflowProvider
from quote_core.errors import NoLiquidity
from quote_core.outside_api import HttpApi
from quote_core.settings import SecretStr


@pytest.fixture
async def fake() -> FakeDflow:
    return FakeDflow()


@pytest.fixture
async def provider(fake: FakeDflow) -> AsyncIterator[DflowProvider]:
    async with serving(fake) as url, aiohttp.ClientSession() as session:
        api = HttpApi(session, provider="dflow", base_url=url, clock=FakeClock(), pause=lambda _: None)
        yield DflowProvider(api, api_key=SecretStr("key"))


async def test_it_is_asked_as_jupiter_is_with_its_key(fake: FakeDflow, provider: DflowProvider) -> None:
    await provider.quote(KEY, slippage_bps=50, known_route=answer().route, timeout_ns=5 * S)
    assert fake.api_keys == ["key"]
    assert fake.requests == [
        {
            "inputMint": SOL,
            "outputMint": USDC,
            "amount": "1000000000",
            "slippageBps": "50",
            "dexes": "Whirlpool",
            "onlyDirectRoutes": "true",
        }
    ]


@pytest.mark.parametrize(("market", "pool"), [(POOL, POOL), ("orders-of-a-firm", "")])
async def test_a_market_that_is_no_address_is_a_pool_not_told(
    fake: FakeDflow, provider: DflowProvider, market: str, pool: str
) -> None:
    leg = fake.quote({"inputMint": SOL, "outputMint": USDC, "amount": "1", "slippageBps": "1"}, "1")["routePlan"][0]
    fake.changes = {"routePlan": [leg | {"marketKey": market}]}
    quote = await provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=5 * S)
    assert [(hop.protocol, hop.pool_id, hop.fee_amount) for hop in quote.route] == [("Whirlpools", pool, None)]


async def test_a_refusal_is_no_liquidity_with_its_reason(fake: FakeDflow, provider: DflowProvider) -> None:
    fake.refusals.append((400, {}, b'{"msg": "Route not found", "code": "route_not_found"}'))
    with pytest.raises(NoLiquidity, match="Route not found"):
        await provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=5 * S)
