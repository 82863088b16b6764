"""What the commands show of quotes, pools and prices: frozen values, free of wire formats."""

from dataclasses import dataclass

from quote_core.tokens import Token

__all__ = [
    "PrintedCap",
    "PrintedDroppedPool",
    "PrintedHop",
    "PrintedOracleSource",
    "PrintedPool",
    "PrintedPrice",
    "PrintedQuote",
    "PrintedSource",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedHop:
    """One swap through one pool."""

    pool_id: str
    protocol: str
    input_mint: str
    output_mint: str
    input_amount: int
    output_amount: int
    provenance: str
    """chain, recorded, synthetic, patched, or empty where an outside provider does not say."""
    fee_amount: int = 0
    fee_mint: str = ""
    """Empty where the fee is not told."""
    leg: int = 0
    leg_percent: int = 0
    """Which part of a split it belongs to, and percent of the input that part takes; 0 = all, or not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedCap:
    """What a quote allows at most, whatever its score; value and limit are fractions, 0 when stale."""

    reason: str
    """price_impact, oracle_deviation or stale."""
    value: float
    limit: float
    at_most: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedSource:
    """What one of the two sources says."""

    name: str
    """`local`, or the outside provider."""
    output_amount: int
    price_impact_fraction: float
    confidence: float
    factors: dict[str, float]
    caps: tuple[PrintedCap, ...] = ()
    age_ms: int
    is_stale: bool
    slot: int
    route: tuple[PrintedHop, ...]
    error: str | None
    """Why it has no quote."""
    quote_id: str = ""
    """What `solquote explain` takes; empty where there is no quote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedQuote:
    """Both sources and what to make of them."""

    input: Token
    output: Token
    input_amount: int
    output_amount: int
    best: str | None
    """Name of the better source."""
    decision: str
    oracle_price: float | None
    oracle_disagreement: float = 0.0
    """How far the oracle's sources disagree on it, a fraction; 0 = those that count agree."""
    sources: tuple[PrintedSource, ...]

    @property
    def best_source(self) -> PrintedSource | None:
        """The better source's answer."""
        return next((source for source in self.sources if source.name == self.best), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedPool:
    """One pool as the local quote service holds it."""

    pool_id: str
    protocol: str
    mint_a: str
    mint_b: str
    price: float
    """Whole B per whole A, before fees."""
    fee_fraction_a_to_b: float
    fee_fraction_b_to_a: float
    depth_a_amount: int
    depth_b_amount: int
    """Input that moves the price by 1 %, smallest units."""
    age_ms: int
    slot: int
    is_stale: bool
    is_tradable: bool
    refusal: str
    provenance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedDroppedPool:
    """One pool that the local quote service knows and does not hold."""

    pool_id: str
    protocol: str
    mint_a: str
    mint_b: str
    depth_lamports: int | None
    """What moves its price by 1 %; `None` when that is not known."""
    reason: str
    """`shallow`, `outranked` or `no_room`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedOracleSource:
    """What one source says of a token's price, and why it is not the one that is used."""

    source: str
    usd: float | None
    confidence_usd: float | None
    """Half width of its confidence interval."""
    age_ms: int
    standing: str
    """chosen, outranked, stale, ahead, unpriced, wide, disagrees or silent."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedPrice:
    """A token's reference price."""

    mint: str
    usd: float | None
    source: str
    age_ms: int
    is_stale: bool
    provenance: str
    confidence_usd: float | None = None
    disagreement: float = 0.0
    """How far its sources disagree, a fraction; 0 = those that count agree."""
    sources: tuple[PrintedOracleSource, ...] = ()
