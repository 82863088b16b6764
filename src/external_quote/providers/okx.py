"""OKX's DEX aggregator, API v6: `GET /api/v6/dex/aggregator/quote`, every request signed.

The signature is base64 of HMAC-SHA256 over timestamp, method, path with query, and body. The answer is a list of one
in an envelope whose `code` is "0", or says why not; all numbers are text. Legs name the DEX and no pool, tell a share
in percent and no amounts: those are 0 here but for a route of one leg. `priceImpactPercent` is below zero where the
output is worth less than the input. A known route cannot be asked for: what restricts a search are ids, which no answer
has.

Source: web3.okx.com, onchainos/dev-docs/trade, dex-get-quote and dex-error-code.
"""

import base64
import hmac
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from external_quote.providers.base import Exchange, ProviderQuote, refuse_other_than_asked
from quote_core.clock import Clock
from quote_core.errors import LayoutMismatch, NoLiquidity, ProviderUnavailable, RateLimited
from quote_core.outside import SLOT_MAX, decimal_int, finite
from quote_core.outside_api import Address, Amount, Answer, HttpApi, Label, Output, read_answer
from quote_core.quotes import QuoteKey, RouteHop
from quote_core.settings import SecretStr
from quote_core.units import NS_PER_S, Pubkey

__all__ = ["OKX_REFUSALS", "OkxProvider", "read_quote"]

OKX_REFUSALS: Final[frozenset[int]] = frozenset()
"""It says no with 200 and a code; 400 means that the question was wrong."""

PATH: Final = "/api/v6/dex/aggregator/quote"
SOLANA: Final = "501"
_LEG_COUNT_MAX: Final = 32
_DONE: Final = "0"
_TOO_MANY: Final = "50011"
_NO_SUCH_QUOTE: Final = frozenset({"82000", "82102", "82103", "82104", "82112"})
"""No liquidity; less or more than is swapped; a token that is not; a price too far off."""


def _percent(told: object) -> float:
    return finite(told, low=-100.0, high=100.0)


def _slot(told: object) -> int:
    """The one number that comes as text or not."""
    return decimal_int(
        str(told) if isinstance(told, int) and not isinstance(told, bool) else told, low=0, high=SLOT_MAX
    )


class _Token(Answer):
    token_contract_address: Address


class _Dex(Answer):
    dex_name: Label


class _Leg(Answer):
    dex_protocol: _Dex
    from_token: _Token
    to_token: _Token


class _Quote(Answer):
    context_slot: Annotated[int, BeforeValidator(_slot)] = 0
    dex_router_list: tuple[_Leg, ...] = Field(min_length=1, max_length=_LEG_COUNT_MAX)
    from_token: _Token
    to_token: _Token
    from_token_amount: Amount
    to_token_amount: Output
    price_impact_percent: Annotated[float, BeforeValidator(_percent)]


class _Reply(Answer):
    code: Label
    msg: str = Field("", max_length=1_000)
    data: tuple[_Quote, ...] = Field((), max_length=1)


class OkxProvider:
    """See `Provider`.

    Args:
        api: Where it is; made with `OKX_REFUSALS`.
        api_key: Names the account.
        secret_key: Signs.
        passphrase: Of the key.
        clock: Of the signature's timestamp, which OKX accepts for 30 s.
    """

    name = "okx"

    def __init__(
        self, api: HttpApi, *, api_key: SecretStr, secret_key: SecretStr, passphrase: SecretStr, clock: Clock
    ) -> None:
        self._api = api
        self._api_key = api_key
        self._secret_key = secret_key
        self._passphrase = passphrase
        self._clock = clock

    async def quote(
        self,
        key: QuoteKey,
        *,
        slippage_bps: int,  # of a quote OKX asks for none
        known_route: Sequence[RouteHop],  # see the module
        timeout_ns: int,
    ) -> ProviderQuote:
        """See `Provider.quote`."""
        parameters = {
            "chainIndex": SOLANA,
            "amount": str(key.input_amount),
            "swapMode": "exactIn",
            "fromTokenAddress": key.input_mint,
            "toTokenAddress": key.output_mint,
        }
        target = self._api.target(PATH, parameters)
        body = await self._api.get(target, headers=self._signed(target), timeout_ns=timeout_ns)
        try:
            quote = read_quote(self.name, key, body)
        except RateLimited:
            raise self._api.stay_away({}) from None
        return replace(quote, exchange=Exchange(self._api.below_base(target), body))

    def _signed(self, target: str) -> dict[str, str]:
        now = datetime.fromtimestamp(self._clock.unix_ns() / NS_PER_S, UTC)
        timestamp = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        signature = hmac.new(self._secret_key.get_secret_value().encode(), f"{timestamp}GET{target}".encode(), sha256)
        return {
            "OK-ACCESS-KEY": self._api_key.get_secret_value(),
            "OK-ACCESS-SIGN": base64.b64encode(signature.digest()).decode(),
            "OK-ACCESS-TIMESTAMP": timestamp,
            "OK-ACCESS-PASSPHRASE": self._passphrase.get_secret_value(),
        }


def read_quote(provider: str, key: QuoteKey, body: bytes) -> ProviderQuote:
    """An answer's body, checked; `provider` begins the errors.

    Raises:
        NoLiquidity, RateLimited, ProviderUnavailable, LayoutMismatch: See `Provider.quote`.
    """
    reply = read_answer(provider, _Reply, body, called="API v6")
    if reply.code == _TOO_MANY:
        raise RateLimited(provider, 0)
    if reply.code in _NO_SUCH_QUOTE:
        raise NoLiquidity(provider, f"{reply.code} {reply.msg}"[:200])
    if reply.code != _DONE:
        raise ProviderUnavailable(provider, f"answered code {reply.code}")
    if not reply.data:
        raise LayoutMismatch(provider, "answer is not of API v6: data: is empty")
    return _believed(provider, key, reply.data[0])


def _believed(provider: str, key: QuoteKey, quote: _Quote) -> ProviderQuote:
    legs = quote.dex_router_list
    refuse_other_than_asked(
        provider,
        key,
        (quote.from_token.token_contract_address, quote.to_token.token_contract_address, quote.from_token_amount),
        [(leg.from_token.token_contract_address, leg.to_token.token_contract_address) for leg in legs],
    )
    is_direct = len(legs) == 1
    return ProviderQuote(
        output_amount=quote.to_token_amount,
        route=tuple(
            RouteHop(
                pool_id=Pubkey(""),
                protocol=leg.dex_protocol.dex_name,
                input_mint=Pubkey(leg.from_token.token_contract_address),
                output_mint=Pubkey(leg.to_token.token_contract_address),
                input_amount=quote.from_token_amount if is_direct else 0,
                output_amount=quote.to_token_amount if is_direct else 0,
            )
            for leg in legs
        ),
        price_impact_fraction=max(-quote.price_impact_percent / 100.0, 0.0),
        slot=quote.context_slot,
    )
