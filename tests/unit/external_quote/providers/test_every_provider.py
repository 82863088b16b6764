"""What holds of every provider, asked over real HTTP of a stand-in that speaks its schema and misbehaves as told."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from fakes.fake_clock import FakeClock
from fakes.provider_api import POOL, FakeApi, FakeDflow, FakeJupiter, FakeOkx, FakeRaydium, serving
from fakes.provider_quotes import KEY, MSOL, SOL, USDC, S
from hypothesis import given
from hypothesis import strategies as st

from external_quote.providers.base import Provider, ProviderQuote
from external_quote.providers.dflow import DflowProvider
from external_quote.providers.jupiter import JupiterProvider
from external_quote.providers.okx import OKX_REFUSALS, OkxProvider
from external_quote.providers.raydium import RaydiumProvider
from external_quote.providers.reading import read_provider_answer
from quote_core.errors import DeadlinePassed, LayoutMismatch, ProviderUnavailable, RateLimited, SolquoteError
from quote_core.outside_api import ANSWER_BYTES_MAX, HttpApi
from quote_core.settings import SecretStr

SECRET = SecretStr("hush-hush-hush")


@dataclass(frozen=True)
class Kind:
    """One provider: its stand-in, how it is made, and what its schema calls things."""

    fake: type[FakeApi]
    make: Callable[[HttpApi], Provider]
    amount_in: str
    amount_out: str
    mint_out: dict[str, Any]
    """A change that makes the answer one for another token."""
    impact: str
    refusals: frozenset[int] = frozenset({400})


KINDS = {
    "jupiter": Kind(
        FakeJupiter,
        lambda api: JupiterProvider(api, api_key=SECRET),
        "inAmount",
        "outAmount",
        {"outputMint": MSOL},
        "priceImpactPct",
    ),
    "dflow": Kind(
        FakeDflow,
        lambda api: DflowProvider(api, api_key=SECRET),
        "inAmount",
        "outAmount",
        {"outputMint": MSOL},
        "priceImpactPct",
    ),
    "okx": Kind(
        FakeOkx,
        lambda api: OkxProvider(api, api_key=SECRET, secret_key=SECRET, passphrase=SECRET, clock=FakeClock()),
        "fromTokenAmount",
        "toTokenAmount",
        {"toToken": {"tokenContractAddress": MSOL}},
        "priceImpactPercent",
        OKX_REFUSALS,
    ),
    "raydium": Kind(
        FakeRaydium, RaydiumProvider, "inputAmount", "outputAmount", {"outputMint": MSOL}, "priceImpactPct"
    ),
}


@dataclass
class Asking:
    name: str
    kind: Kind
    api: FakeApi
    provider: Provider
    pauses_ns: list[int]

    async def ask(self, *, timeout_ns: int = 5 * S) -> ProviderQuote:
        return await self.provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=timeout_ns)


@pytest.fixture(params=KINDS)
async def asking(request: pytest.FixtureRequest) -> AsyncIterator[Asking]:
    kind, pauses_ns = KINDS[request.param], []
    fake = kind.fake()
    async with serving(fake) as url, aiohttp.ClientSession() as session:
        api = HttpApi(
            session,
            provider=request.param,
            base_url=url,
            clock=FakeClock(),
            pause=pauses_ns.append,
            refusals=kind.refusals,
        )
        yield Asking(request.param, kind, fake, kind.make(api), pauses_ns)


async def test_its_answer_is_taken_over(asking: Asking) -> None:
    quote = await asking.ask()
    assert asking.provider.name == asking.name
    assert quote.output_amount == 140_000_000
    assert quote.price_impact_fraction == pytest.approx(0.0015)
    assert [(hop.input_mint, hop.output_mint) for hop in quote.route] == [(SOL, USDC)]
    assert [(hop.input_amount, hop.output_amount) for hop in quote.route] == [(1_000_000_000, 140_000_000)]
    assert quote.route[0].pool_id == ("" if asking.name == "okx" else POOL)
    assert quote.slot == (0 if asking.name == "raydium" else 4242)


async def test_an_answer_in_pieces_is_read_to_its_end(asking: Asking) -> None:
    asking.api.chunk_bytes = 7
    assert (await asking.ask()).output_amount == 140_000_000


async def test_too_many_requests_pause_for_as_long_as_it_says(asking: Asking) -> None:
    asking.api.refusals.append((429, {"Retry-After": "7"}, b"<html>"))
    with pytest.raises(RateLimited) as refused:
        await asking.ask()
    assert refused.value.retry_after_ms == 7_000
    assert asking.pauses_ns == [7 * S]


@pytest.mark.parametrize("status", [301, 401, 403, 404, 418, 500, 502, 503])
async def test_a_status_of_no_answer_is_its_failure(asking: Asking, status: int) -> None:
    asking.api.refusals.append((status, {"Location": "http://127.0.0.1:9/"}, b"<html>"))
    with pytest.raises(ProviderUnavailable, match=f"answered {status}"):
        await asking.ask()


async def test_silence_ends_at_the_time_out(asking: Asking) -> None:
    asking.api.gate.clear()
    with pytest.raises(DeadlinePassed, match="50 ms"):
        await asking.ask(timeout_ns=50_000_000)


async def test_an_answer_that_breaks_off_is_its_failure(asking: Asking) -> None:
    asking.api.cut_bytes = 20
    with pytest.raises(ProviderUnavailable, match="cannot be reached"):
        await asking.ask()


@pytest.mark.parametrize(
    "body", [b"<html>", b"", b"[]", b"null", b"{}", b'{"a"', b'{"a": "' + b"x" * ANSWER_BYTES_MAX + b'"}']
)
async def test_what_is_no_quote_at_all_is_refused(asking: Asking, body: bytes) -> None:
    asking.api.refusals.append((200, {}, body))
    with pytest.raises(LayoutMismatch, match=f"^{asking.name}: "):
        await asking.ask()


@pytest.mark.parametrize(
    "amount", ["-1", "0", "1e30", "1.5", "", None, 140_000_000, 1e30, str(2**63), "9" * 5_000, "\u0661"]
)
async def test_an_output_that_no_quote_can_have_is_refused_by_name(asking: Asking, amount: object) -> None:
    asking.api.changes = {asking.kind.amount_out: amount}
    with pytest.raises(LayoutMismatch, match=asking.kind.amount_out) as refused:
        await asking.ask()
    assert len(str(refused.value)) < 200


async def test_an_answer_for_another_amount_is_not_believed(asking: Asking) -> None:
    asking.api.changes = {asking.kind.amount_in: "2"}
    with pytest.raises(LayoutMismatch, match="another pair or amount"):
        await asking.ask()


async def test_an_answer_for_another_token_is_not_believed(asking: Asking) -> None:
    asking.api.changes = asking.kind.mint_out
    with pytest.raises(LayoutMismatch, match="another pair or amount"):
        await asking.ask()


@pytest.mark.parametrize("impact", ["NaN", "Infinity", "1e308", "101", "-101", "", None, True])
async def test_an_impact_that_is_no_share_is_refused_by_name(asking: Asking, impact: object) -> None:
    asking.api.changes = {asking.kind.impact: impact}
    with pytest.raises(LayoutMismatch, match=asking.kind.impact):
        await asking.ask()


async def test_a_route_that_leads_elsewhere_is_not_believed(asking: Asking) -> None:
    quote = asking.api.quote(
        {
            "inputMint": SOL,
            "fromTokenAddress": SOL,
            "outputMint": MSOL,
            "toTokenAddress": MSOL,
            "amount": str(KEY.input_amount),
            "slippageBps": "50",
        },
        "1",
    )
    legs = next(name for name in ("routePlan", "dexRouterList") if name in quote)
    asking.api.changes = {legs: quote[legs]}
    with pytest.raises(LayoutMismatch, match="does not lead"):
        await asking.ask()


async def test_secrets_stand_in_headers_and_in_no_error(asking: Asking) -> None:
    asking.api.refusals.append((401, {}, SECRET.get_secret_value().encode()))
    with pytest.raises(ProviderUnavailable) as refused:
        await asking.ask()
    assert SECRET.get_secret_value() not in str(refused.value)
    assert all(SECRET.get_secret_value() not in target for target in asking.api.targets)


async def test_what_went_over_the_wire_is_told_without_secrets_and_reads_the_same_again(asking: Asking) -> None:
    quote = await asking.ask()
    exchange = quote.exchange
    assert exchange is not None
    assert exchange.request.startswith(asking.api.path)
    assert str(KEY.input_amount) in exchange.request
    assert SECRET.get_secret_value() not in exchange.request + exchange.body.decode()
    assert read_provider_answer(asking.name, KEY, exchange.body) == quote


class Told:
    """An API that has answered: what a provider makes of bytes, without a connection."""

    def __init__(self, name: str, body: bytes) -> None:
        self.provider = name
        self._body = body

    def target(self, path: str, _: object) -> str:
        return path

    def below_base(self, target: str) -> str:
        return target

    async def get(self, *_: object, **__: object) -> bytes:
        return self._body

    def stay_away(self, _: object) -> RateLimited:
        return RateLimited(self.provider, 1)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=10,
)


@given(name=st.sampled_from(sorted(KINDS)), data=st.data())
async def test_no_answer_makes_another_error_than_ours(name: str, data: st.DataObject) -> None:
    """Bytes of any kind, and its own schema with any value in the place of any field."""
    fake = KINDS[name].fake()
    query = {"inputMint": SOL, "outputMint": USDC, "fromTokenAddress": SOL, "toTokenAddress": USDC}
    quote = fake.quote(query | {"amount": str(KEY.input_amount), "slippageBps": "50"}, "140000000")
    field = data.draw(st.sampled_from(sorted(quote)))
    body = data.draw(
        st.binary(max_size=200) | _json.map(lambda value: json.dumps(fake.envelope(quote | {field: value})).encode())
    )
    provider = KINDS[name].make(Told(name, body))  # type: ignore[arg-type]  # all of it that is used
    try:
        answer = await provider.quote(KEY, slippage_bps=50, known_route=(), timeout_ns=S)
    except SolquoteError:
        return
    assert answer.output_amount > 0
    assert 0.0 <= answer.price_impact_fraction <= 1.0
