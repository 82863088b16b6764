"""What one client has used of what it may: calls a second, calls in 24 hours, streams at once. Does no I/O.

| bound   | is counted by                                              | at the bound                   |
|---------|------------------------------------------------------------|--------------------------------|
| rate    | a token bucket (`resilience.rate_limit`)                   | refused, with the wait         |
| quota   | calls since the first of a window of 24 hours, which ends  | refused, with the window's rest|
| streams | those that are open                                        | refused                        |

A refused call takes nothing. What has been used is forgotten with the process.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from quote_core.clock import Clock
from quote_core.errors import TooManyCalls, TooManyStreams
from quote_core.resilience.rate_limit import RateLimiter
from quote_core.units import NS_PER_MS, NS_PER_S

__all__ = ["Budget", "Budgets", "Limits"]

QUOTA_WINDOW_NS: Final = 24 * 3600 * NS_PER_S
CLIENT_COUNT_MAX: Final = 10_000
"""Clients whose use is known; of more, the one that has asked least lately is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What each client may use; 0 = as much as it likes."""

    rate_per_s: float = 0
    burst_count: int = 1
    quota_count: int = 0
    stream_count_max: int = 0

    @property
    def bounds_anything(self) -> bool:
        """Whether there is anything to count."""
        return bool(self.rate_per_s or self.quota_count or self.stream_count_max)


class Budget:
    """One client's; `name` is what it is called in refusals."""

    def __init__(self, name: str, limits: Limits, clock: Clock) -> None:
        self.name = name
        self.stream_count = 0
        self._clock = clock
        self._quota_ends_ns = 0
        self._quota_used_count = 0
        self.limit(limits)

    def limit(self, limits: Limits) -> None:
        """Go on under other limits: with a full bucket, and what was used of the quota still used."""
        self._limits = limits
        self._limiter = None
        if limits.rate_per_s:
            self._limiter = RateLimiter(
                name=self.name, rate_per_s=limits.rate_per_s, burst_count=limits.burst_count, clock=self._clock
            )

    def charge(self) -> None:
        """One call more.

        Raises:
            TooManyCalls: It may not be made now; nothing is charged.
        """
        limits, limiter = self._limits, self._limiter
        if limits.quota_count and (wait_ns := self._quota_wait_ns(limits.quota_count)):
            raise TooManyCalls(self.name, f"{limits.quota_count} calls in 24 hours", -(-wait_ns // NS_PER_MS))
        if limiter is not None and (wait_ns := limiter.take()):
            raise TooManyCalls(self.name, f"{limits.rate_per_s:g} calls a second", -(-wait_ns // NS_PER_MS))
        self._quota_used_count += 1

    def begin_stream(self) -> None:
        """One stream more, until `end_stream`.

        Raises:
            TooManyStreams: As many are open as may be.
        """
        if 0 < self._limits.stream_count_max <= self.stream_count:
            raise TooManyStreams(self._limits.stream_count_max, whose="one client")
        self.stream_count += 1

    def end_stream(self) -> None:
        """One stream less."""
        self.stream_count -= 1

    def _quota_wait_ns(self, count_max: int) -> int:
        """How long until a window has room; it begins with its first call."""
        now_ns = self._clock.mono_ns()
        if now_ns >= self._quota_ends_ns:
            self._quota_ends_ns = now_ns + QUOTA_WINDOW_NS
            self._quota_used_count = 0
        return self._quota_ends_ns - now_ns if self._quota_used_count >= count_max else 0


class Budgets:
    """Those of all clients, by name; at most `CLIENT_COUNT_MAX`, and those with open streams."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._by_name: OrderedDict[str, Budget] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_name)

    def of(self, name: str) -> Budget:
        """A client's, made when it first asks."""
        budget = self._by_name.get(name)
        if budget is not None:
            self._by_name.move_to_end(name)
            return budget
        if len(self._by_name) >= CLIENT_COUNT_MAX:
            self._forget_one()
        budget = self._by_name[name] = Budget(name, self._limits, self._clock)
        return budget

    def limit(self, limits: Limits) -> None:
        """Set other limits for all."""
        self._limits = limits
        for budget in self._by_name.values():
            budget.limit(limits)

    def _forget_one(self) -> None:
        idle = next((name for name, budget in self._by_name.items() if not budget.stream_count), None)
        if idle is not None:
            del self._by_name[idle]
