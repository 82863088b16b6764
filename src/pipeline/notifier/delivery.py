"""Tells one destination what it is to be told, whatever that destination does; the others do not wait for it.

| it answers                    | then                                                                     |
|-------------------------------|--------------------------------------------------------------------------|
| taken                         | written down; what has come meanwhile goes out next                      |
| taken, and what is wrong      | the same, and that is said as long as it is so                           |
| wait, for so long             | nothing is sent for so long, and at most for a day                       |
| no, or nothing                | tried again after 1 s, then 2, up to 5 minutes; each try tells all there is by then |

A destination gets `messages_per_minute` messages, of which the last one is kept for what is critical. What does not go
out now goes out with the next message. One that takes nothing, be it that it refuses or asks to wait, is told in the
log, in the metrics, and in the health report, which is how the other destinations hear of it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from pipeline.notifier.alert import Alert, Level
from pipeline.notifier.book import AlertBook
from pipeline.notifier.destinations.base import ALERTS_A_MESSAGE_MAX, Destination
from pipeline.notifier.wording import Wording
from quote_core.clock import Clock
from quote_core.errors import RateLimited, UpstreamError
from quote_core.resilience.backoff import Backoff
from quote_core.resilience.rate_limit import RateLimiter
from quote_core.units import NS_PER_MS, NS_PER_S

__all__ = ["Delivery"]

LOOK_S: Final = 1.0
"""Between two looks when nothing has changed: the wait of a group, quiet hours and pauses end by themselves."""
_BACKOFF_FIRST_NS: Final = 1 * NS_PER_S
_BACKOFF_NS_MAX: Final = 300 * NS_PER_S
_MINUTE_S: Final = 60
_MS_PER_S: Final = 1_000

_log: Final = structlog.get_logger(part="delivery")


class Delivery:
    """One destination's.

    Args:
        destination: Who is told.
        book: What.
        wording: How.
        clock: When.
        messages_per_minute: At most.
        is_quiet: Whether a moment is in the quiet hours.
        on_told: Called when the book has changed.
    """

    def __init__(
        self,
        destination: Destination,
        *,
        book: AlertBook,
        wording: Wording,
        clock: Clock,
        messages_per_minute: int,
        is_quiet: Callable[[int], bool],
        on_told: Callable[[], None],
    ) -> None:
        self._destination = destination
        self._book = book
        self._wording = wording
        self._clock = clock
        self._is_quiet = is_quiet
        self._on_told = on_told
        self._limiter = RateLimiter(
            name=destination.name,
            rate_per_s=messages_per_minute / _MINUTE_S,
            burst_count=messages_per_minute,
            clock=clock,
        )
        self._backoff = Backoff(first_ns=_BACKOFF_FIRST_NS, pause_ns_max=_BACKOFF_NS_MAX)
        self._failing_mono_ns: int | None = None
        self._failure = self._remark = ""
        self.changed = asyncio.Event()
        """Set when the book has changed."""
        self.sent_count = 0
        """Messages taken."""
        self.failure_count = 0
        """Tries that failed."""

    @property
    def name(self) -> str:
        """The destination's."""
        return self._destination.name

    @property
    def pending_count(self) -> int:
        """Alerts that it has something to hear of."""
        return self._book.pending_count(self.name)

    @property
    def failing_ns(self) -> int:
        """For how long it has taken nothing that it was offered; 0 = it does."""
        return 0 if self._failing_mono_ns is None else max(1, self._clock.mono_ns() - self._failing_mono_ns)

    def detail(self) -> str:
        """What is wrong with it now; empty when nothing is."""
        if self._failure:
            return f"{self.name} takes no message: {self._failure}"
        return f"{self.name}: {self._remark}" if self._remark else ""

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            pause_s = await self.step()
            if pause_s:
                await asyncio.sleep(pause_s)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self.changed.wait()
            self.changed.clear()

    async def step(self) -> float:
        """Tell what is due now, at most one message; seconds not to try again for."""
        due = self._book.due(
            self.name, now_unix_ns=self._clock.unix_ns(), is_quiet=self._is_quiet(self._clock.unix_ns())
        )
        if not due:
            return 0.0
        is_critical = due[0].worst >= Level.CRITICAL
        if self._limiter.tokens_available < (1 if is_critical else 2):
            return 0.0
        self._limiter.take()
        try:
            await self._send(due)
        except RateLimited as error:
            self._limiter.pause(error.retry_after_ms * NS_PER_MS)
            self._note_failure(f"asks to wait {error.retry_after_ms / _MS_PER_S:.0f} s")
            return 0.0
        except UpstreamError as error:
            self._note_failure(str(error).removeprefix(f"{self.name}: "))
            return self._backoff.next_s()
        return 0.0

    async def _send(self, due: Sequence[Alert]) -> None:
        told = due[:ALERTS_A_MESSAGE_MAX]
        remark = await self._destination.send(self._wording.message(told, unsaid_count=len(due) - len(told)))
        self._book.note_told(self.name, told)
        self._on_told()
        self._note_success(remark)

    def _note_failure(self, reason: str) -> None:
        self.failure_count += 1
        if self._failing_mono_ns is None:
            self._failing_mono_ns = self._clock.mono_ns()
        if reason != self._failure:
            _log.warning("the destination takes no message", destination=self.name, reason=reason)
        self._failure = reason

    def _note_success(self, remark: str) -> None:
        self.sent_count += 1
        if self._failing_mono_ns is not None:
            _log.info(
                "the destination takes messages again", destination=self.name, after_ms=self.failing_ns // NS_PER_MS
            )
        if remark and remark != self._remark:
            _log.warning("the destination takes messages, and not all is well", destination=self.name, what=remark)
        self._failing_mono_ns, self._failure, self._remark = None, "", remark
        self._backoff.reset()
        self.changed.set()  # there may be more than one message held
