"""One provider's rate, kept together by all who have its key.

While the bucket they share can be asked, it is what counts; the process's own limiter is told what is saved up there,
so that its waits are true and its two parties have their parts of it. When it cannot be asked any more, the process
goes on with its part of the rate, as many as last shared it, and with nothing saved up: the others do the same, at
about the same time. A process that never could ask knows of no others, and has it all.
"""

from typing import Final

from quote_core.errors import RateLimited
from quote_core.resilience import RateLimiter
from quote_core.shared_cache import IN_PROCESS, SharedCache
from quote_core.units import NS_PER_MS

__all__ = ["SharedRate"]


class SharedRate:
    """`bucket` of `shared`, beside the process's own `limiter`."""

    def __init__(self, limiter: RateLimiter, *, name: str, shared: SharedCache = IN_PROCESS, bucket: str = "") -> None:
        self.limiter: Final = limiter
        self._name = name
        self._shared = shared
        self._bucket = bucket
        self._is_counted_there = False

    async def take(self, count: int) -> None:
        """Take `count` tokens that the limiter has given.

        Raises:
            RateLimited: Others have taken them, or nobody can say any more whether they have; carries the wait.
        """
        limiter, was_counted_there = self.limiter, self._is_counted_there
        taken = await self._shared.take(self._bucket, count, token_ns=limiter.token_ns, burst_count=limiter.burst_count)
        if taken is not None:
            self._is_counted_there = True
            limiter.divide(1, credit_ns=taken.credit_ns)
            if taken.paused_ns:
                limiter.pause(taken.paused_ns)
            if taken.wait_ns:
                raise RateLimited(self._name, -(-taken.wait_ns // NS_PER_MS))
        elif was_counted_there:
            if self._is_counted_there:
                self._is_counted_there = False
                limiter.divide(self._shared.sharer_count(self._bucket), credit_ns=0)
            raise RateLimited(self._name, -(-limiter.wait_ns(count) // NS_PER_MS))

    def pause(self, duration_ns: int) -> None:
        """The provider said to stay away: this process does, and so do the others."""
        self.limiter.pause(duration_ns)
        self._shared.pause(self._bucket, duration_ns)
