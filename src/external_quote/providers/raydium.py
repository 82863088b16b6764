"""Raydium's trade API: `GET /compute/swap-base-in`, routes over Raydium's own pools.

It answers 200 to everything: `success` says whether there is a quote, `msg` why not. Legs come one after the other and
tell no amounts between them, so those are 0 here. `priceImpactPct` is in percent. No slot is told. It cannot be asked
for a known route: that is searched for anew.

Source: raydium-io/raydium-sdk-V2, src/api/url.ts and type ApiSwapV1Out.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from external_quote.providers.base import Exchange, ProviderQuote, refuse_other_than_asked
from quote_core.errors import LayoutMismatch, NoLiquidity
from quote_core.outside import finite
from quote_core.outside_api import Address, Amount, Answer, HttpApi, Label, Output, read_answer
from quote_core.quotes import QuoteKey, RouteHop
from quote_core.units import Pubkey

__all__ = ["RaydiumProvider", "read_quote"]

_LEG_COUNT_MAX: Final = 8
_PROTOCOL: Final = "Raydium"


def _percent(told: object) -> float:
    return finite(told, low=-100.0, high=100.0)


class _Leg(Answer):
    pool_id: Address
    input_mint: Address
    output_mint: Address
    fee_mint: Address | None = None
    fee_amount: Amount | None = None


class _Swap(Answer):
    input_mint: Address
    input_amount: Amount
    output_mint: Address
    output_amount: Output
    price_impact_pct: Annotated[float, BeforeValidator(_percent)]
    route_plan: tuple[_Leg, ...] = Field(min_length=1, max_length=_LEG_COUNT_MAX)


class _Reply(Answer):
    success: bool = Field(strict=True)
    msg: Label = ""
    data: _Swap | None = None


class RaydiumProvider:
    """See `Provider`."""

    name = "raydium"

    def __init__(self, api: HttpApi) -> None:
        self._api = api

    async def quote(
        self,
        key: QuoteKey,
        *,
        slippage_bps: int,
        known_route: Sequence[RouteHop],  # see the module
        timeout_ns: int,
    ) -> ProviderQuote:
        """See `Provider.quote`."""
        parameters = {
            "inputMint": key.input_mint,
            "outputMint": key.output_mint,
            "amount": str(key.input_amount),
            "slippageBps": str(slippage_bps),
            "txVersion": "V0",
        }
        target = self._api.target("/compute/swap-base-in", parameters)
        body = await self._api.get(target, headers={}, timeout_ns=timeout_ns)
        return replace(read_quote(self.name, key, body), exchange=Exchange(self._api.below_base(target), body))


def read_quote(provider: str, key: QuoteKey, body: bytes) -> ProviderQuote:
    """An answer's body, checked; `provider` begins the errors.

    Raises:
        NoLiquidity, LayoutMismatch: See `Provider.quote`.
    """
    reply = read_answer(provider, _Reply, body, called="the trade API")
    if not reply.success:
        raise NoLiquidity(provider, reply.msg or "refused")
    swap = reply.data
    if swap is None:
        raise LayoutMismatch(provider, "answer is not of the trade API: data: missing")
    legs = swap.route_plan
    refuse_other_than_asked(
        provider,
        key,
        (swap.input_mint, swap.output_mint, swap.input_amount),
        [(leg.input_mint, leg.output_mint) for leg in legs],
    )
    return ProviderQuote(
        output_amount=swap.output_amount,
        route=tuple(
            RouteHop(
                pool_id=Pubkey(leg.pool_id),
                protocol=_PROTOCOL,
                input_mint=Pubkey(leg.input_mint),
                output_mint=Pubkey(leg.output_mint),
                input_amount=swap.input_amount if leg is legs[0] else 0,
                output_amount=swap.output_amount if leg is legs[-1] else 0,
                fee_amount=leg.fee_amount if leg.fee_mint else None,
                fee_mint=Pubkey(leg.fee_mint) if leg.fee_mint else None,
            )
            for leg in legs
        ),
        price_impact_fraction=max(swap.price_impact_pct / 100.0, 0.0),
        slot=0,
    )
