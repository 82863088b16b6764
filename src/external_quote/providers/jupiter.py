"""Jupiter swap v1 ("Metis"): `GET /quote`, at Jupiter or wherever else it is served, such as by QuickNode.

A known route is priced by restricting the search to its DEXes, and to direct routes where it is one.

`priceImpactPct` is a fraction despite its name. Where the route pays more than the price Jupiter compares with, it is
below zero; that is no impact. What is not within -1 and 1 is no fraction of an amount.

Jupiter says nothing of where a pool is from. The recorded market's stand-in does, in a `provenance` beside the pool;
what is said there and has no name here claims least (`docs/decisions/0002-provenance.md`).

Source: jup-ag/docs, openapi-spec/swap/v1/swap.yaml and portal/rate-limits.mdx.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from external_quote.providers.base import Exchange, ProviderQuote, refuse_other_than_asked
from quote_core.outside import finite
from quote_core.outside_api import Address, Amount, Answer, HttpApi, Label, Output, Slot, read_answer
from quote_core.quotes import Provenance, QuoteKey, RouteHop
from quote_core.settings import SecretStr
from quote_core.units import Pubkey

__all__ = ["LEG_COUNT_MAX", "Impact", "JupiterProvider", "metis_parameters", "read_quote"]

LEG_COUNT_MAX: Final = 32


def _origin(told: object) -> Provenance | None:
    if told is None:
        return None
    return _ORIGINS.get(told, Provenance.SYNTHETIC) if isinstance(told, str) else Provenance.SYNTHETIC


def _impact(told: object) -> float:
    return finite(told, low=-1.0, high=1.0)


_ORIGINS: Final = {one.name.lower(): one for one in Provenance}
_Origin = Annotated[Provenance | None, BeforeValidator(_origin)]
Impact = Annotated[float, BeforeValidator(_impact)]
"""Of the price, as a fraction; for scores only."""


class _SwapInfo(Answer):
    amm_key: Address
    label: Label = ""
    input_mint: Address
    output_mint: Address
    in_amount: Amount
    out_amount: Amount
    fee_amount: Amount | None = None
    fee_mint: Address | None = None
    provenance: _Origin = None


class _RouteStep(Answer):
    swap_info: _SwapInfo


class _Quote(Answer):
    input_mint: Address
    in_amount: Amount
    output_mint: Address
    out_amount: Output
    price_impact_pct: Impact
    route_plan: tuple[_RouteStep, ...] = Field(min_length=1, max_length=LEG_COUNT_MAX)
    context_slot: Slot = 0


class JupiterProvider:
    """See `Provider`. `api_key` goes into the header `x-api-key`; `None` = keyless."""

    def __init__(self, api: HttpApi, *, api_key: SecretStr | None) -> None:
        self._api = api
        self._headers = {} if api_key is None else {"x-api-key": api_key.get_secret_value()}

    @property
    def name(self) -> str:
        """See `Provider.name`: the same interface is served under several."""
        return self._api.provider

    async def quote(
        self, key: QuoteKey, *, slippage_bps: int, known_route: Sequence[RouteHop], timeout_ns: int
    ) -> ProviderQuote:
        """See `Provider.quote`."""
        target = self._api.target("/quote", metis_parameters(key, slippage_bps, known_route) | {"swapMode": "ExactIn"})
        body = await self._api.get(target, headers=self._headers, timeout_ns=timeout_ns)
        return replace(read_quote(self.name, key, body), exchange=Exchange(self._api.below_base(target), body))


def read_quote(provider: str, key: QuoteKey, body: bytes) -> ProviderQuote:
    """An answer's body, checked; `provider` begins the errors.

    Raises:
        LayoutMismatch: See `Provider.quote`.
    """
    quote = read_answer(provider, _Quote, body, called="swap v1")
    refuse_other_than_asked(
        provider,
        key,
        (quote.input_mint, quote.output_mint, quote.in_amount),
        [(step.swap_info.input_mint, step.swap_info.output_mint) for step in quote.route_plan],
    )
    return ProviderQuote(
        output_amount=quote.out_amount,
        route=tuple(
            RouteHop(
                pool_id=Pubkey(step.swap_info.amm_key),
                protocol=step.swap_info.label,
                input_mint=Pubkey(step.swap_info.input_mint),
                output_mint=Pubkey(step.swap_info.output_mint),
                input_amount=step.swap_info.in_amount,
                output_amount=step.swap_info.out_amount,
                fee_amount=step.swap_info.fee_amount,
                fee_mint=None if step.swap_info.fee_mint is None else Pubkey(step.swap_info.fee_mint),
                provenance=step.swap_info.provenance,
            )
            for step in quote.route_plan
        ),
        price_impact_fraction=max(quote.price_impact_pct, 0.0),
        slot=quote.context_slot,
    )


def metis_parameters(key: QuoteKey, slippage_bps: int, known_route: Sequence[RouteHop]) -> dict[str, str]:
    """The query of `GET /quote` as Jupiter has it, and whoever took it over from there."""
    parameters = {
        "inputMint": key.input_mint,
        "outputMint": key.output_mint,
        "amount": str(key.input_amount),
        "slippageBps": str(slippage_bps),
    }
    labels = dict.fromkeys(hop.protocol for hop in known_route if hop.protocol)
    if labels:
        parameters["dexes"] = ",".join(labels)
        if len(known_route) == 1:
            parameters["onlyDirectRoutes"] = "true"
    return parameters
