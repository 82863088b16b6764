"""A change of the kill switch: the state wanted, why, and who wants it.

| actor                              | is                                                                          |
|------------------------------------|-----------------------------------------------------------------------------|
| `token NAME`                       | whoever holds the token in the file NAME                                    |
| `person WHO, token NAME`           | the same, and WHO they say they are (`solquote kill`: the Unix user)        |
| `person WHO, bus`                  | a stop request on the bus, and who it says asks                             |
| `bus`                              | a stop request, or an event, on the bus that names nobody                   |
| `rule NAME`                        | a rule of the system manager                                                |
| `system manager`                   | the manager itself: first start, or what is latched cannot be read          |

The token is proven, what a person is called is their own word.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from quote_core.events import NAME_CHARS_MAX, REASON_CHARS_MAX, KillSwitch, StopRequest, TradingState, fit_text

__all__ = [
    "FIRST_START",
    "MANUAL",
    "UNREADABLE",
    "UNREADABLE_STOP",
    "SwitchChange",
    "again",
    "asked_on_the_bus",
    "stricter",
]

MANUAL: Final = "manual"
"""`trigger` of a change made by a person."""

_MANAGER: Final = "system manager"
_BUS: Final = "bus"


@dataclass(frozen=True, slots=True)
class SwitchChange:
    """A state wanted, and by whom. Its texts are made fit for an event, whatever is given."""

    state: TradingState
    trigger: str
    reason: str
    actor: str = ""

    def __post_init__(self) -> None:
        for field, chars_max in (("trigger", NAME_CHARS_MAX), ("reason", REASON_CHARS_MAX), ("actor", NAME_CHARS_MAX)):
            object.__setattr__(self, field, fit_text(getattr(self, field), chars_max))

    def forcing(self, rules: Collection[str]) -> "SwitchChange":
        """The same, telling first which rules said stop and were named, so that no reason is too long to tell it."""
        return replace(self, reason=f"forced {', '.join(rules)}: {self.reason}") if rules else self


FIRST_START: Final = SwitchChange(TradingState.ACTIVE, "first_start", "nothing was ever latched", _MANAGER)
UNREADABLE: Final = SwitchChange(TradingState.HALTED, "unreadable_latch", "what was latched cannot be read", _MANAGER)
UNREADABLE_STOP: Final = SwitchChange(
    TradingState.HALTED, "unreadable_stop", "a stop request that cannot be read", _BUS
)


def again(event: KillSwitch) -> SwitchChange:
    """The state of `event`, to be written once more."""
    return SwitchChange(event.state, event.trigger, event.reason, event.actor)


def asked_on_the_bus(request: StopRequest) -> SwitchChange:
    """What a stop request asks for; ACTIVE, which none can ask for, is read as HALTED."""
    state = TradingState.HALTED if request.state is TradingState.ACTIVE else request.state
    who = fit_text(request.actor, NAME_CHARS_MAX - len(_BUS) - 2)
    actor = f"{who}, {_BUS}" if who else _BUS
    return SwitchChange(state, request.trigger or MANUAL, request.reason or "a stop request on the bus", actor)


def stricter(state: TradingState, than: TradingState) -> bool:
    """Whether `state` allows less."""
    return state.value > than.value
