"""The planner's answer to one event: judge what was seen, simulate, judge again, plan.

A rejection is an answer too: counted by reason, logged at debug, nothing published.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import structlog

from pipeline.costs import CostRates, round_trip_costs
from pipeline.planner.factors import PlanLimits, judge
from pipeline.planner.plans import candidate_seen, candidate_simulated, plan_from
from pipeline.planner.proposed import Opportunity, proposed_trip
from pipeline.planner.simulate import simulate_trip
from pipeline.simulation import RouteSimulator
from pipeline.trading_gate import TradeGate
from quote_core.clock import Clock, moment
from quote_core.errors import MarketError
from quote_core.events import Event, Rejection, RejectionCount
from quote_core.telemetry.histogram import TO_FILL_BOUNDS_S, Histogram
from quote_core.telemetry.traces import annotate
from quote_core.units import NS_PER_S

__all__ = ["Planner"]

_log: Final = structlog.get_logger()


class Planner:
    """Decides; `answer` is what its stage asks.

    Args:
        simulator: Prices routes on current pool state.
        gate: Closed = everything is rejected.
        clock: For ages and the plan's own time.
        limits: Asked for the factors' limits, once an opportunity.
        rates: What a trip costs.
        tolerance_bps: How much less than simulated may come back.
        hop_tolerance_bps: How much less than simulated a hop before the last may give.
        lifetime_ns: How long a plan may wait for its start.
    """

    def __init__(
        self,
        *,
        simulator: RouteSimulator,
        gate: TradeGate,
        clock: Clock,
        limits: Callable[[], PlanLimits],
        rates: CostRates,
        tolerance_bps: int,
        hop_tolerance_bps: int,
        lifetime_ns: int,
    ) -> None:
        self.planned_count = 0
        self.rejected: Counter[Rejection] = Counter()
        self.to_plan_s = Histogram(TO_FILL_BOUNDS_S)
        """Age of the opportunities that became plans."""
        self._simulator = simulator
        self._gate = gate
        self._clock = clock
        self.limits = limits
        self._rates = rates
        self._tolerance_bps = tolerance_bps
        self._hop_tolerance_bps = hop_tolerance_bps
        self._lifetime_ns = lifetime_ns

    def rejections(self) -> tuple[RejectionCount, ...]:
        """How many so far, by reason."""
        return tuple(RejectionCount(reason=reason, count=count) for reason, count in self.rejected.items())

    async def answer(self, event: Event) -> Sequence[Event]:
        """The plan of an opportunity, or nothing.

        Raises:
            UpstreamError: The simulation cannot be had now; worth another try while the opportunity is young.
            InvalidField: The opportunity contradicts itself, see `proposed_trip`.
        """
        assert isinstance(event, Opportunity), type(event)  # the consumer's filter lets no other pass
        if not self._gate.allows_new_trades:
            return self._rejected(event, [Rejection.GATE])
        limits, trip = self.limits(), proposed_trip(event)
        seen = judge(candidate_seen(event, now=moment(self._clock), rates=self._rates), limits)
        if not seen.is_accepted:
            return self._rejected(event, seen.rejections)
        try:
            simulation = await simulate_trip(self._simulator, trip)
        except MarketError as error:
            _log.debug("not fillable", pair=event.pair, reason=str(error))
            return self._rejected(event, [Rejection.SIMULATION])
        costs = round_trip_costs(trip.amount_in, hop_count=len(simulation.hops), rates=self._rates)
        now = moment(self._clock)
        candidate = candidate_simulated(event, simulation, now=now, costs=costs)
        verdict = judge(candidate, limits)
        if not self._gate.allows_new_trades:  # it may have closed during the simulation
            return self._rejected(event, [Rejection.GATE])
        if not verdict.is_accepted:
            return self._rejected(event, verdict.rejections)
        self.planned_count += 1
        self.to_plan_s.observe_traced(max(0, self._clock.unix_ns() - event.header.created_unix_ns) / NS_PER_S)
        return [
            plan_from(
                event,
                simulation,
                candidate,
                costs=costs,
                risk=verdict.risk,
                limits=limits,
                now=now,
                tolerance_bps=self._tolerance_bps,
                hop_tolerance_bps=self._hop_tolerance_bps,
                lifetime_ns=self._lifetime_ns,
                clock=self._clock,
            )
        ]

    def _rejected(self, opportunity: Opportunity, reasons: Iterable[Rejection]) -> Sequence[Event]:
        reasons = tuple(reasons)
        self.rejected.update(reasons)
        annotate({"solquote.rejected": ", ".join(reason.name.lower() for reason in reasons)})
        _log.debug(
            "rejected",
            pair=opportunity.pair,
            opportunity=opportunity.header.event_id.hex(),
            reasons=[reason.name.lower() for reason in reasons],
        )
        return ()
