"""What a trading gate knows, and whether that allows a new trade: values in, a decision out.

Theory of operation. The truth is on the SYSTEM stream: the last KillSwitch event (the latch, which the system manager
alone writes) and the last StopRequest; one stored later than the latch has taken into account (`stops_seen`) stops
until it has. A gate hears of them in three ways, and trusts each as far as it can:

| heard                | stored?   | closes                   | opens                                              |
|----------------------|-----------|--------------------------|----------------------------------------------------|
| `read` of the stream | yes       | yes                      | never alone                                        |
| `heartbeat`          | not known | as pushed, when stricter | never alone: only with a read of the very event it |
|                      |           |                          | names, and only as long as its sending is recent   |
| `pushed` event       | not known | yes                      | never: a push is seen before the stream accepted it|

So a stop acts the moment it is published, a release only once it is stored and the manager vouches for it. A heartbeat
is a sign of life by the time at which it was sent, not by that at which it arrived: it may have waited in a socket.

A pushed stop holds until a read shows it stored (then the read decides), or a later revision than it claims; one that
the stream never shows holds for as long as the manager's silence would have closed the gate. What was read counts from
its request on, and no longer when the connection was lost or the process stood still since: the gate reads again.

The first line that fits decides:

| connected | read since connecting, | manager's last heartbeat        | strictest of latch, waiting | decision  |
|           | standing still         | for what was read               | request and pushed stops    |           |
|-----------|------------------------|---------------------------------|-----------------------------|-----------|
| no        |                        |                                 |                             | HALTED    |
| yes       | no                     |                                 |                             | HALTED    |
| yes       | yes                    | none, or sent too long ago      |                             | HALTED    |
| yes       | yes                    | in time                         | any                         | that      |
"""

import enum
from dataclasses import dataclass, replace
from typing import Final

from quote_core.bus.register import Stored
from quote_core.clock import Moment
from quote_core.events import REASON_CHARS_MAX, REVISION_MAX, KillSwitch, StopRequest, TradingState, fit_text

__all__ = ["Cause", "GateDecision", "GateView", "Heartbeat", "LatchReading", "Pushed", "SwitchState"]

PUSHED_COUNT_MAX: Final = 16
"""Pushed stops told apart; the last one stands for all after it."""


@dataclass(frozen=True, slots=True)
class SwitchState:
    """What a gate needs of a KillSwitch event, or of a stop request, which has no revision."""

    event_id: bytes
    state: TradingState
    reason: str
    revision: int | None = None

    @classmethod
    def of(cls, event: KillSwitch | StopRequest) -> "SwitchState":
        """What `event` says, within bounds; a request can only stop."""
        reason = fit_text(event.reason, REASON_CHARS_MAX)
        if isinstance(event, KillSwitch):
            return cls(event.header.event_id, event.state, reason, event.revision)
        is_stop = event.state is not TradingState.ACTIVE
        return cls(event.header.event_id, event.state if is_stop else TradingState.HALTED, reason)


UNREADABLE: Final = SwitchState(b"", TradingState.HALTED, "what was sent cannot be read")
"""Stands for bytes on the latch's or the stop requests' subject that are no such event."""


@dataclass(frozen=True, slots=True)
class LatchReading:
    """What one reading of the stream showed: the latch, and the newest stop request."""

    latched: SwitchState
    request: SwitchState | None = None
    is_waiting: bool = False
    """The request is still to be latched."""

    @classmethod
    def of(cls, latch: Stored | None, request: Stored | None) -> "LatchReading | None":
        """What the newest messages of both subjects say; `None` when nothing is latched yet."""
        if latch is None:
            return None
        event = latch.event
        latched = SwitchState.of(event) if isinstance(event, KillSwitch) else UNREADABLE
        if request is None:
            return cls(latched)
        asked = SwitchState.of(request.event) if isinstance(request.event, StopRequest) else UNREADABLE
        stops_seen = min(event.stops_seen, latch.sequence) if isinstance(event, KillSwitch) else 0
        return cls(latched, asked, is_waiting=request.sequence > stops_seen)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The manager lived at `sent`, and vouched for the event `switch`; it came at `heard_mono_ns`."""

    switch: SwitchState
    sent: Moment
    heard_mono_ns: int

    def is_recent(self, now: Moment, silence_ns_max: int) -> bool:
        """Whether it says that the manager lives now."""
        return self.age_ns(now) < silence_ns_max

    def age_ns(self, now: Moment) -> int:
        """How long ago the manager is known to have lived."""
        return max(self.sent.age_ns(now), now.mono_ns - self.heard_mono_ns)


@dataclass(frozen=True, slots=True)
class Pushed:
    """A stop that passed by; whether it was stored is not known."""

    switch: SwitchState
    heard_mono_ns: int


class Cause(enum.Enum):
    """Which line of the module's table has decided."""

    DISCONNECTED = enum.auto()
    UNREAD = enum.auto()
    SILENCE = enum.auto()
    SWITCH = enum.auto()


@dataclass(frozen=True, slots=True)
class GateDecision:
    """What the gate says now, and why, in one line for people."""

    state: TradingState
    reason: str
    cause: Cause

    @property
    def allows_new_trades(self) -> bool:
        """Only ACTIVE does."""
        return self.state is TradingState.ACTIVE

    @property
    def allows_finishing(self) -> bool:
        """Whether a trade that is in somebody's hands already may still be begun; HALTED does not allow it."""
        return self.state is not TradingState.HALTED


@dataclass(frozen=True, slots=True)
class GateView:
    """All a gate knows. Each method but the last ones gives the view after one thing was heard."""

    connected: bool = False
    age: int = 0
    """Counts what makes worthless a reading that is under way."""
    reading: LatchReading | None = None
    vouched: Heartbeat | None = None
    """The last heartbeat for what was read."""
    announced: Heartbeat | None = None
    """The last heartbeat for something else: a newer event, an older one, or one that somebody made up."""
    pushed: tuple[Pushed, ...] = ()

    def after_connecting(self) -> "GateView":
        """The bus is there; what is latched must be read again, and the manager heard again."""
        return replace(_unread(self), connected=True, vouched=None, announced=None)

    def after_disconnecting(self) -> "GateView":
        """The bus is gone; nothing heard so far counts any more, but for a stop."""
        return replace(_unread(self), connected=False, vouched=None, announced=None)

    def after_standing_still(self) -> "GateView":
        """The process did not run for a while; a stop may lie unheard in its socket."""
        return _unread(self)

    def after_reading(
        self, reading: LatchReading, *, asked_at_age: int, asked_mono_ns: int, hold_ns: int
    ) -> "GateView":
        """The stream was read.

        Args:
            reading: What it showed.
            asked_at_age: `age` of the view when it was asked for.
            asked_mono_ns: CLOCK_MONOTONIC at that time.
            hold_ns: How long a pushed stop holds that the stream does not show.
        """
        if asked_at_age != self.age:
            return self
        held = tuple(
            push
            for push in self.pushed
            if not _shows(reading, push.switch) and asked_mono_ns - push.heard_mono_ns < hold_ns
        )
        heartbeats = [beat for beat in (self.vouched, self.announced) if beat is not None]
        vouched = [beat for beat in heartbeats if beat.switch.event_id == reading.latched.event_id]
        announced = self.announced
        if announced in vouched or (announced is not None and announced.heard_mono_ns <= asked_mono_ns):
            announced = None  # this reading has looked into it
        return replace(
            self,
            reading=reading,
            pushed=held,
            vouched=max(vouched, key=lambda beat: beat.heard_mono_ns, default=None),
            announced=announced,
        )

    def after_heartbeat(self, beat: Heartbeat) -> "GateView":
        """The manager lives, and says what is latched."""
        reading = self.reading
        if reading is None:
            return replace(self, announced=beat)
        if beat.switch.event_id == reading.latched.event_id:
            return replace(self, vouched=beat)
        heard = replace(self, announced=beat)
        is_stricter = beat.switch.state.value > reading.latched.state.value
        return heard.after_push(beat.switch, beat.heard_mono_ns) if is_stricter else heard

    def after_push(self, switch: SwitchState, now_mono_ns: int) -> "GateView":
        """Somebody published a change; a stop counts whatever revision it claims, a release not at all."""
        if switch.state is TradingState.ACTIVE:
            return self
        reading = self.reading
        is_known = switch.event_id and switch.event_id in [push.switch.event_id for push in self.pushed]
        if is_known or (reading is not None and _is_stored(reading, switch)):
            return self
        if switch.revision is not None and reading is not None and reading.latched.revision is not None:
            after_read = reading.latched.revision + 1
            is_credible = after_read <= switch.revision <= REVISION_MAX
            switch = switch if is_credible else replace(switch, revision=after_read)
        held = self.pushed
        if len(held) >= PUSHED_COUNT_MAX:
            last = held[-1].switch
            held = held[:-1]
            switch = switch if switch.state.value >= last.state.value else replace(switch, state=last.state)
        return replace(self, pushed=(*held, Pushed(switch, now_mono_ns)))

    @property
    def wants_reading(self) -> bool:
        """Whether the stream is to be read: nothing read counts, or something heard is not in it."""
        return self.reading is None or bool(self.pushed) or self.announced is not None

    def decide(self, *, now: Moment, silence_ns_max: int) -> GateDecision:
        """Apply the module's table.

        Args:
            now: The time.
            silence_ns_max: Age at which the manager's last heartbeat no longer counts.
        """
        if not self.connected:
            return GateDecision(TradingState.HALTED, "the bus is disconnected", Cause.DISCONNECTED)
        if self.reading is None:
            return GateDecision(TradingState.HALTED, "the kill switch's state is not known yet", Cause.UNREAD)
        if self.vouched is None or not self.vouched.is_recent(now, silence_ns_max):
            return GateDecision(TradingState.HALTED, "the system manager is silent", Cause.SILENCE)
        strictest = self.reading.latched
        waiting = (self.reading.request,) if self.reading.is_waiting else ()
        for stop in (*waiting, *(push.switch for push in self.pushed)):
            if stop is not None and stop.state.value > strictest.state.value:
                strictest = stop
        return GateDecision(strictest.state, strictest.reason, Cause.SWITCH)


def _unread(view: GateView) -> GateView:
    """The same, with nothing read; a reading under way does not count either."""
    return replace(view, age=view.age + 1, reading=None)


def _is_stored(reading: LatchReading, stop: SwitchState) -> bool:
    request = reading.request
    return bool(stop.event_id) and (
        stop.event_id == reading.latched.event_id or (request is not None and stop.event_id == request.event_id)
    )


def _shows(reading: LatchReading, stop: SwitchState) -> bool:
    """Whether a reading shows that `stop` is stored, or that the latch has gone past it."""
    latched = reading.latched.revision
    is_past = stop.revision is not None and latched is not None and latched > stop.revision
    return is_past or _is_stored(reading, stop)
