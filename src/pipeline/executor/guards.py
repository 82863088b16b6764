"""What no plan may do, whoever planned it: checked right before execution, from the executor's own settings alone.

| guard      | refuses                                                                                     |
|------------|---------------------------------------------------------------------------------------------|
| expired    | a plan older than the limit or than its own lifetime, made at a time that cannot be told,   |
|            | or with a lifetime that no honest plan has                                                  |
| stale      | a plan on pool state that was vouched for longer ago than the limit, never, or at a time to come |
| size       | an amount outside the bounds                                                                |
| route      | too many hops, or hops that do not lead from SOL back to SOL, each where the one before ended |
| price band | an expected output further from the amount than the band: wrong data, not a good trade       |
| slippage   | a least output too far below the expected one, or above it; least outputs of hops that are  |
|            | not one a hop, or of which the last is another                                              |
| costs      | a tip, priority fee or compute budget above its limit; a profit its amounts cannot give      |
| loss       | a least output that loses more than the limit after all costs, computed here                 |

What depends on other plans is for all executors together: `duplicate` is in `pipeline.executor.claims`, `rate`,
`exposure` and `daily loss` in `pipeline.executor.hard_stops`.
"""

from dataclasses import dataclass
from typing import Final

from pipeline.costs import CostRates, costs_of_plan
from quote_core.clock import AGE_UNKNOWN_NS
from quote_core.events import ExecutionPlan
from quote_core.freshness import NEVER_VOUCHED
from quote_core.units import BPS, Pubkey

__all__ = ["GUARD_NAMES", "GuardLimits", "Guards", "guard_of"]

GUARD_NAMES: Final = (
    "expired",
    "stale",
    "size",
    "route",
    "price_band",
    "slippage",
    "costs",
    "loss",
    "duplicate",
    "rate",
    "exposure",
    "daily_loss",
    "taken",
    "stopped",
    "other",
)
"""What a refusal's reason can begin with: those of the table and below it, that paper had taken the depth, that
trading was stopped meanwhile, and any other, which another executor may have given."""

HOP_COUNT_MAX: Final = 4
COMPUTE_UNITS_MAX: Final = 1_400_000
"""Of one transaction, by the chain's own rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardLimits:
    """At a limit a plan passes."""

    plan_age_ns_max: int
    plan_lifetime_ns_max: int
    state_age_ns_max: int
    amount_lamports_min: int
    amount_lamports_max: int
    price_band_bps: int
    slippage_bps_max: int
    tip_lamports_max: int
    priority_fee_lamports_max: int
    loss_lamports_max: int
    sol_mint: Pubkey


def guard_of(refusal: str) -> str:
    """Which of `GUARD_NAMES` a refusal is by."""
    name = refusal.partition(":")[0].replace(" ", "_")
    return name if name in GUARD_NAMES else GUARD_NAMES[-1]


class Guards:
    """The table above."""

    def __init__(self, limits: GuardLimits, rates: CostRates) -> None:
        self._limits = limits
        self._rates = rates

    def refusal(self, plan: ExecutionPlan, *, age_ns: int) -> str | None:
        """Why the plan must not be executed; `None` = it may, as far as the plan alone can tell.

        Args:
            plan: Any plan at all; its fields may hold anything.
            age_ns: Time since it was planned, by a clock that does not step; `AGE_UNKNOWN_NS` when there is none.
        """
        return (
            self.expiry(plan, age_ns=age_ns)
            or self._size(plan)
            or self._route(plan)
            or self._price_band(plan)
            or self._slippage(plan)
            or self._costs(plan)
            or self._loss(plan)
        )

    def expiry(self, plan: ExecutionPlan, *, age_ns: int) -> str | None:
        """Why the plan, or the state it rests on, is too old or of no age; `None` = neither. See `refusal`."""
        if age_ns >= AGE_UNKNOWN_NS:
            return "expired: when it was planned cannot be told"
        lifetime_ns = plan.expires_unix_ns - plan.header.created_unix_ns
        if not 0 < lifetime_ns <= self._limits.plan_lifetime_ns_max:
            most = self._limits.plan_lifetime_ns_max // 1_000_000
            return f"expired: its lifetime is {lifetime_ns // 1_000_000} ms, must be above 0 and at most {most} ms"
        age_ns_max = min(self._limits.plan_age_ns_max, lifetime_ns)
        if age_ns > age_ns_max:
            return f"expired: {age_ns // 1_000_000} ms old, at most {age_ns_max // 1_000_000} ms"
        return self._staleness(plan, age_ns=age_ns)

    def _staleness(self, plan: ExecutionPlan, *, age_ns: int) -> str | None:
        """How old the state was is told by the planner's clocks, how long ago that was by the plan's own age.

        So a plan of another host is judged without comparing that host's wall clock with ours.
        """
        known_ns = plan.freshness.age_ns(plan.created)
        if known_ns >= AGE_UNKNOWN_NS or plan.freshness == NEVER_VOUCHED:
            return "stale: when its pool state was vouched for cannot be told"
        state_age_ns, most = known_ns + age_ns, self._limits.state_age_ns_max
        if state_age_ns > most:
            told = f"was vouched for {state_age_ns // 1_000_000} ms ago, at most {most // 1_000_000} ms"
            return f"stale: its pool state {told}"
        return None

    def _size(self, plan: ExecutionPlan) -> str | None:
        low, high = self._limits.amount_lamports_min, self._limits.amount_lamports_max
        if not low <= plan.amount_in <= high:
            return f"size: {plan.amount_in} lamports, must be {low} to {high}"
        return None

    def _route(self, plan: ExecutionPlan) -> str | None:
        sol = self._limits.sol_mint
        if len(plan.hops) > HOP_COUNT_MAX:
            return f"route: {len(plan.hops)} hops, at most {HOP_COUNT_MAX}"
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
        if tolerance < 0:
            return f"slippage: least output {plan.min_amount_out} is above the expected {plan.expected_amount_out}"
        if tolerance * BPS > plan.expected_amount_out * self._limits.slippage_bps_max:
            return f"slippage: least output {plan.min_amount_out} is too far below {plan.expected_amount_out}"
        leasts = plan.hop_min_amounts_out  # none in a plan of before hops had their own
        if leasts and (len(leasts) != len(plan.hops) or leasts[-1] != plan.min_amount_out):
            return f"slippage: its {len(plan.hops)} hops do not have least outputs that end with {plan.min_amount_out}"
        return None

    def _costs(self, plan: ExecutionPlan) -> str | None:
        for name, value, most in (
            ("tip", plan.tip_lamports, self._limits.tip_lamports_max),
            ("priority fee", plan.priority_fee_lamports, self._limits.priority_fee_lamports_max),
            ("compute unit limit", plan.compute_unit_limit, COMPUTE_UNITS_MAX),
        ):
            if value > most:
                return f"costs: {name} {value}, at most {most}"
        gain = plan.expected_amount_out - plan.amount_in
        if not 0 <= plan.net_profit_lamports <= gain:
            return f"costs: a net profit of {plan.net_profit_lamports} is none that a gain of {gain} can give"
        return None

    def _loss(self, plan: ExecutionPlan) -> str | None:
        loss = plan.amount_in + costs_of_plan(plan, self._rates).total_lamports - plan.min_amount_out
        if loss > self._limits.loss_lamports_max:
            return f"loss: its least output may lose {loss} lamports, at most {self._limits.loss_lamports_max}"
        return None
