"""Try again what an upstream failed to do, with jittered exponential pauses, never past the deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import tenacity

from quote_core.clock import Clock
from quote_core.errors import RateLimited, UpstreamError
from quote_core.units import NS_PER_S

__all__ = ["retry_within"]

_Result = TypeVar("_Result")


async def retry_within(
    call: Callable[[], Awaitable[_Result]],
    *,
    deadline_mono_ns: int,
    clock: Clock,
    attempt_count_max: int = 3,
    first_pause_s: float = 0.05,
    pause_s_max: float = 1.0,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> _Result:
    """Call until it works, the error is no upstream's, the attempts are used up, or the next one would come too late.

    A rate limit is not retried: it says itself when to come back.

    Args:
        call: Made anew for each attempt.
        deadline_mono_ns: No attempt begins after it.
        clock: For the deadline.
        attempt_count_max: Calls altogether.
        first_pause_s: Upper end of the first pause; doubles.
        pause_s_max: Upper end of any pause.
        sleep: How to pause.

    Raises:
        SolquoteError: The last attempt's own error.
    """

    def enough(state: tenacity.RetryCallState) -> bool:
        pause_ns = round(state.upcoming_sleep * NS_PER_S)
        return state.attempt_number >= attempt_count_max or clock.mono_ns() + pause_ns >= deadline_mono_ns

    attempts = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda e: isinstance(e, UpstreamError) and not isinstance(e, RateLimited)),
        stop=enough,
        wait=tenacity.wait_random_exponential(multiplier=first_pause_s, max=pause_s_max),
        sleep=sleep,
        reraise=True,
    )
    return await attempts(call)
