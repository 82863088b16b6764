"""The switch behind the system manager's HTTP API, in memory."""

from collections.abc import Collection

from pipeline.system_manager.acknowledgements import Acknowledgement
from pipeline.system_manager.change import SwitchChange
from pipeline.system_manager.limits import RuleName
from quote_core.events import Header, KillSwitch, TradingState


class Switch:
    """Latches what it is told, or fails as a test wants."""

    def __init__(self) -> None:
        self.finding = ""
        self.failure: Exception | None = None
        self.wanted: list[SwitchChange] = []
        self.forced: list[tuple[RuleName, ...]] = []
        self.holds: TradingState | None = None

    async def look(self) -> KillSwitch:
        if self.failure is not None:
            raise self.failure
        return self.event(self.wanted[-1] if self.wanted else SwitchChange(TradingState.ACTIVE, "first_start", "first"))

    def acknowledgements(self, revision: int) -> tuple[Acknowledgement, ...]:
        return (
            Acknowledgement("scanner", "a/1", revision, 5_000_000, is_current=True),
            Acknowledgement("executor", "a/2", revision - 1, 7_000_000, is_current=False),
            Acknowledgement("planner", "", 0, 0, is_current=False),
        )

    async def change(self, wanted: SwitchChange, *, forced: Collection[RuleName] = ()) -> KillSwitch:
        if self.failure is not None:
            raise self.failure
        self.forced.append(tuple(forced))
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
