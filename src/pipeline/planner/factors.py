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

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.planner.risk import RiskFigures, RiskTerms, risk_terms
from quote_core.events import Rejection
from quote_core.units import BPS, PPM, Pubkey

__all__ = ["Candidate", "FactorCheck", "PlanLimits", "PlanVerdict", "judge"]

_PPM_PER_BPS = PPM // BPS


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLimits:
    """What is accepted; see `PlannerSettings`.

    The last four tell what `net_profit_bps_min` came from, see `pipeline.planner.landing`.
    """

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
    net_profit_bps_floor: int = 0
    net_profit_bps_ceiling: int = 0
    landing_target_bps: int = 0
    landing_bps: int = 0


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


class FactorCheck(NamedTuple):
    """One bound of a factor, and whether it holds; a tuple, since a dozen are made each time an opportunity is judged.

    Attributes:
        reason: What speaks against the opportunity where it does not hold.
        what: The figure that is bounded, for people.
        value: What it is, in `unit`.
        bound: How it is held against the limit, for people.
        limit: In `unit`.
        unit: `bps`, `lamports`, `ns`, `units` of a hop's own token, `pools`, or empty.
        setting: Field of `PlannerSettings` that has the limit; empty where the market has it.
        holds: Worked out in whole numbers where value and limit are shown rounded.
    """

    reason: Rejection
    what: str
    value: float
    bound: str
    limit: float
    unit: str
    setting: str
    holds: bool


@dataclass(frozen=True, slots=True)
class PlanVerdict:
    """Everything that was looked at, what its risk is made of, and the terms of that."""

    checks: tuple[FactorCheck, ...]
    risk_figures: RiskFigures
    risk_terms: RiskTerms

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """Every reason against it, each once."""
        return tuple(dict.fromkeys(check.reason for check in self.checks if not check.holds))

    @property
    def risk(self) -> float:
        """Its score."""
        return self.risk_terms.score

    @property
    def is_accepted(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.rejections


def judge(candidate: Candidate, limits: PlanLimits) -> PlanVerdict:
    """Look at all factors."""
    figures = RiskFigures(
        age_ms=candidate.quote_age_ns / 1e6,
        profit_pct=100 * candidate.net_profit_lamports / max(1, candidate.amount_in),
        confidence=candidate.confidence_bps / BPS,
        slippage_bps=candidate.price_impact_ppm / _PPM_PER_BPS,
    )
    terms = risk_terms(figures)
    return PlanVerdict(
        (
            *_profit(candidate, limits),
            *_confidence_and_age(candidate, limits),
            *_amount(candidate, limits),
            *_slippage_and_risk(candidate, limits, terms.score),
        ),
        figures,
        terms,
    )


def _profit(candidate: Candidate, limits: PlanLimits) -> Iterator[FactorCheck]:
    """Bounds in integers: `profit / amount >= bps / 10,000` without a division."""
    gross, net, amount = candidate.gross_profit_lamports, candidate.net_profit_lamports, candidate.amount_in
    gross_bps, net_bps = (BPS * profit / max(1, amount) for profit in (gross, net))
    low, least, most = limits.gross_profit_bps_min, limits.net_profit_bps_min, limits.gross_profit_bps_max
    yield FactorCheck(
        Rejection.PROFIT,
        "gross profit",
        gross_bps,
        "at least",
        low,
        "bps",
        "gross_profit_bps_min",
        gross * BPS >= low * amount,
    )
    yield FactorCheck(
        Rejection.PROFIT,
        "net profit",
        net_bps,
        "at least",
        least,
        "bps",
        "net_profit_bps_min",
        net * BPS >= least * amount,
    )
    yield FactorCheck(
        Rejection.TOO_GOOD,
        "gross profit",
        gross_bps,
        "at most",
        most,
        "bps",
        "gross_profit_bps_max",
        gross * BPS <= most * amount,
    )


def _confidence_and_age(candidate: Candidate, limits: PlanLimits) -> Iterator[FactorCheck]:
    yield _above(
        Rejection.CONFIDENCE,
        "confidence",
        candidate.confidence_bps,
        limits.confidence_bps_above,
        "bps",
        "confidence_above",
    )
    for what, age_ns, most_ns, setting in (
        ("age of the opportunity", candidate.opportunity_age_ns, limits.opportunity_age_ns_max, "opportunity_age_max"),
        ("age of its quotes", candidate.quote_age_ns, limits.quote_age_ns_max, "quote_age_max"),
    ):
        yield _below(Rejection.AGE, what, age_ns, most_ns, "ns", setting)


def _amount(candidate: Candidate, limits: PlanLimits) -> Iterator[FactorCheck]:
    amount, low, high = candidate.amount_in, limits.amount_lamports_min, limits.amount_lamports_max
    yield FactorCheck(
        Rejection.AMOUNT, "amount", amount, "at least", low, "lamports", "amount_lamports_min", amount >= low
    )
    yield _at_most(Rejection.AMOUNT, "amount", amount, high, "lamports", "amount_lamports_max")
    for number, (given, depth) in enumerate(zip(candidate.hop_amounts, candidate.depth_amounts, strict=True), start=1):
        yield _at_most(Rejection.AMOUNT, f"into hop {number}, of its depth at 1 %", given, depth, "units", "")


def _slippage_and_risk(candidate: Candidate, limits: PlanLimits, risk: float) -> Iterator[FactorCheck]:
    impact_ppm, limit_bps = candidate.price_impact_ppm, limits.slippage_bps_below
    yield FactorCheck(
        Rejection.SLIPPAGE,
        "price impact of all hops",
        impact_ppm / _PPM_PER_BPS,
        "below",
        limit_bps,
        "bps",
        "slippage_bps_below",
        impact_ppm < limit_bps * _PPM_PER_BPS,
    )
    yield _below(Rejection.RISK, "risk score", risk, limits.risk_below, "", "risk_below")
    if candidate.pools:  # a pool that cannot be traded with at all has already failed the simulation
        age_ns, most_ns = candidate.pool_state_age_ns, limits.pool_state_age_ns_max
        yield _below(Rejection.RISK, "age of the pool state", age_ns, most_ns, "ns", "pool_state_age_max")
        blocked_count = len(limits.blocked_pools.intersection(candidate.pools))
        yield _at_most(Rejection.RISK, "blocked among its pools", blocked_count, 0, "pools", "blocked_pools")


def _above(reason: Rejection, what: str, value: float, limit: float, unit: str, setting: str) -> FactorCheck:
    return FactorCheck(reason, what, value, "above", limit, unit, setting, value > limit)


def _below(reason: Rejection, what: str, value: float, limit: float, unit: str, setting: str) -> FactorCheck:
    return FactorCheck(reason, what, value, "below", limit, unit, setting, value < limit)


def _at_most(reason: Rejection, what: str, value: float, limit: float, unit: str, setting: str) -> FactorCheck:
    return FactorCheck(reason, what, value, "at most", limit, unit, setting, value <= limit)
