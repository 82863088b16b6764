"""The gate every trading process holds: hears of the kill switch over a connection of its own, and decides nothing.

Of its own, because a stop must not queue behind events, and because the loss of this connection closes the gate.
"""

import asyncio
from typing import Final, Protocol, Self

import structlog

from pipeline.trading_gate.state import UNREADABLE, Cause, GateDecision, GateView, Heartbeat, LatchReading, SwitchState
from quote_core.bus import Access, Bus, BusRole, access_of, connect
from quote_core.bus.register import read_newest
from quote_core.clock import Clock, moment
from quote_core.errors import ProviderUnavailable
from quote_core.events import KILL_SWITCH_HEARTBEAT, Event, KillSwitch, StopRequest, TradingState, kind_of
from quote_core.settings import PlatformSettings

__all__ = ["STOOD_STILL_NS_MAX", "TradeGate", "TradingGate"]

READ_RETRY_S: Final = 0.1
"""Wait before the stream is read again, when it could not be read or does not show yet what was heard."""

READ_PAUSE_S: Final = 0.01
"""Shortest time between two readings, so that a flood of heartbeats is not one of readings."""

TICK_S: Final = 0.05
STOOD_STILL_NS_MAX: Final = 250_000_000
"""A tick later than this means that the process did not run; what it heard before counts no more."""

_log: Final = structlog.get_logger(part="trading_gate")


class TradeGate(Protocol):
    """What whoever begins trades asks the gate."""

    @property
    def allows_new_trades(self) -> bool:
        """Whether a new trade may begin now."""
        ...


class TradingGate:
    """Says whether new trades are allowed; closed until `run` has found out, and again when `run` ends.

    Args:
        nats_url: The bus.
        access: Which role the gate is of, and its secret.
        name: The process, shown by the server for this connection.
        clock: Source of CLOCK_MONOTONIC.
        silence_ns_max: The gate closes when the manager has been silent for this long.
    """

    def __init__(
        self, *, nats_url: str, access: Access | None = None, name: str, clock: Clock, silence_ns_max: int
    ) -> None:
        self._nats_url = nats_url
        self._access = access
        self._name = name
        self._clock = clock
        self._silence_ns_max = silence_ns_max
        self._view = GateView()
        self._ticked_mono_ns = clock.mono_ns()
        self._shown = self._decide()
        self._has_found_out = False
        self._unread = asyncio.Event()
        self.changed = asyncio.Event()
        """Set whenever the decision has changed; whoever waits for it clears it first."""
        self.has_read = asyncio.Event()
        """Set whenever another revision was read from the stream; whoever acknowledges it clears it."""

    @classmethod
    def of(cls, role: BusRole, platform: PlatformSettings, *, clock: Clock) -> Self:
        """The gate of the process of this role, at the bus and with the patience that the settings name."""
        return cls(
            nats_url=platform.nats_url,
            access=access_of(platform, role),
            name=role.value,
            clock=clock,
            silence_ns_max=platform.manager_silence_max,
        )

    @property
    def allows_new_trades(self) -> bool:
        """Whether a new trade may begin now; asks no one and never waits."""
        return self._decide().allows_new_trades

    @property
    def allows_finishing(self) -> bool:
        """Whether a trade that this process has in hand already may still begin: not when HALTED."""
        return self._decide().allows_finishing

    @property
    def state(self) -> TradingState:
        """What is allowed now; HALTED as long as it is not known."""
        return self._decide().state

    @property
    def reason(self) -> str:
        """Why, in one line for people."""
        return self._decide().reason

    @property
    def switch_revision(self) -> int:
        """Of the latched state that was read last and still counts; 0 = none."""
        reading = self._view.reading
        return 0 if reading is None else reading.latched.revision or 0

    @property
    def silence_ns(self) -> int | None:
        """How long ago the manager last vouched for what was read; `None` when it has not since the bus was lost."""
        vouched = self._view.vouched
        return None if vouched is None else vouched.age_ns(moment(self._clock))

    async def run(self) -> None:
        """Listen until cancelled."""
        try:
            async with connect(
                self._nats_url,
                name=f"{self._name} gate",
                access=self._access,
                on_connection=self.on_connection,
            ) as bus:
                await self.attend(bus)
        finally:
            self._has_found_out = False  # that it closes now is no news
            self._take(GateView())

    async def attend(self, bus: Bus) -> None:
        """Listen on a connection that is up, until cancelled; `on_connection` must be told of its losses."""
        await bus.listen(kind_of(KillSwitch).subject, self._on_push, on_malformed=self._on_malformed)
        await bus.listen(kind_of(StopRequest).subject, self._on_push, on_malformed=self._on_malformed)
        await bus.listen(KILL_SWITCH_HEARTBEAT, self._on_heartbeat)
        self.on_connection(is_up=True)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(bus))
            tasks.create_task(self._tick())

    def on_connection(self, *, is_up: bool) -> None:
        """The connection was lost, or is back."""
        self._take(self._view.after_connecting() if is_up else self._view.after_disconnecting())

    def _on_push(self, event: Event) -> None:
        if isinstance(event, KillSwitch | StopRequest):
            self._take(self._view.after_push(SwitchState.of(event), self._clock.mono_ns()))
            self._unread.set()
        else:
            self._on_malformed()

    def _on_malformed(self) -> None:
        self._take(self._view.after_push(UNREADABLE, self._clock.mono_ns()))

    def _on_heartbeat(self, event: Event) -> None:
        if isinstance(event, KillSwitch):
            self._take(self._view.after_heartbeat(Heartbeat(SwitchState.of(event), event.sent, self._clock.mono_ns())))

    async def _read(self, bus: Bus) -> None:
        while True:
            await self._unread.wait()
            self._unread.clear()
            asked_at_age, asked_mono_ns = self._view.age, self._clock.mono_ns()
            reading = await _reading(bus)
            self._notice_standing_still()
            if reading is not None:
                view = self._view.after_reading(
                    reading, asked_at_age=asked_at_age, asked_mono_ns=asked_mono_ns, hold_ns=self._silence_ns_max
                )
                self._take(view)
            await asyncio.sleep(READ_RETRY_S if self._view.wants_reading else READ_PAUSE_S)
            if self._view.wants_reading:
                self._unread.set()

    async def _tick(self) -> None:
        """Notice standing still and the manager's silence; whoever asks the gate notices without it."""
        while True:
            self._notice_standing_still()
            self._ticked_mono_ns = self._clock.mono_ns()
            self._show()
            await asyncio.sleep(TICK_S)

    def _notice_standing_still(self) -> None:
        now_mono_ns = self._clock.mono_ns()
        still_ns = now_mono_ns - self._ticked_mono_ns
        if still_ns > STOOD_STILL_NS_MAX:
            self._ticked_mono_ns = now_mono_ns
            self._view = self._view.after_standing_still()
            self._unread.set()

    def _take(self, view: GateView) -> None:
        revision_before = self.switch_revision
        self._view = view
        if self.switch_revision not in (0, revision_before):
            self.has_read.set()
        if view.wants_reading:
            self._unread.set()
        self._show()

    def _show(self) -> None:
        decision = self._decide()
        if decision != self._shown:
            self._shown = decision
            self.changed.set()
            self._has_found_out |= decision.cause is Cause.SWITCH
            log = _log.warning if self._is_trouble(decision) else _log.info
            log("trading gate", state=decision.state.name, reason=decision.reason)

    def _is_trouble(self, decision: GateDecision) -> bool:
        """Whether somebody should look: not when the gate only has not found out yet, or reads again."""
        if decision.allows_new_trades or decision.cause is Cause.UNREAD:
            return False
        return self._has_found_out

    def _decide(self) -> GateDecision:
        if self._view.connected:
            self._notice_standing_still()
        return self._view.decide(now=moment(self._clock), silence_ns_max=self._silence_ns_max)


async def _reading(bus: Bus) -> LatchReading | None:
    """The latch and then the newest stop request; `None` when they cannot be had, or nothing is latched.

    In this order: a request stored between the two is then seen, with a latch that has not taken it into account.
    """
    try:
        latch = await read_newest(bus, KillSwitch)
        return LatchReading.of(latch, await read_newest(bus, StopRequest))
    except ProviderUnavailable as error:
        _log.debug("the latch could not be read", reason=str(error))
        return None
