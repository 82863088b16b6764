"""The gate every trading process holds: hears of the kill switch over a connection of its own, and decides nothing.

Of its own, because a stop must not queue behind events, and because the loss of this connection closes the gate.
"""

import asyncio
import contextlib
from typing import Final

import structlog

from pipeline.trading_gate.state import Decision, GateView, Switch
from quote_core.bus import Bus, connect
from quote_core.clock import Clock
from quote_core.errors import DataError, ProviderUnavailable
from quote_core.events import KILL_SWITCH_HEARTBEAT, Event, KillSwitch, TradingState, kind_of

__all__ = ["TradingGate"]

READ_RETRY_S: Final = 0.1
"""Wait before the latch is read again, when it could not be read or is not there."""

_log: Final = structlog.get_logger("trading_gate")


class TradingGate:
    """Says whether new trades are allowed; closed until `run` has found out, and again when `run` ends.

    Args:
        nats_url: The bus.
        name: The process, shown by the server for this connection.
        clock: Source of CLOCK_MONOTONIC.
        silence_ns_max: The gate closes when the manager has been silent for this long.
    """

    def __init__(self, *, nats_url: str, name: str, clock: Clock, silence_ns_max: int) -> None:
        self._nats_url = nats_url
        self._name = name
        self._clock = clock
        self._silence_ns_max = silence_ns_max
        self._view = GateView()
        self._shown = self._decide()
        self._heard = asyncio.Event()
        self._unread = asyncio.Event()
        self.changed = asyncio.Event()
        """Set whenever the decision has changed; whoever waits for it clears it first."""

    @property
    def allows_new_trades(self) -> bool:
        """Whether a new trade may begin now; asks no one and never waits."""
        return self._decide().allows_new_trades

    @property
    def state(self) -> TradingState:
        """What is allowed now; HALTED as long as it is not known."""
        return self._decide().state

    @property
    def reason(self) -> str:
        """Why, in one line for people."""
        return self._decide().reason

    async def run(self) -> None:
        """Listen until cancelled."""
        try:
            async with connect(self._nats_url, name=f"{self._name} gate", on_connection=self._on_connection) as bus:
                await bus.listen(kind_of(KillSwitch).subject, self._on_push)
                await bus.listen(KILL_SWITCH_HEARTBEAT, self._on_heartbeat)
                self._on_connection(is_up=True)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._read_latch(bus))
                    tasks.create_task(self._watch_silence())
        finally:
            self._take(GateView())

    def _on_connection(self, *, is_up: bool) -> None:
        self._take(self._view.after_connecting() if is_up else self._view.after_disconnecting())
        self._unread.set()

    def _on_push(self, event: Event) -> None:
        if isinstance(event, KillSwitch):
            self._take(self._view.after_push(_switch(event)))

    def _on_heartbeat(self, event: Event) -> None:
        if isinstance(event, KillSwitch):
            latched = _switch(event)
            if self._view.disagrees_with(latched):
                self._unread.set()
            self._take(self._view.after_heartbeat(latched, self._clock.mono_ns()))

    async def _read_latch(self, bus: Bus) -> None:
        while True:
            await self._unread.wait()
            self._unread.clear()
            before = self._view
            latched = await _latched(bus)
            news = (before.connected, before.latched, before.unconfirmed) != (
                self._view.connected,
                self._view.latched,
                self._view.unconfirmed,
            )
            if latched is not None and not news:
                self._take(self._view.after_read(latched))
            else:
                self._unread.set()
                await asyncio.sleep(READ_RETRY_S)

    async def _watch_silence(self) -> None:
        """Notice that the manager has fallen silent; `allows_new_trades` knows without it."""
        while True:
            self._heard.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._silence_ns_max / 1e9):
                    await self._heard.wait()
            self._show()

    def _take(self, view: GateView) -> None:
        self._view = view
        self._heard.set()
        self._show()

    def _show(self) -> None:
        decision = self._decide()
        if decision != self._shown:
            self._shown = decision
            self.changed.set()
            _log.warning("trading gate", state=decision.state.name, reason=decision.reason)

    def _decide(self) -> Decision:
        return self._view.decide(now_mono_ns=self._clock.mono_ns(), silence_ns_max=self._silence_ns_max)


def _switch(event: KillSwitch) -> Switch:
    return Switch(event.revision, event.state, event.reason)


async def _latched(bus: Bus) -> Switch | None:
    """The last event of the stream; `None` when there is none, or it cannot be had or read."""
    try:
        event = await bus.last(KillSwitch)
    except (ProviderUnavailable, DataError) as error:
        _log.debug("the latch could not be read", reason=str(error))
        return None
    return _switch(event) if isinstance(event, KillSwitch) else None
