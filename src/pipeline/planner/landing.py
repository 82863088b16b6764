"""How many of the plans that were sent landed lately, and the least net profit that follows from it. Pure.

A result counts half after each half-life. Where little is known the rate is held near the target, as if `PRIOR_COUNT`
results had come with just that rate: so a planner begins with the fixed limit, and comes back to it when nothing is
sent any more, be it that the raised limit lets nothing through.

    landing = (landed + PRIOR_COUNT x target) / (sent + PRIOR_COUNT)
    limit   = floor + ceil((ceiling - floor) x max(0, target - landing) / target)

Never below the floor, which is the setting `net_profit_bps_min`, nor above the ceiling. All that counts is in the
stream, so planners that have read it agree, whenever they began.
"""

from dataclasses import replace
from typing import Final

from pipeline.planner.factors import PlanLimits
from quote_core.events import ExecutionResult, Outcome
from quote_core.units import BPS

__all__ = ["PRIOR_COUNT", "LandingRate", "raised_bps", "raised_limits"]

PRIOR_COUNT: Final = 10.0


class LandingRate:
    """The rate, kept with the results of a stream, in their order.

    Args:
        half_life_ns: After which a result counts half.
        target_bps: The rate while nothing is known.
    """

    def __init__(self, *, half_life_ns: int, target_bps: int) -> None:
        self._half_life_ns = half_life_ns
        self._target_bps = target_bps
        self._landed = 0.0
        self._sent = 0.0
        self._counted_unix_ns = 0
        """As of when the two are."""

    def add(self, result: ExecutionResult, *, stored_unix_ns: int) -> None:
        """Count the next result of the stream; what was never sent says nothing of landing."""
        if not _was_sent(result):
            return
        weight = self._weight(stored_unix_ns)
        self._landed = self._landed * weight + (result.outcome is Outcome.FILLED)
        self._sent = self._sent * weight + 1
        self._counted_unix_ns = max(self._counted_unix_ns, stored_unix_ns)

    def bps(self, *, now_unix_ns: int | None) -> int:
        """The rate now, by the stream's clock, of 10,000; `None` = as of the newest result."""
        weight = 1.0 if now_unix_ns is None else self._weight(now_unix_ns)
        landed = self._landed * weight + PRIOR_COUNT * self._target_bps / BPS
        return round(BPS * landed / (self._sent * weight + PRIOR_COUNT))

    def _weight(self, unix_ns: int) -> float:
        """What remains by then of what has been counted."""
        return float(0.5 ** (max(0, unix_ns - self._counted_unix_ns) / self._half_life_ns))


def raised_bps(*, floor_bps: int, ceiling_bps: int, target_bps: int, landing_bps: int) -> int:
    """The least net profit at a landing rate, rounded up; all of them in basis points."""
    missing_bps = max(0, target_bps - landing_bps)
    return floor_bps + -(-(ceiling_bps - floor_bps) * missing_bps // target_bps)


def raised_limits(limits: PlanLimits, *, landing_bps: int) -> PlanLimits:
    """The limits at a landing rate, with what their least net profit came from."""
    least_bps = raised_bps(
        floor_bps=limits.net_profit_bps_floor,
        ceiling_bps=limits.net_profit_bps_ceiling,
        target_bps=limits.landing_target_bps,
        landing_bps=landing_bps,
    )
    return replace(limits, net_profit_bps_min=least_bps, landing_bps=landing_bps)


def _was_sent(result: ExecutionResult) -> bool:
    """Whether the chain had it: filled, missed, or failed at the price of a network fee."""
    if result.outcome is Outcome.FAILED:
        return result.network_fee_lamports > 0
    return result.outcome in (Outcome.FILLED, Outcome.MISSED)
