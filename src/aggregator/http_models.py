"""What the HTTP API takes and gives. The OpenAPI document is made from these very models, so it cannot drift.

Names and texts follow Jupiter's swap v1 quote (amounts as decimal text, `priceImpactPct` a fraction as text), so that
existing clients only change the host; our own fields stand beside them.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from quote_core.units import BPS, U64_MAX

__all__ = [
    "BATCH_COUNT_MAX",
    "BatchAnswer",
    "BatchBody",
    "ErrorAnswer",
    "HealthAnswer",
    "PoolAnswer",
    "PoolsAnswer",
    "QuoteAnswer",
    "QuoteParameters",
    "RouteStep",
    "SwapInfo",
]

BATCH_COUNT_MAX = 100
_SLIPPAGE_BPS_DEFAULT = 50


def _plain_integer(value: Any) -> Any:
    # Query parameters are text. Only digits: what int() also takes (signs, spaces, underscores) is a typing error.
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) <= 20):
            raise ValueError("must be a whole number in the token's smallest unit, digits only")
        return int(value)
    return value


def _only(offered: str) -> BeforeValidator:
    def check(value: Any) -> Any:
        if value != offered:
            raise ValueError(f"{value!r} is not offered" + (f", ask for {offered}" if offered else ""))
        return value

    return BeforeValidator(check)


Amount = Annotated[int, BeforeValidator(_plain_integer), Field(strict=True, ge=1, le=U64_MAX)]
SlippageBps = Annotated[int, BeforeValidator(_plain_integer), Field(strict=True, ge=0, le=BPS)]


class _Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class QuoteParameters(_Camel):
    """One pair, one amount."""

    input_mint: str = Field(description="Mint that goes in, base58")
    output_mint: str = Field(description="Mint that comes out, base58")
    amount: Amount = Field(description="Smallest units of the input token")
    slippage_bps: SlippageBps = Field(_SLIPPAGE_BPS_DEFAULT, description="For otherAmountThreshold, basis points")
    swap_mode: Annotated[Literal["ExactIn"], _only("ExactIn")] = Field("ExactIn", description="ExactOut is not offered")
    # Jupiter's other parameters only tune its own search and are passed over. These three would change the answer.
    dexes: Annotated[Literal[""], _only("")] = Field("", description="Not offered: a restriction to DEXes")
    exclude_dexes: Annotated[Literal[""], _only("")] = Field("", description="Not offered: a restriction to DEXes")
    platform_fee_bps: Annotated[Literal["0"], _only("0")] = Field("0", description="Not offered: a platform fee")


class BatchBody(BaseModel):
    """Several quotes in one request; each is answered or refused by itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quotes: list[Any] = Field(
        min_length=1,
        max_length=BATCH_COUNT_MAX,
        json_schema_extra={"items": {"$ref": "#/components/schemas/QuoteParameters"}},
    )


class SwapInfo(_Camel):
    """One swap of a route. The fee is there where the source tells it."""

    amm_key: str
    label: str
    input_mint: str
    in_amount: str
    output_mint: str
    out_amount: str
    fee_amount: str | None = None
    fee_mint: str | None = None
    provenance: str | None = Field(None, description="chain, recorded, synthetic or patched: where the pool is from")


class RouteStep(_Camel):
    """One swap and the percentage of its input token that goes through it."""

    swap_info: SwapInfo
    percent: int


class FactorsAnswer(_Camel):
    """The five factors of the confidence, each 0 to 1."""

    pool_age: float
    route: float
    oracle: float
    provider: float
    slippage: float


class CapAnswer(_Camel):
    """What the quote allows at most, whatever its score."""

    reason: Literal["price_impact", "oracle_deviation", "stale"]
    value: float = Field(description="What was found, fraction; 0 when stale")
    limit: float = Field(description="What it is above of, fraction; 0 when stale")
    at_most: Literal["skip", "cautious"]


class QuoteAnswer(_Camel):
    """The better source's quote, in Jupiter's names, and how far to trust it."""

    input_mint: str
    in_amount: str
    output_mint: str
    out_amount: str
    other_amount_threshold: str
    swap_mode: Literal["ExactIn"]
    slippage_bps: int
    price_impact_pct: str = Field(description="Fraction of the price lost to the size of the trade")
    platform_fee: None = None
    route_plan: list[RouteStep]
    context_slot: int
    time_taken: float = Field(description="Seconds")
    source: Literal["local", "external"]
    provider: str | None = Field(description="Who outside gave the quote; null for local")
    confidence: float
    confidence_factors: FactorsAnswer
    decision: Literal["skip", "cautious", "verify", "execute"]
    caps: list[CapAnswer] = Field(description="What lowers the decision below the score's; empty = nothing")
    provenance: str | None = Field(description="The least genuine of the route's pools; null where not known")
    oracle_price: float | None = Field(description="Whole output tokens per whole input token")
    age_ms: int = Field(description="Age of the state the quote rests on")
    route_id: str = Field(description="As in shared memory and GetRoute, decimal text")


class ErrorAnswer(_Camel):
    """Why there is no answer."""

    error: str = Field(description="Names the field and the rule")
    error_code: str = Field(description="Canonical status name, e.g. NOT_FOUND")


class BatchAnswer(_Camel):
    """One element for each request, in its order."""

    quotes: list[QuoteAnswer | ErrorAnswer]


class PoolAnswer(_Camel):
    """One pool as it is held now."""

    pool_id: str
    protocol: str
    mint_a: str
    mint_b: str
    slot: int
    age_ms: int
    is_stale: bool
    is_tradable: bool
    refusal: str | None = Field(description="Why it cannot be traded, if so")
    price: float = Field(description="Whole B per whole A, before fees")
    fee_fraction_a_to_b: float
    fee_fraction_b_to_a: float
    depth_a_amount: str = Field(description="Input that moves the price by 1 %, smallest units of A")
    depth_b_amount: str = Field(description="The same, of B")
    provenance: str | None


class PoolsAnswer(_Camel):
    """Pools, in the local service's order."""

    pools: list[PoolAnswer]


class HealthAnswer(_Camel):
    """How the service is."""

    is_serving: bool
    version: str
    uptime_ms: int
    findings: list[str] = Field(description="What keeps it from serving, or is degraded")
    figures: dict[str, float]
