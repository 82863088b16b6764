"""What the commands show of quotes, pools and prices: frozen values, free of wire formats."""

from dataclasses import dataclass

from quote_core.tokens import Token

__all__ = ["PrintedCap", "PrintedHop", "PrintedPool", "PrintedPrice", "PrintedQuote", "PrintedSource"]


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
class PrintedPrice:
    """A token's reference price."""

    mint: str
    usd: float | None
    source: str
    age_ms: int
    is_stale: bool
    provenance: str
