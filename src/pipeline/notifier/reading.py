"""From messages of the SYSTEM and DEAD_LETTERS streams to notices. Pure.

| message                      | level    | lasts until                                        |
|------------------------------|----------|----------------------------------------------------|
| the switch is HALTED         | critical | it is ACTIVE; a rule's trip is told with its name   |
| it is REDUCING               | warning  | it is ACTIVE                                       |
| somebody asks for a stop     | warning  |                                                    |
| what cannot be read, there   | critical |                                                    |
| a dead letter of PLANNED     | critical |                                                    |
| any other dead letter        | warning  |                                                    |

A dead letter of PLANNED is a plan that was taken: its trade may be unsettled (docs/pipeline.md). The latched switch is
written again once a day; what it says is the same as before, and so is its variant.
"""

from typing import Final

from pipeline.notifier.alert import Ending, Level, Notice
from quote_core.bus.follow import Followed
from quote_core.errors import LayoutMismatch
from quote_core.events import KillSwitch, StopRequest, Stream, TradingState, decode

__all__ = ["SWITCH_KEY", "notice_of_dead_letter", "of_switch", "of_system"]

SWITCH_KEY: Final = "kill_switch"
_LEVELS: Final = {TradingState.HALTED: Level.CRITICAL, TradingState.REDUCING: Level.WARNING}


def of_system(message: Followed) -> Notice | Ending | None:
    """What a message of SYSTEM says; None when it is nothing that people are told."""
    try:
        event = decode(message.data)
    except LayoutMismatch:
        return Notice(
            key="unreadable",
            level=Level.CRITICAL,
            title="A message on the SYSTEM stream cannot be read",
            text=f"It is number {message.sequence}, on {message.subject}. On system.stop such a message halts.",
            at_unix_ns=message.stored_unix_ns,
        )
    match event:
        case KillSwitch():
            return of_switch(event, at_unix_ns=message.stored_unix_ns)
        case StopRequest():
            state = TradingState.HALTED if event.state is TradingState.ACTIVE else event.state
            return Notice(
                key="stop_request",
                level=Level.WARNING,
                title=f"A stop was asked for: {state.name}",
                text=f"By {event.actor or 'somebody'}: {event.reason or 'no reason given'}",
                at_unix_ns=message.stored_unix_ns,
            )
    return None


def of_switch(event: KillSwitch, *, at_unix_ns: int) -> Notice | Ending:
    """What the kill switch says."""
    said = f"By {event.actor or 'somebody'}: {event.reason or 'no reason given'}"
    if event.state is TradingState.ACTIVE:
        return Ending(key=SWITCH_KEY, text=f"Trading is ACTIVE. {said}", at_unix_ns=at_unix_ns)
    return Notice(
        key=SWITCH_KEY,
        level=_LEVELS[event.state],
        title=f"Trading is {event.state.name}" + (f": {event.trigger}" if event.trigger else ""),
        text=said,
        at_unix_ns=at_unix_ns,
        variant=f"{event.state.name} {event.changed_unix_ns}",
        is_lasting=True,
    )


def notice_of_dead_letter(message: Followed) -> Notice:
    """A message that a consumer gave up on."""
    _, _, whose = message.subject.partition(".")
    reason = message.headers.get("Solquote-Reason", "")
    sequence = message.headers.get("Solquote-Sequence", "")
    is_plan = whose.partition(".")[0] == Stream.PLANNED
    return Notice(
        key=f"dead_letter:{whose}",
        level=Level.CRITICAL if is_plan else Level.WARNING,
        title=f"A dead letter on {message.subject}",
        text=" ".join(filter(None, (f"Message {sequence}." if sequence else "", reason))),
        at_unix_ns=message.stored_unix_ns,
    )
