"""A shared cache in this process's memory: several of one `SharedMemory` are as several processes with one Redis.

Held to the same tests as Redis (`tests/integration/test_shared_cache.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from quote_core.clock import Clock
from quote_core.resilience import RateLimiter
from quote_core.shared_cache import Instant, Kept, Look, News, Taken, Turn
from quote_core.units import NS_PER_US


@dataclass
class SharedMemory:
    """What the server holds, by its clock, which is `clock`'s and so much ahead."""

    clock: Clock
    ahead_us: int = 7_000_000_000
    values: dict[str, tuple[int, int, bytes]] = field(default_factory=dict)
    """By name: when it runs out, its stamp, and what it is."""
    put_us: dict[str, dict[str, int]] = field(default_factory=dict)
    locks: dict[str, tuple[int, str]] = field(default_factory=dict)
    buckets: dict[str, RateLimiter] = field(default_factory=dict)
    sharers: dict[str, set[int]] = field(default_factory=dict)

    def now_us(self) -> int:
        return self.clock.mono_ns() // NS_PER_US + self.ahead_us


class FakeSharedCache:
    """One process's; `is_shared` may be set to False, as where Redis is gone."""

    def __init__(self, memory: SharedMemory) -> None:
        self.memory = memory
        self.is_shared = True
        self.look_count = 0
        self._since_us = 0
        self._turn_count = 0

    def sharer_count(self, bucket: str) -> int:
        return max(len(self.memory.sharers.get(bucket, ())), 1)

    async def look(self, names: Sequence[str], *, lock: str, young_ns: int, turn_ns: int) -> Look:
        self.look_count += 1
        if not self.is_shared:
            return Look((None,) * len(names), Turn(lock, "", None))
        memory, instant = self.memory, self._instant()
        now_us = instant.server_us
        kept = tuple(self._kept(name, instant) for name in names)
        if all(one is not None and instant.sent_mono_ns - one.mono_ns <= young_ns for one in kept):
            return Look(kept, None, instant)
        if memory.locks.get(lock, (0, ""))[0] > now_us:
            return Look(kept, None, instant)
        if not turn_ns:
            return Look(kept, None, instant)
        self._turn_count += 1
        token = f"{id(self)} {self._turn_count}"
        memory.locks[lock] = (now_us + turn_ns // NS_PER_US, token)
        return Look(kept, Turn(lock, token, instant), instant)

    async def news(self, topic: str) -> News:
        if not self.is_shared:
            return News((), has_more=False)
        put_us, instant = self.memory.put_us.get(topic, {}), self._instant()
        new = sorted((at, name) for name, at in put_us.items() if at > self._since_us)
        self._since_us = max([self._since_us, *(at for at, _ in new)])
        kept = [self._kept(name, instant) for _, name in new]
        return News(tuple(one for one in kept if one is not None), has_more=False)

    async def take(self, bucket: str, count: int, *, token_ns: int, burst_count: int) -> Taken | None:
        if not self.is_shared:
            return None
        memory = self.memory
        memory.sharers.setdefault(bucket, set()).add(id(self))
        limiter = memory.buckets.get(bucket)
        if limiter is None:
            limiter = RateLimiter(name=bucket, rate_per_s=1e9 / token_ns, burst_count=burst_count, clock=memory.clock)
            limiter.divide(1, credit_ns=0)
            limiter.pause(2_000_000_000)
            memory.buckets[bucket] = limiter
        wait_ns = limiter.take(count)
        paused_ns, limiter_credit = limiter.paused_ns, 0
        if not paused_ns:
            limiter_credit = round(limiter.tokens_available * token_ns)
        return Taken(wait_ns, limiter_credit, paused_ns)

    def put(self, topic: str, values: Mapping[str, tuple[int, bytes]], *, turn: Turn, keep_ns: int) -> None:
        if not self.is_shared or turn.instant is None:
            return
        now_us = self.memory.now_us()
        for name, (mono_ns, value) in values.items():
            stamp_us = turn.instant.stamp_us(mono_ns)
            runs_out_us = stamp_us + keep_ns // NS_PER_US
            held = self.memory.values.get(name)
            if runs_out_us > now_us and not (held is not None and held[1] > stamp_us):
                self.memory.values[name] = (runs_out_us, stamp_us, value)
                self.memory.put_us.setdefault(topic, {})[name] = now_us
        self.give_up(turn)

    def give_up(self, turn: Turn) -> None:
        if turn.token and self.memory.locks.get(turn.lock, (0, ""))[1] == turn.token:
            del self.memory.locks[turn.lock]

    def pause(self, bucket: str, duration_ns: int) -> None:
        if self.is_shared and bucket in self.memory.buckets:
            self.memory.buckets[bucket].pause(duration_ns)

    def _instant(self) -> Instant:
        mono_ns = self.memory.clock.mono_ns()
        return Instant(self.memory.now_us(), mono_ns, mono_ns)

    def _kept(self, name: str, instant: Instant) -> Kept | None:
        runs_out_us, stamp_us, value = self.memory.values.get(name, (0, 0, b""))
        mono_ns = instant.mono_ns(stamp_us)
        return None if runs_out_us <= instant.server_us or mono_ns is None else Kept(value, mono_ns, instant)
