"""What is told of who has seen the switch: a count for each gate, however many processes there are."""

from dataclasses import dataclass, field
from typing import cast

from fakes.pipeline_events import kill_switch

from pipeline.system_manager.acknowledgements import Acknowledgement
from pipeline.system_manager.manager import Manager, ManagerFigures
from pipeline.system_manager.metrics import switch_source
from quote_core.events import KillSwitch, TradingState


@dataclass
class Held:
    """A manager that holds a switch, and knows who has seen it."""

    held: KillSwitch | None
    told: tuple[Acknowledgement, ...] = ()
    figures: ManagerFigures = field(default_factory=ManagerFigures)
    silence_ns: int | None = None
    keeps_stop: bool = False
    results_read_count: int = 0

    def acknowledgements(self, revision: int) -> tuple[Acknowledgement, ...]:
        assert self.held is not None
        assert revision == self.held.revision
        return self.told


def unacknowledged(manager: Held) -> dict[tuple[str, ...], float]:
    return {
        sample.labels: cast("float", sample.value)
        for sample in switch_source(cast("Manager", manager)).read()
        if sample.family.name == "solquote_kill_switch_unacknowledged_processes"
    }


def word(service: str, instance: str, *, is_current: bool) -> Acknowledgement:
    return Acknowledgement(service, instance, 7, 0, is_current)


def test_processes_that_have_not_seen_the_newest_revision_are_counted_by_gate() -> None:
    told = (
        word("scanner", "a/1", is_current=True),
        word("planner", "", is_current=False),
        *(word("executor", f"a/{number}", is_current=number == 0) for number in range(3)),
    )
    manager = Held(kill_switch(TradingState.HALTED, revision=7), told)
    assert unacknowledged(manager) == {("scanner",): 0, ("planner",): 1, ("executor",): 2}


def test_nobody_is_counted_while_it_is_not_known_what_is_latched() -> None:
    assert unacknowledged(Held(None)) == {}
