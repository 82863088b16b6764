"""DFlow's aggregator: `GET /quote`, whose query is Jupiter's and whose legs are its own.

A leg is flat, its pool the `marketKey`, its DEX the `venue`; fees are not told. What the venue calls a market that is
no address (an order book of a firm's own, for one) leaves the pool untold. A known route is priced as Jupiter's is.
`/quote` is the older of two: `/order` gives the same price with a transaction, which nothing here asks for.

Source: pond.dflow.net, trading API, imperative swaps.
"""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import Field

from external_quote.providers.base import Exchange, ProviderQuote, refuse_other_than_asked
from external_quote.providers.jupiter import LEG_COUNT_MAX, Impact, metis_parameters
from quote_core.outside import address
from quote_core.outside_api import Address, Amount, Answer, HttpApi, Label, Output, Slot, read_answer
from quote_core.quotes import QuoteKey, RouteHop
from quote_core.settings import SecretStr
from quote_core.units import Pubkey

__all__ = ["DflowProvider", "read_quote"]


class _Leg(Answer):
    venue: Label
    market_key: Label
    input_mint: Address
    output_mint: Address
    in_amount: Amount
    out_amount: Amount


class _Quote(Answer):
    input_mint: Address
    in_amount: Amount
    output_mint: Address
    out_amount: Output
    price_impact_pct: Impact
    route_plan: tuple[_Leg, ...] = Field(min_length=1, max_length=LEG_COUNT_MAX)
    context_slot: Slot


class DflowProvider:
    """See `Provider`. `api_key` goes into the header `x-api-key`; `None` = keyless, as at the development host."""

    name = "dflow"

    def __init__(self, api: HttpApi, *, api_key: SecretStr | None) -> None:
        self._api = api
        self._headers = {} if api_key is None else {"x-api-key": api_key.get_secret_value()}

    async def quote(
        self, key: QuoteKey, *, slippage_bps: int, known_route: Sequence[RouteHop], timeout_ns: int
    ) -> ProviderQuote:
        """See `Provider.quote`."""
        target = self._api.target("/quote", metis_parameters(key, slippage_bps, known_route))
        body = await self._api.get(target, headers=self._headers, timeout_ns=timeout_ns)
        return replace(read_quote(self.name, key, body), exchange=Exchange(self._api.below_base(target), body))


def read_quote(provider: str, key: QuoteKey, body: bytes) -> ProviderQuote:
    """An answer's body, checked; `provider` begins the errors.

    Raises:
        LayoutMismatch: See `Provider.quote`.
    """
    quote = read_answer(provider, _Quote, body, called="GET /quote")
    refuse_other_than_asked(
        provider,
        key,
        (quote.input_mint, quote.output_mint, quote.in_amount),
        [(leg.input_mint, leg.output_mint) for leg in quote.route_plan],
    )
    return ProviderQuote(
        output_amount=quote.out_amount,
        route=tuple(
            RouteHop(
                pool_id=_pool(leg.market_key),
                protocol=leg.venue,
                input_mint=Pubkey(leg.input_mint),
                output_mint=Pubkey(leg.output_mint),
                input_amount=leg.in_amount,
                output_amount=leg.out_amount,
            )
            for leg in quote.route_plan
        ),
        price_impact_fraction=max(quote.price_impact_pct, 0.0),
        slot=quote.context_slot,
    )


def _pool(market_key: str) -> Pubkey:
    try:
        return address(market_key)
    except ValueError:
        return Pubkey("")
