"""What a supervised process may be, how it gets from one state to the next, and when it is started again.

    WAITING --start--> STARTING --ready--> HEALTHY <--ready/sicken--> UNHEALTHY
       ^                   |                  |                           |
       +---retry--- BACKOFF <-----fail--------+---------------------------+
    any state --stop--> STOPPING --end--> STOPPED

A process leaves WAITING when all it needs have been HEALTHY since they started. Losing a neighbour later moves nobody:
services are built to outlive their neighbours, so only the process that failed is started again. A process that was
READY and then reports without it (`quote_core.process`) is UNHEALTHY until it says READY again; it is not restarted.
"""

import enum
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from quote_core.running.status import ProcessState

__all__ = ["ProcessEvent", "RestartPolicy", "after"]


class ProcessEvent(enum.Enum):
    """What happens to a supervised process."""

    START = enum.auto()
    READY = enum.auto()
    SICKEN = enum.auto()
    FAIL = enum.auto()
    RETRY = enum.auto()
    STOP = enum.auto()
    END = enum.auto()


_TRANSITIONS: Final = MappingProxyType(
    {
        (ProcessState.WAITING, ProcessEvent.START): ProcessState.STARTING,
        (ProcessState.WAITING, ProcessEvent.STOP): ProcessState.STOPPING,
        (ProcessState.STARTING, ProcessEvent.READY): ProcessState.HEALTHY,
        (ProcessState.STARTING, ProcessEvent.FAIL): ProcessState.BACKOFF,
        (ProcessState.STARTING, ProcessEvent.STOP): ProcessState.STOPPING,
        (ProcessState.HEALTHY, ProcessEvent.READY): ProcessState.HEALTHY,
        (ProcessState.HEALTHY, ProcessEvent.FAIL): ProcessState.BACKOFF,
        (ProcessState.HEALTHY, ProcessEvent.SICKEN): ProcessState.UNHEALTHY,
        (ProcessState.HEALTHY, ProcessEvent.STOP): ProcessState.STOPPING,
        (ProcessState.UNHEALTHY, ProcessEvent.READY): ProcessState.HEALTHY,
        (ProcessState.UNHEALTHY, ProcessEvent.SICKEN): ProcessState.UNHEALTHY,
        (ProcessState.UNHEALTHY, ProcessEvent.FAIL): ProcessState.BACKOFF,
        (ProcessState.UNHEALTHY, ProcessEvent.STOP): ProcessState.STOPPING,
        (ProcessState.BACKOFF, ProcessEvent.RETRY): ProcessState.WAITING,
        (ProcessState.BACKOFF, ProcessEvent.STOP): ProcessState.STOPPING,
        (ProcessState.STOPPING, ProcessEvent.READY): ProcessState.STOPPING,
        (ProcessState.STOPPING, ProcessEvent.STOP): ProcessState.STOPPING,
        (ProcessState.STOPPING, ProcessEvent.END): ProcessState.STOPPED,
    }
)


def after(state: ProcessState, event: ProcessEvent) -> ProcessState:
    """The state that follows; an event that cannot happen in `state` is a broken invariant."""
    assert (state, event) in _TRANSITIONS, f"{event.name} in {state.name}"
    return _TRANSITIONS[state, event]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """When a failed process is started again: soon at first, then ever later, up to a limit."""

    delay_ns_min: int
    delay_ns_max: int
    settled_after_ns: int

    def failure_count(self, previous: int, *, ran_ns: int) -> int:
        """Failures in a row, this one included; a run long enough wipes out those before it."""
        return 1 if ran_ns >= self.settled_after_ns else previous + 1

    def delay_ns(self, failure_count: int) -> int:
        """Wait before the next start, after `failure_count` failures in a row (1 or more)."""
        doublings = min(failure_count - 1, 62)  # beyond that any delay is past any limit
        return min(self.delay_ns_min << doublings, self.delay_ns_max)
