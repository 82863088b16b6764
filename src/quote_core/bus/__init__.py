"""JetStream: connect, publish with a message id, durable consumers, dead letters, and the shape of a stage.

What talks to NATS is loaded when it is first named: who only asks for a role and its secret does not wait for it.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

from quote_core.bus.access import Access, access_of
from quote_core.bus.permissions import BusRole

if TYPE_CHECKING:
    from quote_core.bus.connection import Bus
    from quote_core.bus.consumer import Consumer, StartAt
    from quote_core.bus.reconnection import connect, connect_as
    from quote_core.bus.stage import Answer, Stage, StageCounts

__all__ = [
    "Access",
    "Answer",
    "Bus",
    "BusRole",
    "Consumer",
    "Stage",
    "StageCounts",
    "StartAt",
    "access_of",
    "connect",
    "connect_as",
]

_TALKING: Final = {
    "connection": ("Bus",),
    "consumer": ("Consumer", "StartAt"),
    "reconnection": ("connect", "connect_as"),
    "stage": ("Answer", "Stage", "StageCounts"),
}


def __getattr__(name: str) -> Any:
    for module, names in _TALKING.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
