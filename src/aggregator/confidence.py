"""How far a quote can be trusted: five factors, one score, caps, one decision. Pure, and the formula's only home.

The table scores compiled (`_scoring.pxd`), by the numbers given here, and is held to this to the last bit.

| factor | weight | value |
|---|---|---|
| pool_age | 0.30 | max(0, 1 - age_s / 60) |
| route | 0.20 | max(0, 1 - 0.2 (hops - 1)) |
| oracle | 0.30 | max(0, 1 - 10 d - 10 u), d = abs(rate - oracle_rate) / oracle_rate; 0 without an oracle price |
| provider | 0.10 | uptime, 0 to 1; 1 for local |
| slippage | 0.10 | min(1, expected / max(actual, 0.0001)) |

Rates are whole output tokens per whole input token; slippages are fractions. The oracle's `u` is how far its sources
disagree on the rate, 0 while those that count agree: a quote may then be as far off as the furthest of them says.

A score is an average, and what is ruinous in one factor may be made up for by four others: a trade of a thousand times
the depth is expected to slip, so slipping costs it nothing. Caps stand beside the formula and never touch it. Each says
what a quote allows at most, whatever its score:

| cap              | from (`CapLimits`)                                                          | at most  |
|------------------|-----------------------------------------------------------------------------|----------|
| price_impact     | price impact above 1 %                                                      | CAUTIOUS |
| price_impact     | price impact above 5 %                                                      | SKIP     |
| oracle_deviation | further than 10 % from the oracle's rate, either way                        | SKIP     |
| stale            | a quote that is stale                                                       | SKIP     |

What ranks sources and goes to shared memory is `Confidence.capped_score`: the score, lowered to what its decision
allows.
"""

import enum
from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = [
    "AGE_S_MAX",
    "CAP_LIMITS",
    "CAUTIOUS_MIN",
    "CEILINGS",
    "DEPTH_FRACTION",
    "DEVIATION_COST",
    "EXECUTE_MIN",
    "HOP_COST",
    "SLIPPAGE_FLOOR",
    "VERIFY_MIN",
    "WEIGHTS",
    "Cap",
    "CapLimits",
    "CapReason",
    "Confidence",
    "Decision",
    "Factors",
    "caps_of",
    "decide",
    "expected_slippage",
    "score",
]

SLIPPAGE_FLOOR: Final = 0.0001
"""Slippages below one basis point are all the same: none."""

AGE_S_MAX: Final = 60.0
HOP_COST: Final = 0.2
DEVIATION_COST: Final = 10.0
DEPTH_FRACTION: Final = 0.01  # a depth is the input that moves the price by 1 %

EXECUTE_MIN: Final = 0.9
VERIFY_MIN: Final = 0.7
CAUTIOUS_MIN: Final = 0.5


class Decision(enum.IntEnum):
    """What a score allows, from least to most."""

    SKIP = 1
    CAUTIOUS = 2
    VERIFY = 3
    EXECUTE = 4


class Factors(NamedTuple):
    """The five factors, each 0 to 1."""

    pool_age: float
    route: float
    oracle: float
    provider: float
    slippage: float


WEIGHTS: Final = Factors(pool_age=0.30, route=0.20, oracle=0.30, provider=0.10, slippage=0.10)


class CapReason(enum.Enum):
    """What is too bad for any score to make up for."""

    PRICE_IMPACT = 1
    ORACLE_DEVIATION = 2
    STALE = 3


@dataclass(frozen=True, slots=True)
class Cap:
    """What a quote allows at most, and why: `value` is above `limit`, both fractions (0 when stale)."""

    reason: CapReason
    value: float
    limit: float
    at_most: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class CapLimits:
    """Fractions; at a limit there is no cap."""

    impact_cautious: float
    impact_skip: float
    deviation_skip: float


CAP_LIMITS: Final = CapLimits(impact_cautious=0.01, impact_skip=0.05, deviation_skip=0.10)

CEILINGS: Final = {
    Decision.SKIP: CAUTIOUS_MIN - 0.0001,
    Decision.CAUTIOUS: VERIFY_MIN - 0.0001,
}
"""One basis point, the grain of shared memory, below what would allow more."""


class Confidence(NamedTuple):
    """A score in [0, 1], what it was made of, and what caps it; the strictest cap counts."""

    score: float
    factors: Factors
    caps: tuple[Cap, ...] = ()

    @property
    def capped_score(self) -> float:
        """The score, lowered to what the caps allow."""
        if not self.caps:
            return self.score
        return min(self.score, *(CEILINGS[cap.at_most] for cap in self.caps))

    @property
    def decision(self) -> Decision:
        """What may be done with the quote."""
        return decide(self.capped_score)


def score(
    *,
    age_s: float,
    hop_count: int,
    rate: float,
    oracle_rate: float | None,
    oracle_disagreement: float = 0.0,
    uptime: float,
    slippage_expected: float,
    slippage_actual: float,
) -> Confidence:
    """Score one quote.

    Args:
        age_s: Age of the state the quote rests on; below zero counts as new.
        hop_count: Swaps one after the other, at least 1.
        rate: Quoted whole output tokens per whole input token.
        oracle_rate: The same by the oracle; `None` or not above zero when none is known.
        oracle_disagreement: How far the oracle's sources disagree on it, a fraction not below zero.
        uptime: Success rate of the source over its window; 1 for local.
        slippage_expected: See `expected_slippage`.
        slippage_actual: The quote's own price impact.
    """
    pool_age = _clamped(1.0 - age_s / AGE_S_MAX)
    route = _clamped(1.0 - HOP_COST * (hop_count - 1))
    oracle = 0.0
    if oracle_rate is not None and oracle_rate > 0.0:
        deviation_cost = DEVIATION_COST * abs(rate - oracle_rate) / oracle_rate
        oracle = _clamped(1.0 - deviation_cost - DEVIATION_COST * oracle_disagreement)
    provider = _clamped(uptime)
    slippage = _clamped(slippage_expected / max(slippage_actual, SLIPPAGE_FLOOR))
    weighted = (
        WEIGHTS.pool_age * pool_age
        + WEIGHTS.route * route
        + WEIGHTS.oracle * oracle
        + WEIGHTS.provider * provider
        + WEIGHTS.slippage * slippage
    )
    return Confidence(_clamped(weighted), Factors(pool_age, route, oracle, provider, slippage))


def caps_of(
    *, price_impact: float, rate: float, oracle_rate: float | None, is_stale: bool, limits: CapLimits
) -> tuple[Cap, ...]:
    """What caps a quote, beside its score; see the table. Rates as in `score`, the impact a fraction."""
    caps: list[Cap] = []
    if price_impact > limits.impact_skip:
        caps.append(Cap(CapReason.PRICE_IMPACT, price_impact, limits.impact_skip, Decision.SKIP))
    elif price_impact > limits.impact_cautious:
        caps.append(Cap(CapReason.PRICE_IMPACT, price_impact, limits.impact_cautious, Decision.CAUTIOUS))
    if oracle_rate is not None and oracle_rate > 0.0:
        deviation = abs(rate - oracle_rate) / oracle_rate
        if deviation > limits.deviation_skip:
            caps.append(Cap(CapReason.ORACLE_DEVIATION, deviation, limits.deviation_skip, Decision.SKIP))
    if is_stale:
        caps.append(Cap(CapReason.STALE, 0.0, 0.0, Decision.SKIP))
    return tuple(caps)


def expected_slippage(amount_in: int, depth_amount: int) -> float:
    """The slippage an amount should have in a pool of this depth, as a fraction.

    Args:
        amount_in: What goes in, smallest units.
        depth_amount: Input that moves the price by 1 %, smallest units; 0 when unknown.

    Returns:
        Never below `SLIPPAGE_FLOOR`: the formula floors the actual slippage there, and a small trade in a deep pool,
        the safest there is, would otherwise score next to nothing for it.
    """
    if depth_amount <= 0:
        return SLIPPAGE_FLOOR
    return max(DEPTH_FRACTION * amount_in / depth_amount, SLIPPAGE_FLOOR)


def decide(value: float) -> Decision:
    """What a score allows: execute, verify first, trade smaller, or skip."""
    if value >= EXECUTE_MIN:
        return Decision.EXECUTE
    if value >= VERIFY_MIN:
        return Decision.VERIFY
    return Decision.CAUTIOUS if value >= CAUTIOUS_MIN else Decision.SKIP


def _clamped(value: float) -> float:
    # Written so that NaN, which compares false to everything, scores 0 and not 1.
    if value >= 1.0:
        return 1.0
    return value if value > 0.0 else 0.0
