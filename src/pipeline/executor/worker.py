"""Takes plans and concludes each exactly once, however many executors run and whenever one dies.

Every executor pulls from one durable consumer, so a plan is with one of them at a time. Before it begins a plan it
claims it, which all executors see (`claims`); how the plan ended it writes to disk, then to the stream (`results`);
the plan is acknowledged after that. A plan that is delivered again is looked at in this order:

| what is known of it                              | then                                                     |
|--------------------------------------------------|----------------------------------------------------------|
| this host knows how it ended                     | that ending is stored                                    |
| the stream has its result                        | acknowledged                                             |
| nobody has begun it                              | as if it came for the first time                         |
| begun, and its executor may still conclude it    | handed back for `BEGUN_RETRY_S`                          |
| begun, and nothing was heard of it for too long  | ABANDONED; it is never begun a second time               |

"Too long" is the time a plan may be in hand and `RETURN_GRACE_NS`, during which the bus must have answered without a
break: an executor that was cut off as we were stores what it owes in the moment the bus is back. One cut off for
longer than we were comes too late, and what it had filled becomes a dead letter.

| gate              | plans                                                                                       |
|-------------------|---------------------------------------------------------------------------------------------|
| open              | pulled, executed or refused, one result each                                                |
| closes            | what has begun is finished; what was only delivered is handed back, without a result         |
| closed            | stay in the stream; nothing is published but endings already known                          |
| opens again       | those too old by then are concluded as expired                                              |

Of plans that wait here for a free hand the one of the lowest risk is begun first (`risk_of`).
"""

import asyncio
import contextlib
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog
from nats.aio.msg import Msg

from pipeline.costs import CostRates, Costs, costs_of_plan
from pipeline.executor.begun import Begun
from pipeline.executor.claims import Claims
from pipeline.executor.guards import Guards, guard_of
from pipeline.executor.memory import RETURN_GRACE_NS
from pipeline.executor.paper import UNAVAILABLE, Venue
from pipeline.executor.result import Ending, abandoned, failed, refused, result_of
from pipeline.executor.results import Results
from pipeline.trading_gate import TradeGate
from quote_core.bus import Bus, Consumer
from quote_core.bus.client_errors import upstream_errors
from quote_core.bus.concurrent_pull import ConcurrentPull, Hand, PullFigures
from quote_core.bus.stage import bury
from quote_core.clock import Clock
from quote_core.errors import InvalidField, LayoutMismatch, ProviderUnavailable
from quote_core.events import ExecutionMode, ExecutionPlan, ExecutionResult, Outcome, decode, subject_of, view
from quote_core.health import WorkFigures
from quote_core.telemetry import traces
from quote_core.telemetry.histogram import TO_FILL_BOUNDS_S, Histogram
from quote_core.units import NS_PER_S

__all__ = ["ExecutorGate", "Worker", "WorkerCounts", "risk_of"]

BEGUN_RETRY_S: Final = 1.0
OPEN_RETRY_S: Final = 0.2
STORE_GRACE_S: Final = 2.0
"""How long a stop waits for endings to be stored; what the bus does not take meanwhile the next executor owes it."""

INTERNAL: Final = "internal"
"""Begins the reason of a failure that is our own fault."""

_log: Final = structlog.get_logger()


class ExecutorGate(TradeGate, Protocol):
    """What the worker needs of the trading gate."""

    changed: asyncio.Event

    @property
    def allows_finishing(self) -> bool:
        """Whether a plan in hand may still be begun: when REDUCING, too, but not when HALTED."""
        ...


@dataclass(slots=True)
class WorkerCounts:
    """What this executor has done so far."""

    filled: int = 0
    missed: int = 0
    failed: int = 0
    refused: int = 0
    abandoned: int = 0
    concluded_elsewhere: int = 0
    dead: int = 0
    broken: int = 0
    """Failed through our own or a neighbour's fault, not the market's."""
    profit_lamports: int = 0
    """Net, of all results."""
    refused_by: Counter[str] = field(default_factory=Counter)
    """By `guards.GUARD_NAMES`."""

    @property
    def concluded(self) -> int:
        """Plans this executor has given their one result."""
        return self.filled + self.missed + self.failed + self.refused + self.abandoned

    def work(self) -> WorkFigures:
        """The work so far."""
        return WorkFigures.now(handled_total=self.concluded + self.dead, errors_total=self.broken + self.dead)


class Worker:
    """One executor.

    Args:
        bus: Where plans come from.
        consumer: The durable all executors share.
        gate: Whether plans may be begun.
        guards: What refuses a plan by itself.
        claims: What all executors have begun.
        results: Where results go to.
        venue: Where plans are executed.
        rates: What a plan costs beside what it chooses.
        clock: Of ages and events.
        mode: Told in every result.
        name: Which executor this is, told in every result.
        run_id: Which run this is, told in every result.
        concurrency: Plans executed at once; those whose ending is being stored are not.
        in_flight_ns_max: A plan begun is concluded within this time, come what may.
        stop_grace_ns: How long what is in hand may take to end when the process is told to stop.
    """

    def __init__(
        self,
        bus: Bus,
        consumer: Consumer,
        *,
        gate: ExecutorGate,
        guards: Guards,
        claims: Claims,
        results: Results,
        venue: Venue,
        rates: CostRates,
        clock: Clock,
        mode: ExecutionMode,
        name: str,
        run_id: str = "",
        concurrency: int,
        in_flight_ns_max: int,
        stop_grace_ns: int,
    ) -> None:
        self.counts = WorkerCounts()
        self.plan_to_fill_s = Histogram(TO_FILL_BOUNDS_S)
        self.opportunity_to_fill_s = Histogram(TO_FILL_BOUNDS_S)
        self.exposure_lamports = 0
        """What goes into the plans that are being executed now."""
        self._bus = bus
        self._consumer = consumer
        self._gate = gate
        self._guards = guards
        self._claims = claims
        self._results = results
        self._venue = venue
        self._rates = rates
        self._clock = clock
        self._mode = mode
        self._name = name
        self._run_id = run_id
        self._in_flight_ns_max = in_flight_ns_max
        self._stop_grace_s = stop_grace_ns / 1e9
        self._pull = ConcurrentPull(
            bus, consumer, self._handle, concurrency=concurrency, batch_count=max(2, concurrency), rank=risk_of
        )
        self._broken: asyncio.Future[None] | None = None

    @property
    def pull(self) -> PullFigures:
        """What was taken of the consumer."""
        return self._pull.figures

    async def run(self) -> None:
        """Store what is owed from before, then work until cancelled; then finish what is in hand.

        Raises:
            OSError: An ending could not be kept on disk. Without that nothing may be begun.
        """
        self._broken = asyncio.get_running_loop().create_future()
        asking = asyncio.create_task(self._claims.stream_clock.run())
        working = asyncio.create_task(self._work())
        try:
            await asyncio.wait((working, self._broken), return_when=asyncio.FIRST_COMPLETED)
            if self._broken.done():
                self._broken.result()
            working.result()
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await asyncio.shield(self._finish())
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _work(self) -> None:
        await self._results.pay()
        await self._open_claims()
        while True:
            await self._until_gate(is_open=True)
            await self._pull_while_open()

    async def _open_claims(self) -> None:
        while True:
            try:
                return await self._claims.open()
            except ProviderUnavailable as error:
                _log.warning("claims cannot be read yet", reason=str(error))
                await asyncio.sleep(OPEN_RETRY_S)

    async def _until_gate(self, *, is_open: bool) -> None:
        while self._gate.allows_new_trades is not is_open:
            self._gate.changed.clear()
            await self._gate.changed.wait()

    async def _pull_while_open(self) -> None:
        pulling = asyncio.create_task(self._pull.run())
        closing = asyncio.create_task(self._until_gate(is_open=False))
        try:
            await asyncio.wait((pulling, closing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pulling, closing):
                task.cancel()
            outcomes = await asyncio.gather(pulling, closing, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _finish(self) -> None:
        await self._pull.finish(self._stop_grace_s, freed_timeout_s=STORE_GRACE_S)
        await self._results.close()

    async def _handle(self, message: Msg, hand: Hand) -> None:
        try:
            await self._handle_once(message, hand)
        except Exception as error:  # noqa: BLE001  # one plan's trouble is not the others'
            _log.exception("a plan was left unsettled; it will be delivered again")
            if error is self._results.failure and self._broken and not self._broken.done():
                self._broken.set_exception(error)

    async def _handle_once(self, message: Msg, hand: Hand) -> None:
        """What cannot be settled now is delivered again; what no try could settle is a dead letter."""
        try:
            async with asyncio.timeout(self._in_flight_ns_max / 1e9):
                await self._settle(message, hand)
        except (ProviderUnavailable, TimeoutError) as error:
            _log.warning("left unsettled; it will be delivered again", reason=str(error) or type(error).__name__)
        except Exception as error:
            if error is self._results.failure or message.metadata.num_delivered <= self._consumer.retry_count_max:
                raise
            with contextlib.suppress(ProviderUnavailable):
                await self._bury(message, f"{INTERNAL}: {type(error).__name__}: {error}")

    async def _settle(self, message: Msg, hand: Hand) -> None:
        taken_unix_ns = self._clock.unix_ns()
        try:
            plan = decode(message.data)
            subject_of(plan)
        except (LayoutMismatch, InvalidField) as error:
            await self._bury(message, str(error))
            return
        if not isinstance(plan, ExecutionPlan):
            await self._bury(message, f"a {type(plan).__name__} is no plan")
            return
        with traces.processing(message.subject, plan.header):
            await self._settle_plan(message, plan, hand, taken_unix_ns=taken_unix_ns)

    async def _settle_plan(self, message: Msg, plan: ExecutionPlan, hand: Hand, *, taken_unix_ns: int) -> None:
        result = self._results.owed(plan.header.event_id)
        if result is None:
            if not self._gate.allows_finishing or self._results.is_full:
                await _hand_back(message, delay_s=BEGUN_RETRY_S if self._results.is_full else None)
                return
            ending = await self._conclude(message, plan, hand)
            if ending is None:
                return
            result = self._result(plan, ending, taken_unix_ns=taken_unix_ns)
            self._claims.ended(result)
        traces.annotate({"solquote.outcome": result.outcome.name, "solquote.profit_lamports": result.profit_lamports})
        hand.free()  # it has ended: that this is stored and told keeps no plan waiting
        await self._store(result)
        with upstream_errors():
            await message.ack()

    async def _conclude(self, message: Msg, plan: ExecutionPlan, hand: Hand) -> Ending | None:
        """How the plan ends here; `None` when that is not for us to say, and the message is seen to."""
        refusal = self._guards.refusal(plan, age_ns=self._age_ns(message, plan))
        if refusal is not None:
            begun = await self._claims.begun(plan)
            return refused(refusal) if begun is None else await self._conclude_begun(message, plan, begun, hand)
        answer = await self._claims.begin(plan)
        if isinstance(answer, Begun):
            return await self._conclude_begun(message, plan, answer, hand)
        refusal = answer or self._late_refusal(message, plan)
        return refused(refusal) if refusal is not None else await self._execute(plan)

    def _late_refusal(self, message: Msg, plan: ExecutionPlan) -> str | None:
        """A claim takes as long as the bus takes; meanwhile the plan has grown older, or trading was stopped."""
        if not self._gate.allows_finishing:
            return "stopped: trading was stopped before it began"
        return self._guards.expiry(plan, age_ns=self._age_ns(message, plan))

    def _age_ns(self, message: Msg, plan: ExecutionPlan) -> int:
        stored_unix_ns = int(message.metadata.timestamp.timestamp() * 1e9)
        return self._claims.now().age_ns(plan.created, stored_unix_ns=stored_unix_ns)

    async def _execute(self, plan: ExecutionPlan) -> Ending:
        self.exposure_lamports += plan.amount_in
        try:
            with traces.doing("fill", {"solquote.mode": self._mode.name.lower(), "solquote.pair": plan.pair}):
                return await self._venue.execute(plan)
        except Exception as error:  # noqa: BLE001  # a plan taken must end in a result, also when the executor is at fault
            _log.exception("execution raised", plan=plan.header.event_id.hex())
            return failed(self._costs(plan), f"{INTERNAL}: {type(error).__name__}", reached_chain=False)
        finally:
            self.exposure_lamports -= plan.amount_in

    async def _conclude_begun(self, message: Msg, plan: ExecutionPlan, begun: Begun, hand: Hand) -> Ending | None:
        """See the module's first table, from its second line on."""
        stored = await self._results.stored(plan)
        if stored is not None:
            self.counts.concluded_elsewhere += stored.executor != self._name
            with upstream_errors():
                await message.ack()
            return None
        begun_ns = self._claims.now().since_begun_ns(begun)
        patience_ns = self._in_flight_ns_max + RETURN_GRACE_NS
        if begun_ns <= patience_ns or self._claims.stream_clock.answering_ns() <= RETURN_GRACE_NS:
            await _hand_back(message, delay_s=BEGUN_RETRY_S)
            return None
        self._results.take_over()
        if self._results.owed(plan.header.event_id) is not None:
            await self._settle(message, hand)
            return None
        return abandoned(begun.claim.executor)

    def _result(self, plan: ExecutionPlan, ending: Ending, *, taken_unix_ns: int) -> ExecutionResult:
        return result_of(
            plan,
            ending,
            self._costs(plan),
            mode=self._mode,
            executor=self._name,
            taken_unix_ns=taken_unix_ns,
            clock=self._clock,
            run_id=self._run_id,
        )

    def _costs(self, plan: ExecutionPlan) -> Costs:
        return costs_of_plan(plan, self._rates)

    async def _store(self, result: ExecutionResult) -> None:
        if await self._results.store(result):
            self._count(result)
        else:
            self.counts.concluded_elsewhere += 1

    def _count(self, result: ExecutionResult) -> None:
        counts = self.counts
        counts.profit_lamports += result.profit_lamports
        match result.outcome:
            case Outcome.FILLED:
                counts.filled += 1
                self.plan_to_fill_s.observe_traced(_since_s(result, result.plan_created_unix_ns))
                self.opportunity_to_fill_s.observe_traced(_since_s(result, result.opportunity_created_unix_ns))
            case Outcome.MISSED:
                counts.missed += 1
            case Outcome.FAILED:
                counts.failed += 1
                counts.broken += result.reason.startswith((INTERNAL, UNAVAILABLE))
            case Outcome.REFUSED:
                counts.refused += 1
                counts.refused_by[guard_of(result.reason)] += 1
            case Outcome.ABANDONED:
                counts.abandoned += 1
        _log.info(
            "concluded",
            plan=result.plan_id.hex(),
            pair=result.pair,
            outcome=result.outcome.name,
            profit_lamports=result.profit_lamports,
            reason=result.reason,
        )

    async def _bury(self, message: Msg, reason: str) -> None:
        _log.error("dead letter", subject=message.subject, reason=reason)
        await bury(self._bus, self._consumer, message, reason)
        self.counts.dead += 1


def risk_of(message: Msg) -> float:
    """A plan's priority among those that wait here: the less risky is begun first. What is no plan costs no time."""
    try:
        seen = view(message.data)
        risk = seen["risk_score"] if seen.event is ExecutionPlan else -math.inf
    except LayoutMismatch:
        return -math.inf
    return math.inf if math.isnan(risk) else risk


def _since_s(result: ExecutionResult, unix_ns: int) -> float:
    return max(0, result.finished_unix_ns - unix_ns) / NS_PER_S


async def _hand_back(message: Msg, *, delay_s: float | None) -> None:
    with upstream_errors():
        await message.nak(delay=delay_s)
