"""Read a stream in order from a given place on, without acknowledging: for readers that keep their own place.

The journal and the auditor rebuild what they hold from the stream itself, so a durable consumer's place would be a
second truth. The server pushes to an inbox, with flow control, and says each second that it lives. A place skipped in
the consumer's count, or silence, makes the follower ask anew behind the last message it gave; a stream made anew
(a memory stream after the server restarted) is read from its first message.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamInfo
from nats.js.errors import NotFoundError

from quote_core.bus.client_errors import NATS, upstream_errors
from quote_core.bus.connection import Bus
from quote_core.errors import ProviderUnavailable
from quote_core.events import Stream

__all__ = ["Followed", "Place", "before_newest", "data_at", "first_kept", "follow", "read_to_end"]

HEARTBEAT_S: Final = 1.0
SILENCE_S_MAX: Final = 3.0
RETRY_S: Final = 0.2
BATCH_COUNT_MAX: Final = 1_000
INACTIVE_S_MAX: Final = 30.0
"""The server forgets a follower that is gone for this long."""


@dataclass(frozen=True, slots=True)
class Place:
    """Behind which message to begin; `created` tells one life of the stream from the next."""

    created: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Followed:
    """One message as the stream keeps it."""

    created: str
    """When its stream was created."""
    subject: str
    sequence: int
    stored_unix_ns: int
    data: bytes
    remaining_count: int
    """Messages that were behind it in the stream when it was sent."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Those of the message."""


async def follow(
    bus: Bus,
    stream: Stream,
    *,
    subjects: Sequence[str] = (),
    after: Place | None = None,
    since_unix_ns: int | None = None,
    caught_up: asyncio.Event | None = None,
    gather_s: float = 0.0,
) -> AsyncIterator[Sequence[Followed]]:
    """Yield what the stream keeps, then what comes, in batches, for ever; outlasts every loss of NATS or stream.

    Args:
        bus: The connection.
        stream: What to read.
        subjects: Only these; empty = all.
        after: Begin behind this message; ignored when the stream has been made anew since.
        since_unix_ns: Without `after`, begin with the first message stored at or after this time.
        caught_up: Set once all that the stream kept when following began has been yielded and worked off, however
            much comes meanwhile; cleared while a stream that was made anew is caught up with.
        gather_s: Once caught up, wait so long for what may come with a message: for who is in no hurry, and has better
            to do than to be woken for each.
    """
    reader = _Reader(bus, stream, subjects, after, since_unix_ns, caught_up or asyncio.Event(), gather_s)
    while True:
        try:
            async for batch in reader.read():
                yield batch
        except ProviderUnavailable:
            await asyncio.sleep(RETRY_S)


async def read_to_end(
    bus: Bus, stream: Stream, *, subjects: Sequence[str] = (), since_unix_ns: int | None = None
) -> AsyncIterator[Followed]:
    """Yield what the stream keeps now, or has stored since a time, then end.

    Raises:
        ProviderUnavailable: NATS, or the stream, is not there.
    """
    reader = _Reader(bus, stream, subjects, None, since_unix_ns, asyncio.Event(), 0.0)
    async for batch in reader.read():
        for message in batch:
            yield message
            if message.remaining_count == 0:
                return
        if not batch:  # there are none, or the last ones went by the stream's bounds before they were sent
            return


async def before_newest(bus: Bus, stream: Stream, count: int) -> Place:
    """Where to begin for the newest `count` messages of a stream, fewer where it keeps fewer.

    Raises:
        ProviderUnavailable: NATS, or the stream, is not there.
    """
    if not bus.is_connected:
        raise ProviderUnavailable(NATS, "not connected")
    with upstream_errors():
        info = await bus.jetstream.stream_info(stream)
    return Place(_created(info), max(0, info.state.last_seq - count))


async def first_kept(bus: Bus, stream: Stream) -> Place:
    """Where the oldest message is that a stream keeps; where the next one will be, when it keeps none.

    Raises:
        ProviderUnavailable: NATS, or the stream, is not there.
    """
    if not bus.is_connected:
        raise ProviderUnavailable(NATS, "not connected")
    with upstream_errors():
        info = await bus.jetstream.stream_info(stream)
    return Place(_created(info), info.state.first_seq)


async def data_at(bus: Bus, stream: Stream, place: Place) -> bytes | None:
    """What the message at `place` holds; `None` when the stream does not keep it, or was made anew since.

    Raises:
        ProviderUnavailable: NATS, or the stream, is not there.
    """
    if not bus.is_connected:
        raise ProviderUnavailable(NATS, "not connected")
    with upstream_errors():
        info = await bus.jetstream.stream_info(stream)
        if _created(info) != place.created:
            return None
        try:
            message = await bus.jetstream.get_msg(stream, seq=place.sequence)
        except NotFoundError:
            return None
    return message.data or b""


class _Reader:
    def __init__(
        self,
        bus: Bus,
        stream: Stream,
        subjects: Sequence[str],
        place: Place | None,
        since_unix_ns: int | None,
        caught_up: asyncio.Event,
        gather_s: float,
    ) -> None:
        self._bus = bus
        self._stream = stream
        self._subjects = list(subjects)
        self._place = place
        self._since_unix_ns = since_unix_ns
        self._caught_up = caught_up
        self._gather_s = gather_s
        self._target: Place | None = None
        """The last message there was when this life of the stream was first seen."""

    async def read(self) -> AsyncIterator[Sequence[Followed]]:
        """One consumer's life; ends when it must be made anew. An empty batch says that nothing is left to send."""
        client = self._bus.client
        inbox = client.new_inbox()
        # Bounded by the server's flow control, which waits for our answer in this very order. `Subscription.next_msg`
        # is no use here: it costs a task a message.
        arrived: asyncio.Queue[Msg] = asyncio.Queue()
        with upstream_errors():
            subscription = await client.hear(inbox, arrived.put_nowait)
        try:
            created, kept_count = await self._begin(inbox)
            if kept_count == 0:
                yield ()
                self._caught_up.set()
            next_consumer_sequence = 1
            while True:
                messages = await _batch(arrived, gather_s=self._gather_s if self._caught_up.is_set() else 0.0)
                batch: list[Followed] = []
                is_whole, is_idle = True, False
                for message in messages:
                    if message.headers and await self._is_control(message):
                        is_idle = _says_idle(message, next_consumer_sequence)
                        continue
                    followed, consumer_sequence = _parse(message, created)
                    is_whole = consumer_sequence == next_consumer_sequence
                    if not is_whole:
                        break
                    next_consumer_sequence += 1
                    batch.append(followed)
                    self._place = Place(created, followed.sequence)
                if batch:  # what came before a gap, too: the next consumer begins behind it
                    yield batch
                    self._note_progress(batch[-1])
                    # A queue that is not empty gives without waiting: everything else in this process, the client's
                    # pings among it, would stand still until what has arrived is worked off.
                    await asyncio.sleep(0)
                elif is_idle:
                    self._caught_up.set()
                    yield ()
                if not is_whole:
                    return
        finally:
            with contextlib.suppress(NatsError):
                await subscription.unsubscribe()

    async def _begin(self, inbox: str) -> tuple[str, int]:
        with upstream_errors():
            info = await self._bus.jetstream.stream_info(self._stream)
            created = _created(info)
            if self._place is not None and self._place.created != created:
                self._place, self._since_unix_ns = None, None
            if self._target is None or self._target.created != created:
                self._caught_up.clear()
                self._target = Place(created, info.state.last_seq)
            consumer = await self._bus.jetstream.add_consumer(self._stream, self._config(inbox))
        return created, consumer.num_pending or 0

    def _note_progress(self, last: Followed) -> None:
        """Behind the target there may be no message of these subjects, and under load there is always one more."""
        assert self._target is not None
        if last.remaining_count == 0 or last.sequence >= self._target.sequence:
            self._caught_up.set()

    def _config(self, inbox: str) -> ConsumerConfig:
        config = ConsumerConfig(
            deliver_subject=inbox,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.NONE,
            max_deliver=1,
            idle_heartbeat=HEARTBEAT_S,
            flow_control=True,
            inactive_threshold=INACTIVE_S_MAX,
            mem_storage=True,
            num_replicas=1,
            filter_subjects=self._subjects or [self._stream.subjects],
        )
        if self._place is not None:
            return config.evolve(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self._place.sequence + 1)
        if self._since_unix_ns is not None:
            since = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self._since_unix_ns // 1_000)
            return config.evolve(deliver_policy=DeliverPolicy.BY_START_TIME, opt_start_time=since)
        return config

    async def _is_control(self, message: Msg) -> bool:
        """Answer the server's flow control; a heartbeat needs no answer unless it says that the consumer waits."""
        headers = message.headers or {}
        if headers.get("Status") != "100":
            return False
        waiting = message.reply or headers.get("Nats-Consumer-Stalled")
        if waiting:
            with upstream_errors():
                await self._bus.client.publish(waiting)
        return True


def _created(info: StreamInfo) -> str:
    return info.created.isoformat() if info.created else ""


async def _batch(arrived: asyncio.Queue[Msg], *, gather_s: float) -> list[Msg]:
    """The next message and all that came with it, or within `gather_s`.

    Raises:
        ProviderUnavailable: The server is silent.
    """
    try:
        async with asyncio.timeout(SILENCE_S_MAX):
            messages = [await arrived.get()]
    except TimeoutError:
        raise ProviderUnavailable(NATS, f"silent for {SILENCE_S_MAX:g} s") from None
    if gather_s:
        await asyncio.sleep(gather_s)
    while not arrived.empty() and len(messages) < BATCH_COUNT_MAX:
        messages.append(arrived.get_nowait())
    return messages


def _says_idle(message: Msg, next_consumer_sequence: int) -> bool:
    """Whether a heartbeat says that all was sent: what was kept when the consumer was made may be gone since."""
    headers = message.headers or {}
    last_sent = headers.get("Nats-Last-Consumer")
    return last_sent == str(next_consumer_sequence - 1) and "Nats-Consumer-Stalled" not in headers


_PLAIN_TOKEN_COUNT: Final = 9


def _parse(message: Msg, created: str) -> tuple[Followed, int]:
    """Read the acknowledgement subject: `$JS.ACK.[domain.account.]stream.consumer.delivered.SEQ.SEQ.TIME.PENDING`."""
    tokens = message.reply.split(".")
    first = 5 if len(tokens) == _PLAIN_TOKEN_COUNT else 7
    stream_sequence, consumer_sequence, stored_unix_ns, remaining_count = map(int, tokens[first : first + 4])
    followed = Followed(
        created=created,
        subject=message.subject,
        sequence=stream_sequence,
        stored_unix_ns=stored_unix_ns,
        data=message.data,
        remaining_count=remaining_count,
        headers=message.headers or {},
    )
    return followed, consumer_sequence
