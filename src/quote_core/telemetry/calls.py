"""What is known of the calls of a service, as its clients see them: for its `WorkFigures` and its metrics.

| what               | gRPC                                                | HTTP                                     |
|--------------------|-----------------------------------------------------|------------------------------------------|
| a call is known by | the method, of those that are served                | verb and route, of those that are served |
| it ended with      | the status code's name                              | the status                               |
| it took            | until its answer; a stream, until its first message | until its answer                         |
| what is not served | a call of `other`, UNIMPLEMENTED                    | a call of `other` `other`                |

So nothing a client sends makes another kind of call, and what is kept is bounded by what is served. A watch of
`grpc.health.v1` has no time: its servicer writes its messages past us.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from quote_core.telemetry.histogram import CALL_BOUNDS_S, Histogram

__all__ = ["OTHER", "CallCounter", "CallFigures"]

OTHER: Final = "other"
"""The one name of all methods and routes that a client made up."""


@dataclass(slots=True)
class CallFigures:
    """The calls of one method since the start of the process."""

    endings: Counter[str] = field(default_factory=Counter)
    """By code."""
    took_s: Histogram = field(default_factory=lambda: Histogram(CALL_BOUNDS_S))
    open_count: int = 0
    message_count: int = 0
    """Sent on streams."""

    def end(self, code: str, began_s: float) -> None:
        """One has ended that began when `time.perf_counter` said so."""
        self.endings[code] += 1
        self.took_s.observe_traced(time.perf_counter() - began_s)


class CallCounter:
    """The calls of one service, gRPC and HTTP.

    `handled_count` and `error_count` are work for clients, and what of it the service itself failed; looks at its
    health or its metrics are none. `grpc` is by full method, `http` by verb and route.
    """

    def __init__(self) -> None:
        self.handled_count = 0
        self.error_count = 0
        self.grpc: dict[str, CallFigures] = {}
        self.http: dict[tuple[str, str], CallFigures] = {}
