"""What a trading gate knows, and whether that allows a new trade: values in, a decision out.

Theory of operation. The truth is the last KillSwitch event on the SYSTEM stream (the latch); its revision, one more
with every change, says which of two is newer. A gate hears of it in three ways, and trusts each as far as it can:

| heard                | stored?   | closes | opens                                                        |
|----------------------|-----------|--------|--------------------------------------------------------------|
| `read` of the stream | yes       | yes    | yes: it is the truth, and replaces what was held             |
| `heartbeat`          | yes       | yes    | when its revision is newer than the one held                 |
| `pushed` event       | not known | yes    | never: a push is seen before the stream has accepted it      |

So a stop acts the moment it is published, and a release only once it is stored. A pushed stop holds until the stream
shows its revision or a later one; a stop that the stream refused is published again by its writer.

The first line that fits decides:

| connected | latch read since connecting | heartbeat     | unconfirmed stop | latched  | decision |
|-----------|-----------------------------|---------------|------------------|----------|----------|
| no        |                             |               |                  |          | HALTED   |
| yes       | no                          |               |                  |          | HALTED   |
| yes       | yes                         | none, or late |                  |          | HALTED   |
| yes       | yes                         | in time       | HALTED           |          | HALTED   |
| yes       | yes                         | in time       | REDUCING         | HALTED   | HALTED   |
| yes       | yes                         | in time       | REDUCING         | other    | REDUCING |
| yes       | yes                         | in time       | none             | any      | latched  |
"""

from dataclasses import dataclass, replace

from quote_core.events import TradingState

__all__ = ["Decision", "GateView", "Switch"]


@dataclass(frozen=True, slots=True)
class Switch:
    """What a gate needs of a KillSwitch event."""

    revision: int
    state: TradingState
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says now, and why, in one line for people."""

    state: TradingState
    reason: str

    @property
    def allows_new_trades(self) -> bool:
        """Only ACTIVE does."""
        return self.state is TradingState.ACTIVE


@dataclass(frozen=True, slots=True)
class GateView:
    """All a gate knows. Each method but the last gives the view after one thing was heard."""

    connected: bool = False
    latched: Switch | None = None
    unconfirmed: Switch | None = None
    """A pushed stop; its revision is the one the stream must reach before it counts as settled."""
    heartbeat_mono_ns: int | None = None

    def after_connecting(self) -> "GateView":
        """The bus is there; what is latched must be read again."""
        return replace(self, connected=True, latched=None, heartbeat_mono_ns=None)

    def after_disconnecting(self) -> "GateView":
        """The bus is gone; nothing heard so far counts any more, but for a stop."""
        return replace(self, connected=False, latched=None, heartbeat_mono_ns=None)

    def after_read(self, latched: Switch) -> "GateView":
        """The stream was read."""
        settled = self.unconfirmed is None or latched.revision >= self.unconfirmed.revision
        return replace(self, latched=latched, unconfirmed=None if settled else self.unconfirmed)

    def after_heartbeat(self, latched: Switch, now_mono_ns: int) -> "GateView":
        """The manager lives, and says what is latched."""
        alive = replace(self, heartbeat_mono_ns=now_mono_ns)
        if self.latched is not None and latched.revision > self.latched.revision:
            return alive.after_read(latched)
        return alive

    def after_push(self, switch: Switch) -> "GateView":
        """Somebody published a KillSwitch event; whether it was stored is not known yet.

        A stop counts whatever revision it claims, so that one published by hand stops too.
        """
        if switch.state is TradingState.ACTIVE:
            return self
        after_held = 0 if self.latched is None else self.latched.revision + 1
        stop = replace(switch, revision=max(switch.revision, after_held))
        held = self.unconfirmed
        if held is not None and held.revision >= stop.revision and held.state.value >= stop.state.value:
            return self
        return replace(self, unconfirmed=stop)

    def disagrees_with(self, latched: Switch) -> bool:
        """Whether a heartbeat speaks of an older revision than held: the stream may have been made anew."""
        return self.latched is not None and latched.revision < self.latched.revision

    def decide(self, *, now_mono_ns: int, silence_ns_max: int) -> Decision:
        """Apply the module's table.

        Args:
            now_mono_ns: CLOCK_MONOTONIC.
            silence_ns_max: Age at which the manager's last heartbeat no longer counts.
        """
        if not self.connected:
            return Decision(TradingState.HALTED, "the bus is disconnected")
        if self.latched is None:
            return Decision(TradingState.HALTED, "the kill switch's state is not known yet")
        if self.heartbeat_mono_ns is None or now_mono_ns - self.heartbeat_mono_ns >= silence_ns_max:
            return Decision(TradingState.HALTED, "the system manager is silent")
        strictest = self.latched
        if self.unconfirmed is not None and self.unconfirmed.state.value > strictest.state.value:
            strictest = self.unconfirmed
        return Decision(strictest.state, strictest.reason)
