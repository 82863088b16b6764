"""The kill switch as it is latched: the last KillSwitch event of the SYSTEM stream, and the rules for changing it.

The manager alone writes that event. Everybody else stops trading with a StopRequest, which the latch takes into account
when it sees one stored later than `stops_seen` of the event; gates keep closed until it has. So a stop is never lost
to a release that was written at the same moment, nor to the manager being away.

| found on the stream               | witness             | then                                                     |
|-----------------------------------|---------------------|----------------------------------------------------------|
| nothing                           | none                | first start: ACTIVE is written                           |
| nothing (expired, store lost)     | an event            | that event's state is written again                      |
| nothing                           | unreadable          | HALTED is written                                        |
| bytes that are no event           | any                 | HALTED is written                                        |
| the witness's event               |                     | it holds                                                 |
| any event                         | none, or unreadable | it holds, if its revision is within bounds; else a stop  |
|                                   |                     | is written again, and for anything else HALTED           |
| another event, stricter           | an event            | it holds if its revision is the next, else written again |
| another event, as strict or less  | an event            | the witness's state is written: nobody else releases     |
| an event that grows old           | any                 | its state is written again, before the stream drops it   |

On top of that, a stop that is not stored yet, and a stop request not yet taken into account, are written if stricter.

The witness is the last event written or seen, in memory and in a file beside the token. A stop is in it before the bus
has confirmed anything, a release only after. So a state latched outlives the loss of the bus's store, a stop outlives
the loss of the bus, and what anybody else publishes on the latch can close and never open. Every write names the
sequence it replaces. A stop looks and tries again until it is stored; a release that met a stop is handed back to the
person who asked for it.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from pipeline.system_manager.change import (
    FIRST_START,
    UNREADABLE,
    UNREADABLE_STOP,
    SwitchChange,
    again,
    asked_on_the_bus,
    stricter,
)
from pipeline.system_manager.witness import Witness
from quote_core.bus import Bus
from quote_core.bus.register import Stored, read_newest, write_if_newest_is
from quote_core.clock import Clock, moment
from quote_core.errors import ProviderUnavailable
from quote_core.events import REVISION_MAX, KillSwitch, StopRequest, TradingState, stamp

__all__ = ["ChangedMeanwhile", "Latch", "NotYetStored", "released_unix_ns", "settled"]

TRIES_MAX: Final = 10
"""Other writers a look may lose against before it is reported as failed."""

_log: Final = structlog.get_logger(part="latch")


class ChangedMeanwhile(Exception):  # answered with 409 where it is caught, in http_api; no other package sees it
    """A release met a stop that the person who asked for it cannot have seen."""

    def __init__(self, now: KillSwitch) -> None:
        super().__init__(f"the kill switch was changed meanwhile, it is {now.state.name}: {now.reason}")
        self.now = now


class NotYetStored(ProviderUnavailable):
    """A stop is kept and will be written; the bus has not confirmed it yet.

    Attributes:
        event: The stop.
        is_on_disk: Whether the witness has it, so that it outlives the manager.
    """

    def __init__(self, event: KillSwitch, why: ProviderUnavailable, *, is_on_disk: bool) -> None:
        super().__init__(why.provider, why.reason)
        self.event = event
        self.is_on_disk = is_on_disk


def settled(
    stored: Stored | None,
    request: Stored | None,
    *,
    witness: KillSwitch | SwitchChange | None,
    stop: KillSwitch | None = None,
) -> KillSwitch | SwitchChange:
    """Apply the module's table, but for age: the event that holds, or the change to write.

    Args:
        stored: Newest on the latch's subject.
        request: Newest stop request.
        witness: The last event written or seen, `UNREADABLE` where its file is, or `None` where there is none.
        stop: A stop not stored yet.
    """
    found = _held(stored, witness)
    if stop is not None and stricter(stop.state, found.state):
        found = again(stop)
    if request is not None and request.sequence > _stops_seen(stored, witness):
        asked = asked_on_the_bus(request.event) if isinstance(request.event, StopRequest) else UNREADABLE_STOP
        if stricter(asked.state, found.state):
            found = asked
    return found


def released_unix_ns(event: KillSwitch) -> int:
    """When trading was last released, as far as `event` tells; 0 = it does not."""
    return event.changed_unix_ns if event.state is TradingState.ACTIVE else event.released_unix_ns


def _held(stored: Stored | None, witness: KillSwitch | SwitchChange | None) -> KillSwitch | SwitchChange:
    if stored is None:
        if witness is None:
            return FIRST_START
        return witness if isinstance(witness, SwitchChange) else again(witness)
    event = stored.event
    if not isinstance(event, KillSwitch):
        return UNREADABLE
    return _believed(event, witness if isinstance(witness, KillSwitch) else None)


def _believed(event: KillSwitch, witness: KillSwitch | None) -> KillSwitch | SwitchChange:
    if witness is None:
        if 1 <= event.revision <= REVISION_MAX:
            return event
        return again(event) if stricter(event.state, TradingState.ACTIVE) else UNREADABLE
    if event.header.event_id == witness.header.event_id:
        return event
    if not stricter(event.state, witness.state):
        return again(witness)
    return event if event.revision == witness.revision + 1 else again(event)


def _stops_seen(stored: Stored | None, witness: KillSwitch | SwitchChange | None) -> int:
    """Up to which sequence stop requests count as taken; of two that say so, the one that says less is believed."""
    if stored is None or not isinstance(stored.event, KillSwitch):
        return 0
    if isinstance(witness, KillSwitch):
        return min(stored.event.stops_seen, witness.stops_seen)
    return stored.event.stops_seen


@dataclass(frozen=True, slots=True)
class _Look:
    event: KillSwitch
    sequence: int
    stops_seen: int
    met_a_stop: bool
    """A stop request was found that had not been seen before."""


class Latch:
    """Reads and changes what is latched. One change at a time in this process; the stream orders the processes.

    It keeps stops from its beginning on, and writes them from `attach` on.
    """

    def __init__(self, *, clock: Clock, witness: Witness, restate_after_ns: int) -> None:
        self._bus: Bus | None = None
        self._clock = clock
        self._file = witness
        self._restate_after_ns = restate_after_ns
        self._changing = asyncio.Lock()
        self._witness = witness.load()
        self._stop: KillSwitch | None = None
        self._last: _Look | None = None
        self._request_met = b""
        self._asked_count = 0
        self.held: KillSwitch | None = None
        """What the stream held when last looked at."""

    def attach(self, bus: Bus) -> None:
        """From now on there is a bus to write to."""
        self._bus = bus

    @property
    def unstored_stop(self) -> KillSwitch | None:
        """A stop that the stream has not confirmed; while there is one, nothing may be vouched for."""
        return self._stop

    async def look(self) -> KillSwitch:
        """Read what is latched, having put it right where the table says so.

        Raises:
            ProviderUnavailable: The stream cannot be read or written now.
        """
        async with self._changing:
            return (await self._look()).event

    async def stop(self, wanted: SwitchChange) -> KillSwitch:
        """Latch `wanted`, or leave what is as strict; it is kept from the call on, and nothing looser vouched for.

        It is written before anything is read, against what was last seen, and only then with care.

        Raises:
            ProviderUnavailable: Not confirmed by the stream; every further `look` tries again.
        """
        stop = self._keep(wanted)
        saving = asyncio.ensure_future(self._save())
        try:
            last = self._last
            if last is not None and stricter(stop.state, last.event.state):
                await self._write(stop, last.sequence)
            while True:
                found = await self.look()
                if not stricter(wanted.state, found.state):
                    return found
                self._keep(wanted)  # a release was being written just when this stop came
        finally:
            await saving

    def heard(self, request: StopRequest) -> None:
        """A stop request passed by: keep it, whether or not the stream takes it. To be followed by a look."""
        self._request_met = request.header.event_id
        self._keep(asked_on_the_bus(request))

    async def release(self, wanted: SwitchChange) -> KillSwitch:
        """Latch ACTIVE.

        Raises:
            ProviderUnavailable: Not confirmed by the stream; a write that was not confirmed does not count, even if
                it was stored.
            ChangedMeanwhile: A stop came, so near to this that whoever releases cannot have known of it.
        """
        asked_count, met_a_stop = self._asked_count, self._stop is not None
        async with self._changing:
            look = await self._look()
            if met_a_stop or look.met_a_stop or self._asked_count != asked_count:
                raise ChangedMeanwhile(look.event)
            if look.event.state is wanted.state:
                return look.event
            event = self._event(wanted, after=look.event, stops_seen=look.stops_seen)
            await self._write(event, look.sequence)
            now = (await self._look()).event
            if now.header.event_id != event.header.event_id or self._asked_count != asked_count:
                raise ChangedMeanwhile(now)
            return now

    async def is_on_disk(self) -> bool:
        """Whether what is kept is in the witness's file now."""
        return await self._save()

    def _keep(self, wanted: SwitchChange) -> KillSwitch:
        self._asked_count += 1
        if self._stop is None or stricter(wanted.state, self._stop.state):
            last = self._last
            self._stop = self._event(wanted, after=None, stops_seen=last.stops_seen if last else 0)
        return self._stop

    async def _save(self) -> bool:
        """Bring the file up to date: with the stop that is not stored yet, if there is one and it is the stricter."""
        kept, stop = self._witness, self._stop
        if stop is not None and not (isinstance(kept, KillSwitch) and not stricter(stop.state, kept.state)):
            return await self._file.save(stop)
        return await self._file.save(kept) if isinstance(kept, KillSwitch) else False

    async def _look(self) -> _Look:
        bus = self._attached()
        met_a_stop = False
        for _ in range(TRIES_MAX):
            stored, request = await read_newest(bus, KillSwitch), await read_newest(bus, StopRequest)
            met_a_stop |= self._is_news(request, _stops_seen(stored, self._witness))
            found = settled(stored, request, witness=self._witness, stop=self._stop)
            if isinstance(found, KillSwitch) and self._is_old(found):
                found = again(found)
            sequence, stops_seen = (stored.sequence if stored else 0), (request.sequence if request else 0)
            if isinstance(found, KillSwitch):
                self._hold(found)
                self._last = _Look(found, sequence, stops_seen, met_a_stop)
                await self._save()
                return self._last
            last = stored.event if stored and isinstance(stored.event, KillSwitch) else None
            await self._write(self._event(found, after=last, stops_seen=stops_seen), sequence)
        raise ProviderUnavailable("kill switch", f"the latch did not settle within {TRIES_MAX} tries")

    def _is_news(self, request: Stored | None, stops_seen: int) -> bool:
        if request is None or request.sequence <= stops_seen:
            return False
        met = request.event.header.event_id if request.event else str(request.sequence).encode()
        is_news = met != self._request_met
        self._request_met = met
        return is_news

    async def _write(self, event: KillSwitch, sequence: int) -> bool:
        if await write_if_newest_is(self._attached(), event, sequence=sequence) is None:
            return False
        log = _log.info if event.state is TradingState.ACTIVE else _log.warning
        log("latched", state=event.state.name, trigger=event.trigger, reason=event.reason, actor=event.actor)
        self._witness = event
        return True

    def _hold(self, event: KillSwitch) -> None:
        self.held = event
        if not isinstance(self._witness, KillSwitch) or self._witness.header.event_id != event.header.event_id:
            self._witness = event
        if self._stop is not None and not stricter(self._stop.state, event.state):
            self._stop = None

    def _event(self, wanted: SwitchChange, *, after: KillSwitch | None, stops_seen: int) -> KillSwitch:
        header = stamp(self._clock)
        # A state that is only written again keeps the time it began.
        known = [event for event in (self._stop, self._witness, after) if isinstance(event, KillSwitch)]
        began = next((event.changed_unix_ns for event in known if again(event) == wanted), header.created_unix_ns)
        kept = self._witness if isinstance(self._witness, KillSwitch) else after
        released = released_unix_ns(kept) if kept is not None else 0
        return KillSwitch(
            header=header,
            state=wanted.state,
            trigger=wanted.trigger,
            reason=wanted.reason,
            actor=wanted.actor,
            revision=self._last_revision(after) + 1,
            changed_unix_ns=min(began, header.created_unix_ns),
            sent=moment(self._clock),
            stops_seen=stops_seen,
            released_unix_ns=began if wanted.state is TradingState.ACTIVE else released,
        )

    def _last_revision(self, after: KillSwitch | None) -> int:
        """The newest revision that counts; one that another has made up does not."""
        ours = self._witness.revision if isinstance(self._witness, KillSwitch) else None
        if after is None or (ours is not None and after.revision != ours + 1) or after.revision > REVISION_MAX:
            return ours or 0
        return after.revision

    def _attached(self) -> Bus:
        if self._bus is None:
            raise ProviderUnavailable("kill switch", "NATS is not connected")
        return self._bus

    def _is_old(self, event: KillSwitch) -> bool:
        return self._clock.unix_ns() - event.header.created_unix_ns >= self._restate_after_ns
