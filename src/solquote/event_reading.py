"""The events and the streams of the bus, read for `solquote events`."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence

from quote_core.bus import Bus
from quote_core.bus.follow import Followed, follow, read_to_end
from quote_core.bus.stream_clock import state_of_stream
from quote_core.bus.survey import ConsumerSurvey, StreamSurvey, consumers_of, survey_of
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import ProviderUnavailable
from quote_core.events.subjects import Stream
from quote_core.settings import PlatformSettings
from solquote.bus_reading import open_bus
from solquote.event_counts import EventCount, EventCounts
from solquote.event_filter import EventFilter
from solquote.event_lines import StoredEvent, print_event
from solquote.event_pace import ReplayPace

__all__ = ["Surveyed", "count_events", "dump_events", "replay_events", "survey_streams", "tail_events"]


def tail_events(
    platform: PlatformSettings, wanted: EventFilter, count: int, *, as_json: bool, timeout_s: float
) -> None:
    """Print `count` events as they come."""
    try:
        asyncio.run(_tail(platform, wanted, count, as_json=as_json, timeout_s=timeout_s))
    except BaseExceptionGroup as errors:  # of the tasks; the first, such as a reader that has gone, is what happened
        raise errors.exceptions[0] from None


async def _tail(
    platform: PlatformSettings, wanted: EventFilter, count: int, *, as_json: bool, timeout_s: float
) -> None:
    left = count

    def connection(*, is_up: bool) -> None:
        sys.stderr.write(f"solquote: NATS is {'back' if is_up else 'gone; trying to reach it again'}\n")

    async with open_bus(platform, name="solquote events", timeout_s=timeout_s, on_connection=connection) as bus:
        arrived: asyncio.Queue[Sequence[StoredEvent]] = asyncio.Queue(maxsize=1)  # a slow reader slows the server
        async with asyncio.TaskGroup() as tasks:
            following = [tasks.create_task(_follow(bus, stream, wanted, arrived)) for stream in wanted.streams]
            while left > 0:
                batch = (await arrived.get())[:left]
                left -= len(batch)
                for event in batch:
                    print_event(event, as_json=as_json)
                sys.stdout.flush()
            for task in following:
                task.cancel()


async def _follow(
    bus: Bus, stream: Stream, wanted: EventFilter, arrived: "asyncio.Queue[Sequence[StoredEvent]]"
) -> None:
    """Hand on what is stored from now on, by the server's clock."""
    since_unix_ns = await _server_unix_ns(bus, stream)
    async for batch in follow(bus, stream, subjects=wanted.subjects[stream], since_unix_ns=since_unix_ns):
        if batch:
            await arrived.put([_stored(stream, message) for message in batch])


async def _server_unix_ns(bus: Bus, stream: Stream) -> int:
    while True:
        with contextlib.suppress(ProviderUnavailable):
            return (await state_of_stream(bus, stream)).unix_ns
        await bus.wait_for_stream(stream)


def dump_events(
    platform: PlatformSettings,
    wanted: EventFilter,
    since_unix_ns: int | None,
    until_unix_ns: int | None,
    *,
    as_json: bool,
    timeout_s: float,
) -> None:
    """Print what the streams keep of a span, in the order in which it was stored."""
    asyncio.run(_dump(platform, wanted, since_unix_ns, until_unix_ns, as_json=as_json, timeout_s=timeout_s))


async def _dump(
    platform: PlatformSettings,
    wanted: EventFilter,
    since_unix_ns: int | None,
    until_unix_ns: int | None,
    *,
    as_json: bool,
    timeout_s: float,
) -> None:
    async with open_bus(platform, name="solquote events", timeout_s=timeout_s) as bus:
        async for event in _kept_of_all(bus, wanted, since_unix_ns, until_unix_ns):
            print_event(event, as_json=as_json)


def count_events(
    platform: PlatformSettings,
    wanted: EventFilter,
    since_unix_ns: int | None,
    until_unix_ns: int | None,
    *,
    timeout_s: float,
) -> Sequence[EventCount]:
    """Read what the streams keep of a span, and count it."""
    return asyncio.run(_count(platform, wanted, since_unix_ns, until_unix_ns, timeout_s=timeout_s))


async def _count(
    platform: PlatformSettings,
    wanted: EventFilter,
    since_unix_ns: int | None,
    until_unix_ns: int | None,
    *,
    timeout_s: float,
) -> Sequence[EventCount]:
    counts = EventCounts(wanted)
    async with open_bus(platform, name="solquote events", timeout_s=timeout_s) as bus:
        for stream in wanted.streams:
            async for event in _kept(bus, stream, wanted, since_unix_ns, until_unix_ns):
                counts.take(event)
    return counts.told()


def replay_events(
    platform: PlatformSettings,
    wanted: EventFilter,
    since_unix_ns: int | None,
    until_unix_ns: int | None,
    pace: ReplayPace,
    *,
    as_json: bool,
    timeout_s: float,
) -> None:
    """Print what the streams keep of a span, each event when it is due."""
    asyncio.run(_replay(platform, wanted, since_unix_ns, until_unix_ns, pace, as_json=as_json, timeout_s=timeout_s))


async def _replay(
    platform: PlatformSettings,
    wanted: EventFilter,
    since_unix_ns: int | None,
    until_unix_ns: int | None,
    pace: ReplayPace,
    *,
    as_json: bool,
    timeout_s: float,
) -> None:
    left = pace.count_max
    async with open_bus(platform, name="solquote events", timeout_s=timeout_s) as bus:
        async for event in _kept_of_all(bus, wanted, since_unix_ns, until_unix_ns):
            wait_s = pace.wait_s(event.stored_unix_ns, SYSTEM_CLOCK.mono_ns())
            if wait_s:
                sys.stdout.flush()  # whoever reads along sees what is due now
                await asyncio.sleep(wait_s)
            print_event(event, as_json=as_json)
            left -= 1
            if not left:
                return


def _kept_of_all(
    bus: Bus, wanted: EventFilter, since_unix_ns: int | None, until_unix_ns: int | None
) -> AsyncIterator[StoredEvent]:
    return _by_time([_kept(bus, stream, wanted, since_unix_ns, until_unix_ns) for stream in wanted.streams])


async def _kept(
    bus: Bus, stream: Stream, wanted: EventFilter, since_unix_ns: int | None, until_unix_ns: int | None
) -> AsyncIterator[StoredEvent]:
    async for message in read_to_end(bus, stream, subjects=wanted.subjects[stream], since_unix_ns=since_unix_ns):
        if until_unix_ns is not None and message.stored_unix_ns >= until_unix_ns:
            return
        yield _stored(stream, message)


async def _by_time(sources: Sequence[AsyncIterator[StoredEvent]]) -> AsyncIterator[StoredEvent]:
    """What all sources give, earliest first; each gives its own in order."""
    heads = {source: await anext(source, None) for source in sources}
    while left := {source: head for source, head in heads.items() if head is not None}:
        source = min(left, key=lambda source: left[source].stored_unix_ns)
        yield left[source]
        heads[source] = await anext(source, None)


def _stored(stream: Stream, message: Followed) -> StoredEvent:
    return StoredEvent(stream.value, message.sequence, message.subject, message.stored_unix_ns, message.data)


Surveyed = tuple[StreamSurvey, list[ConsumerSurvey] | None]
"""A stream and its readers; `None` where the server does not let us ask who they are."""


def survey_streams(platform: PlatformSettings, streams: Sequence[Stream], *, timeout_s: float) -> list[Surveyed]:
    """Ask for each stream, and its readers where the server lets us ask."""
    return asyncio.run(_surveys(platform, streams, timeout_s=timeout_s))


async def _surveys(platform: PlatformSettings, streams: Sequence[Stream], *, timeout_s: float) -> list[Surveyed]:
    async with open_bus(platform, name="solquote events", timeout_s=timeout_s) as bus:
        return await asyncio.gather(*(_survey(bus, stream) for stream in streams))


async def _survey(bus: Bus, stream: Stream) -> Surveyed:
    survey = await survey_of(bus, stream)
    try:
        return survey, await consumers_of(bus, stream)
    except ProviderUnavailable:  # another server's permissions may not allow the operator to ask
        return survey, None
