"""What is known of the calls of one method: how they ended, and how long they took."""

import time
from collections import Counter
from dataclasses import dataclass, field

from quote_core.telemetry.histogram import CALL_BOUNDS_S, Histogram

__all__ = ["CallFigures"]


@dataclass(slots=True)
class CallFigures:
    """Since the start of the process."""

    endings: Counter[str] = field(default_factory=Counter)
    """By code."""
    took_s: Histogram = field(default_factory=lambda: Histogram(CALL_BOUNDS_S))
    open_count: int = 0
    message_count: int = 0
    """Sent on streams."""

    def end(self, code: str, began_s: float) -> None:
        """One has ended that began when `time.perf_counter` said so."""
        self.endings[code] += 1
        self.took_s.observe(time.perf_counter() - began_s)
