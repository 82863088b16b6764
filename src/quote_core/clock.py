"""The only reader of time. Everything that needs a clock gets one through its constructor.

Two clocks, never mixed: `unix_ns` (wall time, for people and other hosts) and `mono_ns` (CLOCK_MONOTONIC, for ages
and deadlines on this host). The chain has a third, `quote_core.dex.pool.ChainClock`, which comes from the chain.

A point in time that travels to other processes is a `Moment`: both clocks, and whose monotonic clock it was.
"""

import functools
import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

__all__ = [
    "AGE_UNKNOWN_NS",
    "NO_MOMENT",
    "SYSTEM_CLOCK",
    "Clock",
    "Moment",
    "StepWatch",
    "SystemClock",
    "boot_id",
    "moment",
]

AGE_UNKNOWN_NS: Final = 2**63 - 1
"""Older than every limit: the age of what cannot be placed in time."""

WALL_CLOCKS_APART_NS_MAX: Final = 2_000_000_000
"""How far ahead of ours another host's wall clock may be before what it says of time is not believed."""


WALL_STEP_NS_MIN: Final = 500_000_000
"""A wall clock that moves against the monotonic one by more than this between two looks was set, not disciplined."""


class Clock(Protocol):
    """Wall and monotonic time in nanoseconds."""

    def unix_ns(self) -> int:
        """Nanoseconds since 1970, wall clock; may jump."""
        ...

    def mono_ns(self) -> int:
        """Nanoseconds of CLOCK_MONOTONIC, the same for every process of this host; never goes back."""
        ...


class SystemClock:
    """The host's own clocks: calls of C as they are, for every quote that is told reads them."""

    unix_ns = staticmethod(time.time_ns)
    mono_ns = staticmethod(functools.partial(time.clock_gettime_ns, time.CLOCK_MONOTONIC))


SYSTEM_CLOCK: Final = SystemClock()


@functools.cache
def boot_id() -> int:
    """Which CLOCK_MONOTONIC this process reads: a number of 64 bits, another for every boot and every time namespace.

    0 when the kernel does not say; then nothing is compared by its monotonic clock.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        namespace = os.readlink("/proc/self/ns/time")
    except OSError:
        return 0
    return int.from_bytes(hashlib.blake2b((boot + namespace).encode(), digest_size=8).digest(), "little")


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time that any process can tell the age of.

    Attributes:
        boot_id: Whose monotonic clock `mono_ns` is of, see `boot_id()`; 0 = it is of no use.
        mono_ns: CLOCK_MONOTONIC.
        unix_ns: Wall clock.
    """

    boot_id: int
    mono_ns: int
    unix_ns: int

    def age_ns(self, now: "Moment") -> int:
        """Time from this moment to `now`, in nanoseconds, never below zero.

        By the monotonic clock where both are of one boot, so that a step of the wall clock changes nothing; else by the
        wall clock. A moment that lies ahead (of another host: by more than `WALL_CLOCKS_APART_NS_MAX`) vouches for
        nothing: `AGE_UNKNOWN_NS`.
        """
        if self.boot_id and self.boot_id == now.boot_id:
            age_ns = now.mono_ns - self.mono_ns
            return age_ns if age_ns >= 0 else AGE_UNKNOWN_NS
        age_ns = now.unix_ns - self.unix_ns
        if age_ns < -WALL_CLOCKS_APART_NS_MAX:
            return AGE_UNKNOWN_NS
        return max(0, age_ns)

    def earlier_by(self, span_ns: int) -> "Moment":
        """The moment `span_ns` before this one."""
        return Moment(self.boot_id, self.mono_ns - span_ns, self.unix_ns - span_ns)


NO_MOMENT: Final = Moment(0, 0, 0)
"""Not known when: 1970, which is past every limit."""


def moment(clock: Clock) -> Moment:
    """Now, by `clock`."""
    return Moment(boot_id(), clock.mono_ns(), clock.unix_ns())


class StepWatch:
    """Notices that the wall clock was set, or that the host slept; whoever has one looks about once a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._apart_ns = self._apart()

    def step_ns(self) -> int:
        """By how much the wall clock was set since the last look, forward above zero; 0 = it was not."""
        apart_ns = self._apart()
        step_ns, self._apart_ns = apart_ns - self._apart_ns, apart_ns
        return step_ns if abs(step_ns) > WALL_STEP_NS_MIN else 0

    def _apart(self) -> int:
        return self._clock.unix_ns() - self._clock.mono_ns()
