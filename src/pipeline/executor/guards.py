"""What no plan may do, whoever planned it: checked right before execution, from the executor's own settings alone.

| guard      | refuses                                                                                     |
|------------|---------------------------------------------------------------------------------------------|
| age        | a plan older than the limit, or past its own expiry                                         |
| size       | an amount outside the bounds                                                                |
| route      | hops that do not lead from SOL back to SOL, each beginning where the one before ended        |
| price band | an expected output further from the amount than the band: wrong data, not a good trade       |
| slippage   | a tolerance between expected and least output above the limit                               |
| duplicate  | a second plan for an opportunity this process has taken, or through a pool it has just traded: |
|            | the gap the plan was made for is the one the first trade closes                             |
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from quote_core.events import ExecutionPlan
from quote_core.units import BPS, Pubkey

__all__ = ["GuardLimits", "Guards"]

REMEMBERED_COUNT_MAX: Final = 10_000
"""Opportunities, and pools, remembered; older ones are past every limit long since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardLimits:
    """At a limit a plan passes."""

    plan_age_ns_max: int
    amount_lamports_min: int
    amount_lamports_max: int
    price_band_bps: int
    slippage_bps_max: int
    pool_rest_ns: int
    sol_mint: Pubkey


class Guards:
    """The table above, and what this process has taken."""

    def __init__(self, limits: GuardLimits) -> None:
        self._limits = limits
        self._plan_by_opportunity: OrderedDict[bytes, bytes] = OrderedDict()
        self._traded_unix_ns: OrderedDict[Pubkey, int] = OrderedDict()

    def refusal(self, plan: ExecutionPlan, *, now_unix_ns: int) -> str | None:
        """Why the plan must not be executed; `None` = it may, and its opportunity counts as taken."""
        reason = (
            self._age(plan, now_unix_ns)
            or self._size(plan)
            or self._route(plan)
            or self._price_band(plan)
            or self._slippage(plan)
            or self._duplicate(plan)
            or self._resting_pool(plan, now_unix_ns)
        )
        if reason is None:
            self._remember(plan, now_unix_ns)
        return reason

    def _age(self, plan: ExecutionPlan, now_unix_ns: int) -> str | None:
        age_ns = now_unix_ns - plan.header.created_unix_ns
        if age_ns > self._limits.plan_age_ns_max:
            return f"expired: {age_ns // 1_000_000} ms old, at most {self._limits.plan_age_ns_max // 1_000_000} ms"
        if now_unix_ns > plan.expires_unix_ns:
            return f"expired: its own limit passed {(now_unix_ns - plan.expires_unix_ns) // 1_000_000} ms ago"
        return None

    def _size(self, plan: ExecutionPlan) -> str | None:
        low, high = self._limits.amount_lamports_min, self._limits.amount_lamports_max
        if not low <= plan.amount_in <= high:
            return f"size: {plan.amount_in} lamports, must be {low} to {high}"
        return None

    def _route(self, plan: ExecutionPlan) -> str | None:
        sol = self._limits.sol_mint
        if not plan.hops or plan.hops[0].input_mint != sol or plan.hops[-1].output_mint != sol:
            return "route: must lead from SOL to SOL"
        if any(one.output_mint != other.input_mint for one, other in zip(plan.hops, plan.hops[1:], strict=False)):
            return "route: its hops do not connect"
        return None

    def _price_band(self, plan: ExecutionPlan) -> str | None:
        distance = abs(plan.expected_amount_out - plan.amount_in)
        if distance * BPS > plan.amount_in * self._limits.price_band_bps:
            return f"price band: {plan.expected_amount_out} for {plan.amount_in} is off by more than allowed"
        return None

    def _slippage(self, plan: ExecutionPlan) -> str | None:
        tolerance = plan.expected_amount_out - plan.min_amount_out
        if tolerance * BPS > plan.expected_amount_out * self._limits.slippage_bps_max:
            return f"slippage: least output {plan.min_amount_out} is too far below {plan.expected_amount_out}"
        return None

    def _duplicate(self, plan: ExecutionPlan) -> str | None:
        taken = self._plan_by_opportunity.get(plan.opportunity_id)
        if taken is not None and taken != plan.header.event_id:
            return f"duplicate: plan {taken.hex()} was for the same opportunity"
        return None

    def _resting_pool(self, plan: ExecutionPlan, now_unix_ns: int) -> str | None:
        for hop in plan.hops:
            since_ns = now_unix_ns - self._traded_unix_ns.get(hop.pool_id, 0)
            if since_ns < self._limits.pool_rest_ns:
                return f"duplicate: pool {hop.pool_id} was traded {since_ns // 1_000_000} ms ago"
        return None

    def _remember(self, plan: ExecutionPlan, now_unix_ns: int) -> None:
        self._plan_by_opportunity[plan.opportunity_id] = plan.header.event_id
        for hop in plan.hops:
            self._traded_unix_ns[hop.pool_id] = now_unix_ns
            self._traded_unix_ns.move_to_end(hop.pool_id)
        for remembered in (self._plan_by_opportunity, self._traded_unix_ns):
            while len(remembered) > REMEMBERED_COUNT_MAX:
                remembered.popitem(last=False)
