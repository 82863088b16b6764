"""The only reader of time. Everything that needs a clock gets one through its constructor.

Two clocks, never mixed: `unix_ns` (wall time, for people and other hosts) and `mono_ns` (CLOCK_MONOTONIC, for ages
and deadlines on this host). The chain has a third, `quote_core.dex.pool.ChainClock`, which comes from the chain.
"""

import time
from typing import Final, Protocol

__all__ = ["SYSTEM_CLOCK", "Clock", "SystemClock"]


class Clock(Protocol):
    """Wall and monotonic time in nanoseconds."""

    def unix_ns(self) -> int:
        """Nanoseconds since 1970, wall clock; may jump."""
        ...

    def mono_ns(self) -> int:
        """Nanoseconds of CLOCK_MONOTONIC, the same for every process of this host; never goes back."""
        ...


class SystemClock:
    """The host's own clocks."""

    def unix_ns(self) -> int:
        """See `Clock.unix_ns`."""
        return time.time_ns()

    def mono_ns(self) -> int:
        """See `Clock.mono_ns`."""
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


SYSTEM_CLOCK: Final = SystemClock()
