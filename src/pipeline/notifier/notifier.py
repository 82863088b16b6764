"""From what passes on the bus to the alerts, and from the acknowledgements; deliveries work off what is there.

SYSTEM and DEAD_LETTERS are read in order from the place written down with the alerts, so nothing is missed while the
notifier is away for as long as the streams keep it. At the very first start they are read from now on, and the latched
switch as it is. METRICS is a matter of now: it is followed from the start, and a process's next report says how it is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import structlog

from pipeline.notifier.acknowledgements import waiting_acknowledgements
from pipeline.notifier.alert import Ending, Level, Notice, State
from pipeline.notifier.book import AlertBook, BookRules
from pipeline.notifier.book_file import BookFile, Kept
from pipeline.notifier.health_watch import HealthWatch
from pipeline.notifier.reading import notice_of_dead_letter, of_switch, of_system
from quote_core.bus import Bus
from quote_core.bus.follow import Followed, Place, before_newest, follow
from quote_core.clock import Clock
from quote_core.errors import LayoutMismatch, ProviderUnavailable
from quote_core.events import KILL_SWITCH_HEARTBEAT, KillSwitch, ServiceHealth, Stream, decode, subjects_of
from quote_core.health import WorkFigures

__all__ = ["Notifier"]

LOOK_S: Final = 0.5
RETRY_S: Final = 0.5
BUS_KEY: Final = "bus"

_log: Final = structlog.get_logger(part="notifier")


class Notifier:
    """One notifier's knowledge.

    Args:
        folder: Of its files.
        kept: What they hold.
        rules: How alerts are told.
        clock: Wall time for people, monotonic for silence.
        silence_ns: See `HealthWatch`; also how long the bus may be away.
        unwell_ns: See `HealthWatch`.
        settle_ns: See `HealthWatch`.
        on_news: Called whenever there may be something to tell.
    """

    def __init__(
        self,
        folder: Path,
        kept: Kept,
        rules: BookRules,
        *,
        clock: Clock,
        silence_ns: int,
        unwell_ns: int,
        settle_ns: int,
        on_news: Callable[[], None],
    ) -> None:
        self.book = AlertBook(rules, alerts=kept.alerts, next_number=kept.next_number)
        self.file = BookFile(folder, self._kept)
        self.remaining: dict[Stream, int] = {}
        """How many each stream kept behind the message read last."""
        self._folder = folder
        self._clock = clock
        self._silence_ns = silence_ns
        self._on_news = on_news
        self._places = dict(kept.places)
        self._watch = HealthWatch(
            silence_ns=silence_ns,
            unwell_ns=unwell_ns,
            settle_ns=settle_ns,
            known=kept.known,
            now_mono_ns=clock.mono_ns(),
        )
        self._connected_mono_ns = clock.mono_ns()
        self._dropped_count = 0
        self._handled_count = 0
        self._error_count = 0

    def note_change(self) -> None:
        """The book has changed."""
        self.file.note_change()
        self._on_news()

    def work(self) -> WorkFigures:
        """Messages read so far, and those that could not be."""
        return WorkFigures.now(handled_total=self._handled_count, errors_total=self._error_count)

    def line(self) -> str:
        """The alerts, in one line."""
        states = [alert.state for alert in self.book.alerts]
        waiting_count = states.count(State.OPEN) + states.count(State.ESCALATED)
        return f"{waiting_count} alerts open, {states.count(State.ACKNOWLEDGED)} acknowledged"

    async def follow_bus(self, bus: Bus) -> None:
        """Read the three streams, and hear the system manager's heartbeat, until cancelled.

        Raises:
            ProviderUnavailable: NATS does not let these credentials listen.
        """
        await bus.listen(KILL_SWITCH_HEARTBEAT, lambda _: self._watch.hear_manager(self._clock.mono_ns()))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_events(bus, Stream.SYSTEM, of_system))
            tasks.create_task(self._follow_events(bus, Stream.DEAD_LETTERS, notice_of_dead_letter))
            tasks.create_task(self._follow_health(bus))

    async def look_after(self, is_connected: Callable[[], bool]) -> None:
        """Silence, escalations and acknowledgements, until cancelled."""
        while True:
            self._look(is_connected=is_connected())
            self._heed_acknowledgements()
            await asyncio.sleep(LOOK_S)

    async def _follow_events(
        self, bus: Bus, stream: Stream, read: Callable[[Followed], Notice | Ending | None]
    ) -> None:
        await bus.wait_for_stream(stream)
        if stream not in self._places:
            self._places[stream] = await _outlasting(partial(before_newest, bus, stream, 0))
            if stream is Stream.SYSTEM:
                self._take(await self._latched(bus))
            self.note_change()  # the place, too: from here on nothing is missed
        async for batch in follow(bus, stream, after=self._places[stream]):
            for message in batch:
                self._handled_count += 1
                self._take(read(message))
                self._places[stream] = Place(message.created, message.sequence)
            if batch:
                self.remaining[stream] = batch[-1].remaining_count
                self.note_change()

    async def _latched(self, bus: Bus) -> Notice | Ending | None:
        """How the switch stands; None when nothing, or nothing that can be read, is latched."""
        try:
            event = await _outlasting(partial(bus.last, KillSwitch))
        except LayoutMismatch:
            return None
        return of_switch(event, at_unix_ns=event.changed_unix_ns) if isinstance(event, KillSwitch) else None

    async def _follow_health(self, bus: Bus) -> None:
        since_unix_ns = self._clock.unix_ns()
        await bus.wait_for_stream(Stream.METRICS)
        subjects = [subjects_of(ServiceHealth)]
        async for batch in follow(bus, Stream.METRICS, subjects=subjects, since_unix_ns=since_unix_ns):
            known = self._watch.known
            has_news = False
            for message in batch:
                self._handled_count += 1
                try:
                    report = decode(message.data)
                except LayoutMismatch:
                    self._error_count += 1
                    continue
                if isinstance(report, ServiceHealth):
                    now_mono_ns, unix_ns = self._clock.mono_ns(), self._clock.unix_ns()
                    for notice in self._watch.hear(report, now_mono_ns=now_mono_ns, unix_ns=unix_ns):
                        has_news |= self._is_other(notice)
                        self._take(notice)
            if has_news or self._watch.known != known:
                self.note_change()

    def _is_other(self, notice: Notice) -> bool:
        """Whether it says more than that it is as it was, which a process does each second."""
        alert = self.book.open_on(notice.key)
        return alert is None or (alert.variant, alert.text) != (notice.variant, notice.text)

    def _look(self, *, is_connected: bool) -> None:
        now_mono_ns, unix_ns = self._clock.mono_ns(), self._clock.unix_ns()
        has_news = self.book.look(now_unix_ns=unix_ns)
        if is_connected:
            self._connected_mono_ns = now_mono_ns
            ending = Ending(key=BUS_KEY, text="NATS is there again.", at_unix_ns=unix_ns)
            has_news |= self.book.end(ending, now_unix_ns=unix_ns)
            for found in self._watch.look(now_mono_ns=now_mono_ns, unix_ns=unix_ns):
                has_news = True
                self._take(found)
        else:
            self._watch.begin_anew(now_mono_ns)
            if now_mono_ns - self._connected_mono_ns >= self._silence_ns and self.book.open_on(BUS_KEY) is None:
                has_news = True
                self._take(_bus_is_away(unix_ns))
        if has_news:
            self.note_change()
        if self.book.dropped_count > self._dropped_count:
            _log.warning("alerts are forgotten untold", count=self.book.dropped_count - self._dropped_count)
            self._dropped_count = self.book.dropped_count

    def _heed_acknowledgements(self) -> None:
        """Each is taken away only once it is written down, at a later look."""
        waiting = list(waiting_acknowledgements(self._folder))
        now_unix_ns = self._clock.unix_ns()
        heeded = [self.book.acknowledge(one.number, by=one.by, now_unix_ns=now_unix_ns) for one in waiting]
        if any(heeded):
            self.note_change()
        if not self.file.is_current:
            return
        for one in waiting:
            try:
                one.take_away()
            except OSError as error:
                _log.warning("an acknowledgement cannot be taken away", number=one.number, reason=error.strerror)

    def _take(self, found: Notice | Ending | None) -> None:
        now_unix_ns = self._clock.unix_ns()
        match found:
            case Notice():
                self.book.take(found, now_unix_ns=now_unix_ns)
            case Ending():
                self.book.end(found, now_unix_ns=now_unix_ns)

    def _kept(self) -> Kept:
        return Kept(
            alerts=tuple(self.book.alerts),
            next_number=self.book.next_number,
            places=dict(self._places),
            known=tuple(self._watch.known),
        )


_Answer = TypeVar("_Answer")


async def _outlasting(ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """The answer of the bus, however often it has to be asked."""
    while True:
        try:
            return await ask()
        except ProviderUnavailable:
            await asyncio.sleep(RETRY_S)


def _bus_is_away(unix_ns: int) -> Notice:
    return Notice(
        key=BUS_KEY,
        level=Level.CRITICAL,
        title="The notifier cannot reach NATS",
        text="Without NATS nothing is traded, and nothing of the pipeline is told here.",
        at_unix_ns=unix_ns,
        is_lasting=True,
    )
