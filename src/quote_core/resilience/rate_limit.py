"""A token bucket that never queues: tokens are there, or the caller learns at once how long to wait."""

from quote_core.clock import Clock
from quote_core.errors import RateLimited
from quote_core.resilience.pause import Pause
from quote_core.units import NS_PER_MS, NS_PER_S

__all__ = ["RateLimiter"]


class RateLimiter:
    """`rate_per_s` tokens a second, at most `burst_count` saved up. Starts full.

    Time is counted in whole nanoseconds per token, so that no rounding accumulates.
    """

    def __init__(self, *, name: str, rate_per_s: float, burst_count: int, clock: Clock) -> None:
        assert rate_per_s > 0
        assert burst_count >= 1
        self._name = name
        self._clock = clock
        self._burst_count = burst_count
        self._whole_token_ns = self._token_ns = round(NS_PER_S / rate_per_s)
        # The bucket as one number: the time at which it was, or will be, empty-handed no more. `now - that` is credit.
        self._credit_from_ns = clock.mono_ns() - burst_count * self._token_ns
        self._pause = Pause(name=name, clock=clock)

    @property
    def rate_per_s(self) -> float:
        """Tokens a second."""
        return NS_PER_S / self._token_ns

    @property
    def tokens_available(self) -> float:
        """Tokens there now; 0 while paused."""
        if self._pause.remaining_ns:
            return 0.0
        return min((self._clock.mono_ns() - self._credit_from_ns) / self._token_ns, float(self._burst_count))

    @property
    def paused_ns(self) -> int:
        """How long the other side said to stay away; 0 = it does not."""
        return self._pause.remaining_ns

    def wait_ns(self, count: int = 1) -> int:
        """How long until `count` tokens are there, if nobody takes any; 0 = now.

        Of more than can be saved up: how long until as many have come.
        """
        return max(
            self._credited_from_ns() + count * self._token_ns - self._clock.mono_ns(), self._pause.remaining_ns, 0
        )

    def take(self, count: int = 1) -> int:
        """Take `count` tokens together and return 0, or none and return how long to wait for them, in nanoseconds."""
        assert count <= self._burst_count, "more than can ever be saved up"
        wait_ns = self.wait_ns(count)
        if wait_ns == 0:
            self._credit_from_ns = self._credited_from_ns() + count * self._token_ns
        return wait_ns

    def reserve(self, count: int = 1) -> None:
        """Take `count` tokens together, or none.

        Raises:
            RateLimited: They are not all there; carries the wait.
        """
        wait_ns = self.take(count)
        if wait_ns > 0:
            raise RateLimited(self._name, -(-wait_ns // NS_PER_MS))

    def pause(self, duration_ns: int) -> None:
        """Give no token for so long: the other side said to stay away. See `Pause.extend`."""
        self._pause.extend(duration_ns)

    @property
    def token_ns(self) -> int:
        """How often a token comes, where nobody else takes any."""
        return self._whole_token_ns

    @property
    def burst_count(self) -> int:
        """Most tokens that are saved up."""
        return self._burst_count

    def divide(self, sharer_count: int, *, credit_ns: int) -> None:
        """Go on with one part of `sharer_count` of the rate, and with what is saved up said anew.

        Args:
            sharer_count: Who take of the same rate, each its part; 1 = this one has it all, or asks the others.
            credit_ns: What is saved up, as the time in which that comes; below what was said at first.
        """
        assert sharer_count >= 1
        self._token_ns = self._whole_token_ns * sharer_count
        self._credit_from_ns = self._clock.mono_ns() - credit_ns

    def _credited_from_ns(self) -> int:
        return max(self._credit_from_ns, self._clock.mono_ns() - self._burst_count * self._token_ns)
