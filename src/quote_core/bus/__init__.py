"""JetStream: connect, publish with a message id, durable consumers, dead letters, and the shape of a stage.

What talks to NATS is loaded when it is first named: who only asks for a role and its secret does not wait for it.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

from quote_core.bus.access import Access, access_of
from quote_core.bus.permissions import BusRole

if TYPE_CHECKING:
    from quote_core.bus.connection import Bus, connect
    from quote_core.bus.consumer import Consumer, StartAt
    from quote_core.bus.stage import Answer, Stage, StageCounts

__all__ = ["Access", "Answer", "Bus", "BusRole", "Consumer", "Stage", "StageCounts", "StartAt", "access_of", "connect"]

_TALKING: Final = ("connection", "consumer", "stage")


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in _TALKING:
            found = getattr(importlib.import_module(f"{__name__}.{module}"), name, None)
            if found is not None:
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
