"""What the HTTP API takes and gives. The OpenAPI document is made from these very models, so it cannot drift.

Names and texts follow Jupiter's swap v1 quote (amounts as decimal text, `priceImpactPct` a fraction as text), so that
existing clients only change the host; our own fields stand beside them.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic.alias_generators import to_camel

from quote_core.dex.account_counts import SWAP_ACCOUNTS_MIN
from quote_core.dex.labels import JUPITER_LABELS
from quote_core.quotes import HOP_COUNT_MAX, LEG_COUNT_MAX
from quote_core.units import BPS, U64_MAX

__all__ = [
    "BATCH_COUNT_MAX",
    "LIST_PARAMETERS",
    "BatchAnswer",
    "BatchBody",
    "ErrorAnswer",
    "HealthAnswer",
    "NotOfferedAnswer",
    "PlatformFee",
    "PoolAnswer",
    "PoolsAnswer",
    "QuoteAnswer",
    "QuoteParameters",
    "RouteStep",
    "SwapInfo",
]

BATCH_COUNT_MAX = 100
_SLIPPAGE_BPS_DEFAULT = 50
_ACCOUNTS_DEFAULT = 64


def _whole(unit: str, *, least: int, most: int) -> BeforeValidator:
    """A whole number, also as text: only digits, for what int() also takes (signs, underscores) is a typing error."""

    def check(value: Any) -> int:
        number = value
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(U64_MAX)):
            number = int(value)
        if type(number) is not int or not least <= number <= most:
            rule = f"must be a whole number of {unit} from {least} to {most}, digits only"
            raise ValueError(f"{rule}, got {_shown(value)}")
        return number

    return BeforeValidator(check)


def _only_false(why: str) -> BeforeValidator:
    def check(value: Any) -> Any:
        if value != "false" and value is not False:
            raise ValueError(f"must be false, got {_shown(value)}: {why}")
        return False

    return BeforeValidator(check)


def _one_of(*offered: str) -> BeforeValidator:
    def check(value: Any) -> Any:
        if value not in offered:
            raise ValueError(f"must be {' or '.join(offered)}, got {_shown(value)}")
        return value

    return BeforeValidator(check)


def _truth(value: Any) -> Any:
    truths = {"true": True, "false": False}
    if not isinstance(value, bool) and not (isinstance(value, str) and value in truths):
        raise ValueError(f"must be true or false, got {_shown(value)}")
    return value if isinstance(value, bool) else truths[value]


def _labels(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(label for label in value.split(",") if label)
    if not isinstance(value, (list, tuple)) or not all(isinstance(label, str) for label in value):
        raise ValueError(f"must be labels of DEXes, separated by commas, got {_shown(value)}")
    return tuple(value)


def _is_nothing(name: str, value: Any) -> bool:
    return value is None or value == [] or (name == "maxAccounts" and type(value) is int and value == 0)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS_MAX else f"{text[:_SHOWN_CHARACTERS_MAX]}..."


_SHOWN_CHARACTERS_MAX: Final = 64
_LABEL: Final = "|".join(f"{dex.label}|{known.replace('.', '[.]')}" for dex, known in JUPITER_LABELS.items())

_BASE58: Final = "[1-9A-HJ-NP-Za-km-z]"
# All that fits decodes to 32 bytes, and all mints but those that begin with zero bytes or just below 2**256 do fit.
MINT_PATTERN: Final = f"^([2-9A-H]{_BASE58}|J[1-9A-D]|[5-9A-HJ-NP-Za-km-z]){_BASE58}{{42}}$"
Mint = Annotated[str, Field(json_schema_extra={"pattern": MINT_PATTERN})]
# A bound stands innermost, else pydantic does not write it as `minimum` and `maximum`; the rule outside has our words.
Amount = Annotated[int, Field(ge=1, le=U64_MAX), _whole("smallest units", least=1, most=U64_MAX)]
SlippageBps = Annotated[int, Field(ge=0, le=BPS), _whole("basis points", least=0, most=BPS)]
PlatformFeeBps = Annotated[int, Field(ge=0, le=BPS), _whole("basis points", least=0, most=BPS)]
MaxAccounts = Annotated[
    int, Field(ge=SWAP_ACCOUNTS_MIN, le=U64_MAX), _whole("accounts", least=SWAP_ACCOUNTS_MIN, most=U64_MAX)
]
Truth = Annotated[bool, BeforeValidator(_truth)]
OwnSlippage = Annotated[Literal[False], _only_false("slippage is the caller's")]
Labels = Annotated[
    tuple[str, ...],
    BeforeValidator(_labels),
    WithJsonSchema({"type": "string", "pattern": f"^(({_LABEL})(,({_LABEL}))*)?$"}),
    Field(json_schema_extra={"default": ""}),
]


class _Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class QuoteParameters(_Camel):
    """One pair, one amount. Every parameter of Jupiter's quote is here: honoured, or refused by its name."""

    model_config = ConfigDict(extra="forbid")

    input_mint: Mint = Field(description="Mint that goes in, base58")
    output_mint: Mint = Field(description="Mint that comes out, base58")
    amount: Amount = Field(description="Smallest units: of the input token, with ExactOut of the output token")
    slippage_bps: SlippageBps = Field(_SLIPPAGE_BPS_DEFAULT, description="For otherAmountThreshold, basis points")
    swap_mode: Annotated[Literal["ExactIn", "ExactOut"], _one_of("ExactIn", "ExactOut")] = Field(
        "ExactIn", description="Which side `amount` is of; ExactOut is answered by our own engine alone"
    )
    dexes: Labels = Field(
        (), description="Only pools of these DEXes, by our labels or Jupiter's; our own engine alone; empty = all"
    )
    exclude_dexes: Labels = Field((), description="No pools of these DEXes; our own engine alone")
    only_direct_routes: Truth = Field(False, description="True asks our own engine alone, for routes of one swap")
    max_hops: Annotated[int, Field(ge=0, le=HOP_COUNT_MAX), _whole("swaps", least=0, most=HOP_COUNT_MAX)] = Field(
        0,
        description="Most swaps one after the other, from our own engine alone; from 2 on both mints may be one; "
        "0 = one where the pair has a pool of its own",
    )
    max_splits: Annotated[int, Field(ge=0, le=LEG_COUNT_MAX), _whole("routes", least=0, most=LEG_COUNT_MAX)] = Field(
        0, description="Most routes that the amount is split over, from our own engine alone, not with ExactOut; 0 = 1"
    )
    restrict_intermediate_tokens: Truth = Field(
        True, description="Either value holds: our own routes pass through registered tokens, outside ones common ones"
    )
    as_legacy_transaction: Truth = Field(
        False, description="True asks our own engine alone, for one swap, which always fits"
    )
    instruction_version: Annotated[Literal["V1", "V2"], _one_of("V1", "V2")] = Field(
        "V1", description="Of the swap's instruction; a quote is the same"
    )
    platform_fee_bps: PlatformFeeBps = Field(
        0, description="Kept of what comes out, rounded down: `outAmount` is what is left, `platformFee` tells it"
    )
    max_accounts: MaxAccounts = Field(
        _ACCOUNTS_DEFAULT,
        description="Most accounts that a transaction with the swaps may name; below 58, which any three swaps keep "
        "within, our own engine alone",
    )
    for_jito_bundle: Truth = Field(False, description="Either value holds: no DEX here is unfit for a bundle")
    support_dynamic_intermediate_tokens: Truth = Field(
        False, description="Either value holds: our own routes pass through any registered token"
    )
    # What would change the answer and is not offered has one value left: that which changes nothing.
    dynamic_slippage: OwnSlippage = Field(False, description="Not offered: slippage worked out by the server")
    auto_slippage: OwnSlippage = Field(False, description="Not offered: the same by an older name")
    compute_auto_slippage: OwnSlippage = Field(False, description="Not offered: the same")
    minimize_slippage: OwnSlippage = Field(False, description="Not offered: a route chosen for its slippage")
    prefer_liquid_dexes: Annotated[Literal[False], _only_false("dexes names those that are wanted")] = Field(
        False, description="Not offered: a route chosen for its DEXes; `dexes` is"
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_out_what_is_not_asked_for(cls, asked: Any) -> Any:
        """Clients that write every field write null, [] or, for a bound of accounts, 0 where they ask for nothing.

        A slippage of 0 stays one: it is a value that can be meant.
        """
        if not isinstance(asked, dict):
            return asked
        return {name: value for name, value in asked.items() if not _is_nothing(name, value)}

    @property
    def is_direct(self) -> bool:
        """Whether a route must be one swap."""
        return self.only_direct_routes or self.as_legacy_transaction


LIST_PARAMETERS: Final = frozenset({"dexes", "excludeDexes"})
"""Those that may be given more than once."""


class BatchBody(BaseModel):
    """Several quotes in one request; each is answered or refused by itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quotes: list[Any] = Field(
        min_length=1,
        max_length=BATCH_COUNT_MAX,
        # One that does not fit is refused in its place, and the others are answered: the body as a whole is right.
        json_schema_extra={"items": {"anyOf": [{"$ref": "#/components/schemas/QuoteParameters"}, {}]}},
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


class PlatformFee(_Camel):
    """What of the output the caller keeps for itself."""

    amount: str = Field(description="Smallest units of the output token")
    fee_bps: int


class QuoteAnswer(_Camel):
    """The better source's quote, in Jupiter's names, and how far to trust it."""

    input_mint: str
    in_amount: str
    output_mint: str
    out_amount: str
    other_amount_threshold: str
    swap_mode: Literal["ExactIn", "ExactOut"]
    slippage_bps: int
    price_impact_pct: str = Field(description="Fraction of the price lost to the size of the trade")
    platform_fee: PlatformFee | None = Field(None, description="null where none was asked for")
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
    oracle_disagreement: float = Field(description="How far its sources disagree, a fraction; 0 = they agree")
    age_ms: int = Field(description="Age of the state the quote rests on")
    route_id: str = Field(description="As in shared memory and GetRoute, decimal text")
    quote_id: str = Field(description="What `solquote explain` and ExplainQuote take, 52 characters")


class ErrorAnswer(_Camel):
    """Why there is no answer."""

    error: str = Field(description="Names the field and the rule")
    error_code: str = Field(description="Canonical status name, e.g. NOT_FOUND")


class NotOfferedAnswer(ErrorAnswer):
    """What this service does not do yet, and where to read about it."""

    docs: str = Field(description="Path of the page, on this server")


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
