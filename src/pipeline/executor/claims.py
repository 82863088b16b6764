"""Claims: what executors have begun, as all of them know it together, so that of two only one begins.

A plan is begun by appending its claim to the stream CLAIMS behind the last claim this executor has read. The stream
checks that and stores in one step; when another executor has claimed meanwhile, what it claimed is read first and the
question asked again. So every claim is made in full knowledge of all before it, and one message is all four guards:

| a claim says             | so that                                                             |
|--------------------------|---------------------------------------------------------------------|
| this plan is begun       | it is never begun again, by whomever it is delivered to             |
| its opportunity is taken | another plan for it is a duplicate                                  |
| its pools are traded     | they rest: the gap a plan was made for is the one its trade closes  |
| so much is at stake      | all executors together keep below the hard stops (`hard_stops`)     |

Claims of one executor do not wait for each other's confirmation: each is sent behind the one before it, on condition
that this one is the stream's last message, by its id. If one is refused, so are all sent behind it, and each is judged
again. Of what a claim still on its way might forbid nothing is said before that claim has landed.

A claim that cannot be stored begins nothing. Opportunities and pools are remembered by the last `REMEMBERED_COUNT_MAX`
of them and from at most `REMEMBERED_NS` before the start; whether a plan was begun is asked of the stream itself.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from pipeline.executor.begun import Begun, Now
from pipeline.executor.hard_stops import HardStops
from pipeline.executor.memory import REMEMBERED_COUNT_MAX, REMEMBERED_NS
from quote_core.bus import Bus
from quote_core.bus.follow import read_to_end
from quote_core.bus.register import append_if_last_is, event_of, read_newest_on, read_next
from quote_core.bus.stream_clock import StreamClock, state_of_stream
from quote_core.clock import AGE_UNKNOWN_NS, NO_MOMENT, Clock, Moment, moment
from quote_core.errors import ProviderUnavailable
from quote_core.events import Claim, Event, ExecutionPlan, ExecutionResult, Stream, stamp, subject_of
from quote_core.telemetry.traces import created_in
from quote_core.units import Pubkey

__all__ = ["ClaimBook", "Claims"]

FLIGHT_COUNT_MAX: Final = 32
"""Claims on their way at once. Of several executors one's claim voids all that others have on their way, so after a
refusal it is one, and one more with each that is stored."""

ONE_BY_ONE_COUNT_MAX: Final = 64
"""Missed claims read one by one; behind by more, all of lately is read again at once."""

_Key = TypeVar("_Key", bound=Hashable)


@dataclass(eq=False, slots=True)
class _Flight:
    """A claim on its way.

    Attributes:
        claim: What it claims.
        sequence: What it has in the stream if it is stored.
        known_mono_ns: When it took off.
        is_over: Whether the stream has answered, or will not be listened to any more.
        settled: Set when it is known whether it is in the book, or nothing is on its way that could tell.
        is_stored: Whether it is in the book.
    """

    claim: Claim
    sequence: int
    known_mono_ns: int
    is_over: bool = False
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    is_stored: bool = False


class ClaimBook:
    """What was claimed lately, and what of it forbids a new claim. Knows no stream and no clock."""

    def __init__(self, *, pool_rest_ns: int) -> None:
        self._pool_rest_ns = pool_rest_ns
        self._by_plan: OrderedDict[bytes, Begun] = OrderedDict()
        self._by_opportunity: OrderedDict[bytes, Begun] = OrderedDict()
        self._by_pool: OrderedDict[Pubkey, Begun] = OrderedDict()

    def add(self, begun: Begun) -> None:
        """Take the next claim of the stream."""
        claim = begun.claim
        _remember(self._by_plan, claim.plan_id, begun)
        _remember(self._by_opportunity, claim.opportunity_id, begun)
        for hop in claim.hops:
            _remember(self._by_pool, hop.pool_id, begun)

    def of_plan(self, plan_id: bytes) -> Begun | None:
        """The claim that began a plan, if it is remembered."""
        return self._by_plan.get(plan_id)

    def conflict(self, plan: ExecutionPlan, now: Now) -> str | None:
        """Why a plan that nobody has begun must not be begun now; `None` = it may."""
        taken = self._by_opportunity.get(plan.opportunity_id)
        if taken is not None:
            return f"duplicate: plan {taken.claim.plan_id.hex()} was for the same opportunity"
        for hop in plan.hops:
            traded = self._by_pool.get(hop.pool_id)
            if traded is not None and (since_ns := now.since_begun_ns(traded)) < self._pool_rest_ns:
                return f"duplicate: pool {hop.pool_id} was traded {since_ns // 1_000_000} ms ago"
        return None


def _remember(remembered: OrderedDict[_Key, Begun], key: _Key, begun: Begun) -> None:
    remembered[key] = begun
    remembered.move_to_end(key)
    if len(remembered) > REMEMBERED_COUNT_MAX:
        remembered.popitem(last=False)


class Claims:
    """The book, kept with the stream.

    Args:
        bus: Where the stream is.
        clock: This host's.
        executor: Who claims.
        pool_rest_ns: How long a pool just traded rests.
        stops: Told of every claim; what they forbid is not begun.
    """

    def __init__(self, bus: Bus, *, clock: Clock, executor: str, pool_rest_ns: int, stops: HardStops) -> None:
        self.stream_clock = StreamClock(bus, Stream.CLAIMS, clock=clock)
        self._bus = bus
        self._clock = clock
        self._executor = executor
        self._pool_rest_ns = pool_rest_ns
        self._stops = stops
        self._book = ClaimBook(pool_rest_ns=pool_rest_ns)
        self._last_sequence = 0
        self._flights: list[_Flight] = []
        """In the order they were sent; one that is over stays while another behind it may prove that it was stored."""
        self._flight_count_max = FLIGHT_COUNT_MAX
        self._is_behind = False
        """Whether a claim was refused since what others have claimed was read."""
        self._one_at_a_time = asyncio.Lock()

    async def open(self) -> None:
        """Read what was claimed lately.

        Raises:
            ProviderUnavailable: NATS, or the stream, is not there.
        """
        await self.stream_clock.ask()
        state = await state_of_stream(self._bus, Stream.CLAIMS)
        self._book = ClaimBook(pool_rest_ns=self._pool_rest_ns)
        self._stops.forget_begun()
        self._last_sequence = state.last_sequence
        since_unix_ns = max(0, state.unix_ns - REMEMBERED_NS)
        async for message in read_to_end(self._bus, Stream.CLAIMS, since_unix_ns=since_unix_ns):
            self._add(message.sequence, message.stored_unix_ns, event_of(message.data))

    def now(self) -> Now:
        """The present, for ages."""
        return Now(moment(self._clock), self.stream_clock.unix_ns())

    async def begin(self, plan: ExecutionPlan) -> Begun | str | None:
        """Claim a plan.

        Returns:
            `None` when this call has claimed it; why it must not be begun; or the claim that began it before.

        Raises:
            ProviderUnavailable: The claim is not confirmed, so nothing may be begun.
        """
        while True:
            async with self._one_at_a_time:
                before = await self._judge(plan)
                if before is not None:
                    return before
                after = self._flights[-1] if self._flights else None
                flight = self._take_off(plan)
            if await self._is_stored(flight, after):
                return None

    async def begun(self, plan: ExecutionPlan) -> Begun | None:
        """The claim that began a plan, whoever made it and whenever the stream still keeps it.

        Raises:
            ProviderUnavailable: It cannot be known.
        """
        known = self._book.of_plan(plan.header.event_id)
        if known is not None:
            return known
        subject = subject_of(self._claim(plan, NO_MOMENT))
        stored = await read_newest_on(self._bus, Stream.CLAIMS, subject)
        if stored is None or not isinstance(stored.event, Claim):
            return None
        return Begun(stored.event, stored.unix_ns, self._clock.mono_ns())

    def ended(self, result: ExecutionResult) -> None:
        """A plan has ended, whoever executed it; may be told twice."""
        self._stops.ended(result)

    def _claim(self, plan: ExecutionPlan, begun: Moment) -> Claim:
        # What a plan's first hop says it takes is its own word; what is traded is the plan's amount.
        hops = (replace(plan.hops[0], input_amount=plan.amount_in), *plan.hops[1:]) if plan.hops else ()
        return Claim(
            header=stamp(self._clock, slot=plan.header.slot, trace=created_in(plan.header.trace)),
            plan_id=plan.header.event_id,
            opportunity_id=plan.opportunity_id,
            hops=hops,
            executor=self._executor,
            begun=begun,
        )

    async def _judge(self, plan: ExecutionPlan) -> Begun | str | None:
        """As `begin`; `None` = it may take off now, whatever becomes of what is on its way."""
        while True:
            if self._is_behind and not self._flights:
                await self._catch_up()
                self._is_behind = False
            now = self.now()
            before = (
                self._book.of_plan(plan.header.event_id)
                or self._book.conflict(plan, now)
                or self._stops.refusal(plan, now)
            )
            if before is not None:
                return before
            flight = self._in_the_way(plan, now)
            if flight is None:
                return None
            await flight.settled.wait()

    def _in_the_way(self, plan: ExecutionPlan, now: Now) -> _Flight | None:
        """What has to land before this plan can take off."""
        pools = {hop.pool_id for hop in plan.hops} if self._pool_rest_ns else set()
        for flight in self._flights:
            claim = flight.claim
            if (
                claim.plan_id == plan.header.event_id
                or claim.opportunity_id == plan.opportunity_id
                or any(hop.pool_id in pools for hop in claim.hops)
            ):
                return flight
        if self._flights and (
            self._is_behind
            or len(self._flights) >= self._flight_count_max
            or self._stops.refusal(plan, now, under_way=[flight.claim for flight in self._flights]) is not None
        ):
            return self._flights[0]
        return None

    def _take_off(self, plan: ExecutionPlan) -> _Flight:
        here = moment(self._clock)
        last_sequence = self._flights[-1].sequence if self._flights else self._last_sequence
        flight = _Flight(self._claim(plan, here), last_sequence + 1, here.mono_ns)
        self._flights.append(flight)
        return flight

    async def _is_stored(self, flight: _Flight, after: _Flight | None) -> bool:
        """Send a claim and hear of it; False = another executor has claimed before it.

        Raises:
            ProviderUnavailable: It is not known, and no claim behind it has told.
        """
        try:
            sequence = await append_if_last_is(
                self._bus, flight.claim, sequence=flight.sequence - 1, after=after.claim if after else None
            )
        except ProviderUnavailable:
            if flight.is_stored:
                return True
            raise
        else:
            if sequence is not None:
                self._land(flight)
            else:
                self._is_behind, self._flight_count_max = True, 1
            return flight.is_stored
        finally:
            flight.is_over = True
            if all(other.is_over for other in self._flights):
                self._settle(len(self._flights))

    def _land(self, flight: _Flight) -> None:
        """A claim is stored, and so is each that it was sent behind."""
        if flight.is_stored:
            return
        count = self._flights.index(flight) + 1
        for stored in self._flights[:count]:
            stored.is_stored = True
            self._last_sequence = stored.sequence
            self._note(Begun(stored.claim, AGE_UNKNOWN_NS, stored.known_mono_ns))
        self._flight_count_max = min(FLIGHT_COUNT_MAX, self._flight_count_max + count)
        self._settle(count)

    def _settle(self, count: int) -> None:
        for flight in self._flights[:count]:
            flight.settled.set()
        del self._flights[:count]

    async def _catch_up(self) -> None:
        """Read what others have claimed; a stream that has less than was read is another one, and read anew."""
        state = await state_of_stream(self._bus, Stream.CLAIMS)
        if state.last_sequence == self._last_sequence:  # it was refused with the one it was sent behind, which was lost
            return
        if not 0 < state.last_sequence - self._last_sequence <= ONE_BY_ONE_COUNT_MAX:
            await self.open()
            return
        while self._last_sequence < state.last_sequence:
            message = await read_next(self._bus, Stream.CLAIMS, after=self._last_sequence)
            if message is None:  # what was claimed has aged out since
                self._last_sequence = state.last_sequence
                return
            self._add(message.sequence, message.unix_ns, message.event)

    def _add(self, sequence: int, stored_unix_ns: int, event: Event | None) -> None:
        self._last_sequence = max(self._last_sequence, sequence)
        if isinstance(event, Claim):
            self._note(Begun(event, stored_unix_ns, self._clock.mono_ns()))

    def _note(self, begun: Begun) -> None:
        self._book.add(begun)
        self._stops.began(begun)
