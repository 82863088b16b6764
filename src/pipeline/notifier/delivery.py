"""Tells one destination what it is to be told, whatever that destination does; the others do not wait for it.

| it answers                    | then                                                                     |
|-------------------------------|--------------------------------------------------------------------------|
| taken                         | written down; what has come meanwhile goes out next                      |
| taken, and what is wrong      | the same, and that is said as long as it is so                           |
| wait, for so long             | nothing is sent for so long, and at most for a day                       |
| not this message              | tried again likewise, each alert of it by itself; one that was refused   |
|                               | `refusals_max` times is set aside until there is more to tell of it      |
| no, or nothing                | tried again after 1 s, then 2, up to 5 minutes; each try tells all there is by then |

A destination gets `messages_per_minute` messages, of which the last one is kept for what is critical. What does not go
out now goes out with the next message. What was refused waits for what was not, so that it holds up nothing; what is
set aside is counted, and the other destinations are told. One that takes nothing, be it that it refuses or asks to
wait, is told in the log, in the metrics, and in the health report, which is how the other destinations hear of it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from pipeline.notifier.alert import Alert, Level, Notice
from pipeline.notifier.book import AlertBook
from pipeline.notifier.destinations.base import ALERTS_A_MESSAGE_MAX, Destination, MessageRefused
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


@dataclass(frozen=True, slots=True)
class _Refused:
    """How often an alert was refused as it stood at `news`."""

    news: int
    count: int


class Delivery:
    """One destination's.

    Args:
        destination: Who is told.
        book: What.
        wording: How.
        clock: When.
        messages_per_minute: At most.
        refusals_max: How often an alert is tried that is refused for what it says.
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
        refusals_max: int,
        is_quiet: Callable[[int], bool],
        on_told: Callable[[], None],
    ) -> None:
        self._destination = destination
        self._book = book
        self._wording = wording
        self._clock = clock
        self._refusals_max = refusals_max
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
        self._refused: dict[int, _Refused] = {}
        """By the alert's number."""
        self.changed = asyncio.Event()
        """Set when the book has changed."""
        self.sent_count = 0
        """Messages taken."""
        self.failure_count = 0
        """Tries that failed."""
        self.undeliverable_count = 0
        """Alerts set aside."""

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
        told = self._together(due)
        is_critical = told[0].worst >= Level.CRITICAL
        if self._limiter.tokens_available < (1 if is_critical else 2):
            return 0.0
        self._limiter.take()
        try:
            await self._send(told, unsaid_count=len(due) - len(told))
        except RateLimited as error:
            self._limiter.pause(error.retry_after_ms * NS_PER_MS)
            self._note_failure(f"asks to wait {error.retry_after_ms / _MS_PER_S:.0f} s")
            return 0.0
        except UpstreamError as error:
            reason = str(error).removeprefix(f"{self.name}: ")
            self._note_failure(reason)
            if isinstance(error, MessageRefused):
                self._note_refusal(told, reason)
            return self._backoff.next_s()
        return 0.0

    def _together(self, due: Sequence[Alert]) -> Sequence[Alert]:
        """What goes into one message: all that was never refused; else, by itself, what was least often."""
        unsuspected = [alert for alert in due if not self._refusal_count(alert)]
        return unsuspected[:ALERTS_A_MESSAGE_MAX] or [min(due, key=self._refusal_count)]

    def _refusal_count(self, alert: Alert) -> int:
        refused = self._refused.get(alert.number)
        return refused.count if refused is not None and refused.news == alert.news else 0

    def _note_refusal(self, told: Sequence[Alert], reason: str) -> None:
        for alert in told:
            self._refused[alert.number] = _Refused(alert.news, self._refusal_count(alert) + 1)
        if len(told) == 1 and self._refusal_count(told[0]) >= self._refusals_max:
            self._set_aside(told[0], reason)
        kept = {alert.number for alert in self._book.alerts}
        self._refused = {number: one for number, one in self._refused.items() if number in kept}

    def _set_aside(self, alert: Alert, reason: str) -> None:
        """Take it for told here, and tell the others."""
        self.undeliverable_count += 1
        _log.error("an alert is set aside", destination=self.name, number=alert.number, reason=reason)
        now_unix_ns = self._clock.unix_ns()
        notice = Notice(
            key=f"undeliverable:{self.name}",
            level=max(Level.WARNING, min(alert.worst, Level.CRITICAL)),
            title=f"{self.name} does not take alert {alert.number}",
            text=f"{reason}, {self._refusals_max} times. It was: {alert.title}",
            at_unix_ns=now_unix_ns,
            variant=f"{alert.number}.{alert.news}",
        )
        self._book.take(notice, now_unix_ns=now_unix_ns)
        of_notice = self._book.open_on(notice.key)
        self._book.note_told(self.name, [alert, *([of_notice] if of_notice is not None else [])])
        if not self.pending_count:
            self._failing_mono_ns, self._failure = None, ""
        self._on_told()

    async def _send(self, told: Sequence[Alert], *, unsaid_count: int) -> None:
        remark = await self._destination.send(self._wording.message(told, unsaid_count=unsaid_count))
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
