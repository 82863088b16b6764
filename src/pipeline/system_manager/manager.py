"""The manager at work: vouches for the latched state every half second, and trips it when a rule says so.

A heartbeat is sent only right after the stream was read, and bears the time before the reading: a manager that cannot
read the latch, has a stop that is not stored yet, or stood still meanwhile vouches for nothing, and the gates close.
So does one that finds another manager registered on its bus.
Nor does it vouch before its rules have read the results of before they began.

A release is a person's and goes through only when no rule triggers that they have not named. A rule that trips while
one is under way stops it, though what was latched is as strict: it is decided on all that is known when it is stored.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from pipeline.system_manager.acknowledgements import Acknowledgement, Acknowledgements
from pipeline.system_manager.change import SwitchChange, stricter
from pipeline.system_manager.checkpoint import CheckpointFile
from pipeline.system_manager.latch import Latch, NotYetStored, released_unix_ns
from pipeline.system_manager.limits import RuleName
from pipeline.system_manager.registration import Registration
from pipeline.system_manager.result_watch import ResultWatch
from pipeline.system_manager.rules import Rules, Trip
from quote_core.bus import Bus
from quote_core.bus.follow import follow
from quote_core.clock import Clock, moment
from quote_core.errors import LayoutMismatch, ProviderUnavailable
from quote_core.events import (
    KILL_SWITCH_HEARTBEAT,
    Event,
    KillSwitch,
    PnlSnapshot,
    ServiceHealth,
    StopRequest,
    Stream,
    TradingState,
    decode,
    kind_of,
    subjects_of,
)

__all__ = ["Manager", "ManagerFigures", "StillTriggering"]

CHANGE_TIMEOUT_S: Final = 3.0
LEAVE_TIMEOUT_S: Final = 0.5

_log: Final = structlog.get_logger()


class StillTriggering(Exception):  # answered with 409 where it is caught, in http_api; no other package sees it
    """A release was asked for while rules say stop that whoever asks has not named.

    Attributes:
        trips: Of these rules.
    """

    def __init__(self, trips: tuple[Trip, ...]) -> None:
        told = "; ".join(f"{trip.rule} ({trip.reason})" for trip in trips)
        super().__init__(f"rules still trigger: {told}. Release when they are clear, or force each by its name")
        self.trips = trips


@dataclass(slots=True)
class ManagerFigures:
    """What was done since the start."""

    heartbeat_count: int = 0
    trips: Counter[str] = field(default_factory=Counter)
    """By rule."""
    malformed_count: int = 0
    """Messages read by the rules that are no events."""


class Manager:
    """Everything but HTTP; what the API calls is `look`, `change` and `finding`."""

    def __init__(
        self,
        rules: Rules,
        latch: Latch,
        registration: Registration,
        checkpoint: CheckpointFile,
        *,
        clock: Clock,
        heartbeat_interval_ns: int,
        rate_window_ns: int,
    ) -> None:
        self._latch = latch
        self._registration = registration
        self._rules = rules
        self._clock = clock
        self._heartbeat_interval_ns = heartbeat_interval_ns
        self._rate_window_ns = rate_window_ns
        self._news = asyncio.Event()
        self._settled = asyncio.Event()
        self.figures = ManagerFigures()
        self._vouched_mono_ns: int | None = None
        self._armed_unix_ns: int | None = None
        self._releases_under_way = 0
        self._acknowledgements = Acknowledgements()
        self._results = ResultWatch(
            rules, checkpoint, clock=clock, on_trip=self._stop, on_malformed=self._note_malformed
        )
        self.finding = "NATS is not connected"
        """What keeps the manager from vouching for the switch; empty when all is well."""

    @property
    def held(self) -> KillSwitch | None:
        """What was latched when last looked."""
        return self._latch.held

    @property
    def results_read_count(self) -> int:
        """Results that the rules have read from EXECUTED since this process began."""
        return self._results.read_count

    @property
    def silence_ns(self) -> int | None:
        """Since the bus last confirmed what is latched, and it was vouched for; `None` before the first time."""
        return None if self._vouched_mono_ns is None else self._clock.mono_ns() - self._vouched_mono_ns

    @property
    def keeps_stop(self) -> bool:
        """Whether there is a stop that the stream does not have yet."""
        return self._latch.unstored_stop is not None

    def acknowledgements(self, revision: int) -> tuple[Acknowledgement, ...]:
        """What each trading process has to say of this revision of the switch."""
        return self._acknowledgements.of(revision, now_unix_ns=self._clock.unix_ns())

    def triggering(self) -> tuple[Trip, ...]:
        """Every rule that says stop now; a release has to name each."""
        return self._rules.triggering(self._clock.unix_ns())

    async def run(self, bus: Bus) -> None:
        """Work until cancelled."""
        self.finding = "the SYSTEM stream is not there"
        await bus.wait_for_stream(Stream.SYSTEM)
        self._registration.attach(bus)
        self._latch.attach(bus)
        await bus.listen(kind_of(KillSwitch).subject, self._on_push)
        await bus.listen(kind_of(StopRequest).subject, self._on_request)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._vouch(bus))
                tasks.create_task(self._watch(bus))
        finally:
            # A task of its own, since the bus raises in one that is being cancelled.
            await asyncio.shield(asyncio.create_task(self._leave()))

    async def look(self) -> KillSwitch:
        """Read what is latched.

        Raises:
            AnotherManager: The bus has another manager, and what is latched is for that one to put right.
            ProviderUnavailable: The stream does not answer.
        """
        async with _within(CHANGE_TIMEOUT_S):
            await self._registration.hold()
            return await self._latch.look()

    async def change(self, wanted: SwitchChange, *, forced: Collection[RuleName] = ()) -> KillSwitch:
        """Latch another state, and tell every gate. A stop is kept from the call on, and written until it is stored.

        Args:
            wanted: The state, and who wants it.
            forced: Rules that may trigger and trading is released all the same.

        Raises:
            StillTriggering: A release, and other rules trigger.
            NotYetStored: A stop is kept, and the stream has not confirmed it; nothing is vouched for until it has.
            ProviderUnavailable: The stream has not confirmed a release.
            ChangedMeanwhile: A release met a newer stop.
            AnotherManager: The bus has another manager, which alone releases.
        """
        if stricter(wanted.state, TradingState.ACTIVE):
            event = await self._stopped(wanted)
        else:
            event = await self._released(wanted, forced)
        self._news.set()
        return event

    async def _released(self, wanted: SwitchChange, forced: Collection[RuleName]) -> KillSwitch:
        self._releases_under_way += 1
        try:
            async with _within(CHANGE_TIMEOUT_S):
                await self._registration.hold()
                self._results.require_recalled()
                triggering = self.triggering()
                others = tuple(trip for trip in triggering if trip.rule not in forced)
                if others:
                    raise StillTriggering(others)
                event = await self._latch.release(wanted.forcing([trip.rule for trip in triggering]))
                self._arm(event)
                return event
        finally:
            self._releases_under_way -= 1

    async def _leave(self) -> None:
        """Make room for another manager, unless this one keeps a stop that the stream does not have."""
        if self._latch.unstored_stop is None:
            with contextlib.suppress(ProviderUnavailable):
                async with _within(LEAVE_TIMEOUT_S):
                    await self._registration.leave()

    async def _stopped(self, wanted: SwitchChange) -> KillSwitch:
        try:
            async with _within(CHANGE_TIMEOUT_S):
                return await self._latch.stop(wanted)
        except ProviderUnavailable as error:
            kept = self._latch.unstored_stop or self.held
            assert kept is not None  # what was asked for is either not stored yet, or held by now
            self.finding = f"a stop is not stored yet: {error.reason}"
            self._news.set()
            raise NotYetStored(kept, error, is_on_disk=await self._latch.is_on_disk()) from None

    def _on_push(self, event: Event) -> None:
        held = self.held
        if held is None or held.header.event_id != event.header.event_id:
            self._news.set()

    def _on_request(self, event: Event) -> None:
        if isinstance(event, StopRequest):
            self._latch.heard(event)
        self._news.set()

    async def _vouch(self, bus: Bus) -> None:
        while True:
            self._news.clear()
            began = moment(self._clock)
            try:
                event = await self.look()
                self._arm(event)
                self._results.require_recalled()
                if self._latch.unstored_stop is None:
                    await bus.push(replace(event, sent=began), subject=KILL_SWITCH_HEARTBEAT)
                    self._note_vouched()
            except (ProviderUnavailable, LayoutMismatch) as error:
                self.finding = str(error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._heartbeat_interval_ns / 1e9):
                    await self._news.wait()

    def _note_vouched(self) -> None:
        self.finding = ""
        self.figures.heartbeat_count += 1
        self._vouched_mono_ns = self._clock.mono_ns()

    def _note_malformed(self) -> None:
        self.figures.malformed_count += 1

    def _arm(self, event: KillSwitch) -> None:
        """A release, and the first look after a start, make the rules count from the last release.

        A state that was only written again began when it began.
        """
        since_unix_ns = released_unix_ns(event)
        is_release = event.state is TradingState.ACTIVE and since_unix_ns != self._armed_unix_ns
        if is_release or self._armed_unix_ns is None:
            self._armed_unix_ns = since_unix_ns
            self._rules.rearm(self._since_unix_ns())
        self._settled.set()

    def _since_unix_ns(self) -> int:
        """When trading was released; not later than now, or a clock that was set back would hide what comes."""
        assert self._armed_unix_ns is not None
        return min(self._armed_unix_ns, self._clock.unix_ns())

    async def _watch(self, bus: Bus) -> None:
        """Judge results, and what services and auditor have reported since the release, a window back at most."""
        await self._settled.wait()
        since_unix_ns = max(self._since_unix_ns(), self._clock.unix_ns() - self._rate_window_ns)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._results.run(bus, on_recalled=self._news.set))
            tasks.create_task(self._judge(bus, PnlSnapshot, since_unix_ns=since_unix_ns))
            tasks.create_task(self._judge(bus, ServiceHealth, since_unix_ns=since_unix_ns))

    async def _judge(self, bus: Bus, kind: type[PnlSnapshot | ServiceHealth], *, since_unix_ns: int) -> None:
        async for batch in follow(bus, Stream.METRICS, subjects=[subjects_of(kind)], since_unix_ns=since_unix_ns):
            for message in batch:
                try:
                    trip = self._trip_of(decode(message.data))
                except LayoutMismatch as error:
                    _log.warning("not an event", subject=message.subject, reason=str(error))
                    self._note_malformed()
                    continue
                if trip is not None:
                    await self._stop(trip)

    def _trip_of(self, event: Event) -> Trip | None:
        match event:
            case ServiceHealth():
                self._acknowledgements.take(event)
                return self._rules.judge_health(event)
            case PnlSnapshot():
                return self._rules.judge_pnl(event)
            case _:
                return None

    async def _stop(self, trip: Trip) -> None:
        """Trip the switch, however long the bus takes: while it is away the gates are closed anyway."""
        held = self.held
        if held is not None and held.state is TradingState.HALTED and not self._releases_under_way:
            return
        self.figures.trips[trip.rule] += 1
        while True:
            try:
                await self.change(SwitchChange(TradingState.HALTED, trip.rule, trip.reason, actor=f"rule {trip.rule}"))
            except ProviderUnavailable as error:
                _log.error("a rule tripped and the bus does not take it", rule=trip.rule, reason=str(error))
                await asyncio.sleep(self._heartbeat_interval_ns / 1e9)
            else:
                return


@contextlib.asynccontextmanager
async def _within(timeout_s: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError:
        raise ProviderUnavailable("kill switch", f"the bus has not confirmed within {timeout_s:g} s") from None
