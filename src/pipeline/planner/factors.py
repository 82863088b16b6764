"""The six factors an opportunity must pass, twice: by what the scanner saw, then by what the simulation gave.

| factor     | default                                                              | rejected as             |
|------------|----------------------------------------------------------------------|-------------------------|
| profit     | at least 50 bps gross and 30 bps after all costs                     | `PROFIT`                |
|            | not above 1,000 bps gross: too good to be true                       | `TOO_GOOD`              |
| confidence | above 0.7                                                            | `CONFIDENCE`            |
| age        | opportunity under 2 s, its quotes under 5 s                          | `AGE`                   |
| amount     | 1,000 to 10**13 lamports, and each hop within its pool's 1 % depth   | `AMOUNT`                |
| slippage   | under 100 bps                                                        | `SLIPPAGE`              |
| risk       | score under the limit; pool states known lately, no pool blocked     | `RISK`                  |

Two more are no factor's: `SIMULATION`, the route cannot be filled on the pool state held now, and `GATE`, trading is
stopped.

All factors are looked at, so that the counters show every reason and not only the first.
"""

from dataclasses import dataclass

from pipeline.planner.risk import risk_score
from quote_core.events import Rejection
from quote_core.units import BPS, PPM, Pubkey

__all__ = ["Candidate", "PlanLimits", "PlanVerdict", "judge"]

_PPM_PER_BPS = PPM // BPS


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLimits:
    """What is accepted; see `PlannerSettings`."""

    gross_profit_bps_min: int
    net_profit_bps_min: int
    gross_profit_bps_max: int
    confidence_bps_above: int
    opportunity_age_ns_max: int
    quote_age_ns_max: int
    amount_lamports_min: int
    amount_lamports_max: int
    slippage_bps_below: int
    risk_below: float
    pool_state_age_ns_max: int
    blocked_pools: frozenset[Pubkey]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What is judged: numbers from the event, or from the simulation once there is one.

    Attributes:
        amount_in: Lamports put in.
        amount_out: Lamports that come back.
        costs_lamports: All costs.
        confidence_bps: The lower of the legs'.
        opportunity_age_ns: Since the scanner published it.
        quote_age_ns: Since the older of its quotes was vouched for.
        price_impact_ppm: Of all hops.
        pool_state_age_ns: Since the pool state vouched for least lately was; 0 before the simulation.
        hop_amounts: Input of each hop; empty before the simulation.
        depth_amounts: Input that would move each hop's pool by 1 %; empty before the simulation.
        pools: Pools of the route; empty before the simulation.
    """

    amount_in: int
    amount_out: int
    costs_lamports: int
    confidence_bps: int
    opportunity_age_ns: int
    quote_age_ns: int
    price_impact_ppm: int
    pool_state_age_ns: int = 0
    hop_amounts: tuple[int, ...] = ()
    depth_amounts: tuple[int, ...] = ()
    pools: tuple[Pubkey, ...] = ()

    @property
    def gross_profit_lamports(self) -> int:
        """Before costs."""
        return self.amount_out - self.amount_in

    @property
    def net_profit_lamports(self) -> int:
        """After all costs."""
        return self.gross_profit_lamports - self.costs_lamports


@dataclass(frozen=True, slots=True)
class PlanVerdict:
    """Every reason against it, and its risk."""

    rejections: tuple[Rejection, ...]
    risk: float

    @property
    def is_accepted(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.rejections


def judge(candidate: Candidate, limits: PlanLimits) -> PlanVerdict:
    """Look at all factors."""
    risk = risk_score(
        age_ms=candidate.quote_age_ns / 1e6,
        profit_pct=100 * candidate.net_profit_lamports / max(1, candidate.amount_in),
        confidence=candidate.confidence_bps / BPS,
        slippage_bps=candidate.price_impact_ppm / _PPM_PER_BPS,
    )
    failed = {
        Rejection.PROFIT: not _gains_enough(candidate, limits),
        Rejection.TOO_GOOD: candidate.gross_profit_lamports * BPS > limits.gross_profit_bps_max * candidate.amount_in,
        Rejection.CONFIDENCE: candidate.confidence_bps <= limits.confidence_bps_above,
        Rejection.AGE: candidate.opportunity_age_ns >= limits.opportunity_age_ns_max
        or candidate.quote_age_ns >= limits.quote_age_ns_max,
        Rejection.AMOUNT: not _fits(candidate, limits),
        Rejection.SLIPPAGE: candidate.price_impact_ppm >= limits.slippage_bps_below * _PPM_PER_BPS,
        Rejection.RISK: risk >= limits.risk_below or not _is_healthy(candidate, limits),
    }
    return PlanVerdict(tuple(reason for reason, is_failed in failed.items() if is_failed), risk)


def _gains_enough(candidate: Candidate, limits: PlanLimits) -> bool:
    """Both bounds in integers: `profit / amount >= bps / 10,000` without a division."""
    gross = candidate.gross_profit_lamports * BPS >= limits.gross_profit_bps_min * candidate.amount_in
    net = candidate.net_profit_lamports * BPS >= limits.net_profit_bps_min * candidate.amount_in
    return gross and net


def _is_healthy(candidate: Candidate, limits: PlanLimits) -> bool:
    """A pool that cannot be traded with at all has already failed the simulation."""
    known_lately = candidate.pool_state_age_ns < limits.pool_state_age_ns_max
    return known_lately and limits.blocked_pools.isdisjoint(candidate.pools)


def _fits(candidate: Candidate, limits: PlanLimits) -> bool:
    in_range = limits.amount_lamports_min <= candidate.amount_in <= limits.amount_lamports_max
    return in_range and all(
        amount <= depth for amount, depth in zip(candidate.hop_amounts, candidate.depth_amounts, strict=True)
    )
