"""What is OKX's own: signatures, codes, legs without pools."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator

import aiohttp
import pytest
from fakes.fake_clock import FakeClock
from fakes.provider_api import FakeOkx, serving
from fakes.provider_quotes import KEY, MSOL, SOL, USDC, S

from external_quote.providers.base import ProviderQuote
from external_quote.providers.okx import OKX_REFUSALS, OkxProvider
from quote_core.errors import LayoutMismatch, NoLiquidity, ProviderUnavailable, RateLimited
from quote_core.outside_api import HttpApi
from quote_core.settings import SecretStr


class Okx:
    def __init__(self, api: FakeOkx, provider: OkxProvider, pauses_ns: list[int]) -> None:
        self.api = api
        self.provider = provider
        self.pauses_ns = pauses_ns

    async def ask(self) -> ProviderQuote:
        return await self.provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=5 * S)


@pytest.fixture
async def okx() -> AsyncIterator[Okx]:
    fake, pauses_ns = FakeOkx(), []
    async with serving(fake) as url, aiohttp.ClientSession() as session:
        api = HttpApi(
            session,
            provider="okx",
            base_url=url,
            clock=FakeClock(),
            pause=pauses_ns.append,
            refusals=OKX_REFUSALS,
        )
        provider = OkxProvider(
            api,
            api_key=SecretStr("the key"),
            secret_key=SecretStr("the secret"),
            passphrase=SecretStr("the phrase"),
            clock=FakeClock(),
        )
        yield Okx(fake, provider, pauses_ns)


async def test_each_request_is_signed_as_it_goes_over_the_wire(okx: Okx) -> None:
    await okx.ask()
    (headers,), (target,) = okx.api.request_headers, okx.api.targets
    assert headers["OK-ACCESS-KEY"] == "the key"
    assert headers["OK-ACCESS-PASSPHRASE"] == "the phrase"
    assert headers["OK-ACCESS-TIMESTAMP"] == "2023-11-14T22:13:20.000Z"
    signed = f"2023-11-14T22:13:20.000ZGET{target}".encode()
    assert headers["OK-ACCESS-SIGN"] == base64.b64encode(hmac.digest(b"the secret", signed, hashlib.sha256)).decode()
    assert okx.api.requests == [
        {
            "chainIndex": "501",
            "amount": "1000000000",
            "swapMode": "exactIn",
            "fromTokenAddress": SOL,
            "toTokenAddress": USDC,
        }
    ]


@pytest.mark.parametrize("code", ["82000", "82102", "82103", "82104", "82112"])
async def test_a_code_that_says_no_is_no_liquidity(okx: Okx, code: str) -> None:
    okx.api.refusals.append((200, {}, f'{{"code": "{code}", "msg": "Insufficient liquidity", "data": []}}'.encode()))
    with pytest.raises(NoLiquidity, match=f"{code} Insufficient"):
        await okx.ask()


async def test_a_code_of_too_many_requests_pauses_whatever_the_status(okx: Okx) -> None:
    okx.api.refusals.append((200, {}, b'{"code": "50011", "msg": "Rate limit reached", "data": []}'))
    with pytest.raises(RateLimited):
        await okx.ask()
    assert okx.pauses_ns == [1 * S]


@pytest.mark.parametrize("code", ["50026", "50113", "51000", "99999"])
async def test_any_other_code_is_its_failure(okx: Okx, code: str) -> None:
    okx.api.refusals.append((200, {}, f'{{"code": "{code}", "msg": "System error", "data": []}}'.encode()))
    with pytest.raises(ProviderUnavailable, match=f"code {code}"):
        await okx.ask()


async def test_a_wrong_question_is_its_failure_and_says_nothing_of_the_market(okx: Okx) -> None:
    okx.api.refusals.append((400, {}, b'{"code": "51000", "msg": "Parameter amount error"}'))
    with pytest.raises(ProviderUnavailable, match="answered 400"):
        await okx.ask()


async def test_success_without_a_quote_is_refused(okx: Okx) -> None:
    okx.api.refusals.append((200, {}, b'{"code": "0", "msg": "", "data": []}'))
    with pytest.raises(LayoutMismatch, match="is empty"):
        await okx.ask()


async def test_legs_of_a_split_route_tell_no_amounts(okx: Okx) -> None:
    def leg(name: str, source: str, target: str) -> dict[str, object]:
        return {
            "dexProtocol": {"dexName": name, "percent": "50"},
            "fromToken": {"tokenContractAddress": source},
            "toToken": {"tokenContractAddress": target},
        }

    okx.api.changes = {
        "dexRouterList": [leg("Raydium", SOL, MSOL), leg("Orca", SOL, USDC), leg("Whirlpool", MSOL, USDC)],
        "priceImpactPercent": "0.2",
        "contextSlot": "77",
    }
    quote = await okx.ask()
    assert [(hop.protocol, hop.pool_id, hop.input_amount, hop.output_amount) for hop in quote.route] == [
        ("Raydium", "", 0, 0),
        ("Orca", "", 0, 0),
        ("Whirlpool", "", 0, 0),
    ]
    assert quote.price_impact_fraction == 0.0  # it pays more than the input is worth
    assert quote.slot == 77
