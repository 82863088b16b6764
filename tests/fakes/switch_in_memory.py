"""The switch behind the system manager's HTTP API, in memory."""

from pipeline.system_manager.change import SwitchChange
from quote_core.events import Header, KillSwitch, TradingState


class Switch:
    """Latches what it is told, or fails as a test wants."""

    def __init__(self) -> None:
        self.finding = ""
        self.failure: Exception | None = None
        self.wanted: list[SwitchChange] = []
        self.holds: TradingState | None = None

    async def look(self) -> KillSwitch:
        if self.failure is not None:
            raise self.failure
        return self.event(self.wanted[-1] if self.wanted else SwitchChange(TradingState.ACTIVE, "first_start", "first"))

    async def change(self, wanted: SwitchChange) -> KillSwitch:
        if self.failure is not None:
            raise self.failure
        self.wanted.append(wanted)
        return self.event(wanted)

    def event(self, change: SwitchChange) -> KillSwitch:
        return KillSwitch(
            header=Header(event_id=bytes(16), created_unix_ns=1, slot=0),
            state=self.holds or change.state,
            trigger=change.trigger,
            reason=change.reason,
            actor=change.actor,
            revision=len(self.wanted) + 1,
            changed_unix_ns=1,
        )
