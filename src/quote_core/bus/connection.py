"""One connection to NATS: publish with a message id, push without waiting, listen, read what is latched.

While NATS is away a publish fails at once with `ProviderUnavailable`, so that whoever publishes can say so or try
again. Message ids make a repeated publish harmless. What the server refuses is told once a kind, as an error that names
the subject. How it stays connected is `quote_core.bus.reconnection`.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import structlog
from nats.aio.msg import Msg
from nats.errors import MaxPayloadError
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from quote_core.bus.acknowledged import BATCH_MAX, DUPLICATE_IN_BATCH, Acknowledgement, Publisher
from quote_core.bus.client import RoleClient
from quote_core.bus.client_errors import NATS, upstream_errors
from quote_core.bus.error_log import ErrorLog
from quote_core.errors import LayoutMismatch, ProviderUnavailable
from quote_core.events import Event, decode, encode, kind_of, subject_of
from quote_core.events.subjects import covers
from quote_core.telemetry.traces import sending

__all__ = ["PUBLISH_TIMEOUT_S", "WRONG_LAST", "Bus", "PublishRefused"]

PUBLISH_TIMEOUT_S: Final = 1.0
STREAM_WAIT_S: Final = 0.2
WRONG_LAST: Final = frozenset({10070, 10071})
"""The server's codes for a message that expects another last one, by its id or its sequence, than the stream has."""

_log: Final = structlog.get_logger(part="bus")


class PublishRefused(ProviderUnavailable):
    """NATS was there, and would not take a message: it will not until somebody changes something."""


class Bus:
    """A connection in use; get one from `quote_core.bus.connect`."""

    def __init__(self, client: RoleClient, errors: ErrorLog) -> None:
        self._errors = errors
        self._listeners: list[tuple[str, Callable[[Msg], Awaitable[None]]]] = []
        self._use(client)
        self.malformed_count = 0
        """Pushed messages that were not events."""
        self.listener_error_count = 0
        """Events whose listener raised."""
        self.refused_count = 0
        """Messages that a stream or the server would not take."""
        self.last_refusal = ""
        """Why, the last time."""

    def _use(self, client: RoleClient) -> None:
        self.client = client
        """The client in use; another one after the server has ended this one for good."""
        self.jetstream = client.jetstream(timeout=PUBLISH_TIMEOUT_S)
        self._publisher = Publisher(client, timeout_s=PUBLISH_TIMEOUT_S)

    async def take_over(self, client: RoleClient) -> None:
        """Go on with another client, which then listens to what this one listened to.

        Raises:
            ProviderUnavailable: It does not last either.
        """
        self._use(client)
        for subject, receive in self._listeners:
            await self._subscribe(subject, receive)

    @property
    def is_connected(self) -> bool:
        """Whether NATS is there now."""
        return self.client.is_connected

    async def publish(self, event: Event) -> None:
        """Publish an event to its stream and wait until the stream has it.

        Raises:
            ProviderUnavailable: The stream has not confirmed; publishing the same event again does no harm.
            LayoutMismatch: The event cannot be written; it never will be.
        """
        message_id = event.header.event_id.hex()
        await self.publish_bytes(subject_of(event), encode(event), {"Nats-Msg-Id": message_id})

    async def publish_bytes(self, subject: str, data: bytes, headers: Mapping[str, str]) -> Acknowledgement:
        """Publish ready bytes to whichever stream keeps `subject`, and wait until it has them.

        Raises:
            ProviderUnavailable: See `publish`. What was refused (no stream for this subject, or none with a leader)
                says so, is counted in `refused_count`, and is an error in the log, once a kind.
            PublishRefused: The same of a full stream, no permission, too large a message.
        """
        self._require_connection()
        try:
            with sending(subject, size_bytes=len(data)), upstream_errors():
                return await self._publisher.publish(subject, data, headers)
        except ProviderUnavailable as error:
            raise self._told(subject, error) from error.__cause__

    async def publish_batch(self, events: Sequence[Event]) -> None:
        """Publish events of one stream in their order, and wait until it says that it has every one.

        In batches of `BATCH_MAX`, each of which is stored whole or not at all (`quote_core.bus.acknowledged`): for many
        events, a third of the cost of `publish`. The stream has to take batches (`StreamPlan.takes_batches`).

        Raises:
            ProviderUnavailable: A batch was not confirmed, and of it and those after it nothing is known; publishing
                the same events again does no harm.
            PublishRefused: The stream does not take them, or the server, older than 2.12, stores no batch as one.
            LayoutMismatch: An event cannot be written; none of its batch is stored.
        """
        for begin in range(0, len(events), BATCH_MAX):
            part = events[begin : begin + BATCH_MAX]
            try:
                await self._publish_part(part)
            except ProviderUnavailable as error:
                if not _is_of_what_was_stored(error.__cause__):
                    raise
                for event in part:
                    await self.publish(event)

    async def _publish_part(self, events: Sequence[Event]) -> None:
        """One batch."""
        messages = [
            (subject_of(event), encode(event), {"Nats-Msg-Id": event.header.event_id.hex()}) for event in events
        ]
        subject = messages[0][0]
        self._require_connection()
        try:
            with sending(subject, size_bytes=sum(len(data) for _, data, _ in messages)), upstream_errors():
                acknowledgement = await self._publisher.publish_batch(messages)
        except ProviderUnavailable as error:
            raise self._told(subject, error) from error.__cause__
        if acknowledgement.stored_count != len(messages):
            reason = f"the stream of {subject} stores no batch as one: that takes nats-server 2.12 or newer"
            self._count_refusal(reason)
            raise PublishRefused(NATS, reason)

    def _told(self, subject: str, error: ProviderUnavailable) -> ProviderUnavailable:
        """What to raise for a publish that failed: the same, or what refused it, counted and told."""
        refusal = self._refusal(subject, error.__cause__)
        if refusal is None:
            return error
        is_for_now = isinstance(error.__cause__, NoStreamResponseError)
        return (ProviderUnavailable if is_for_now else PublishRefused)(NATS, refusal)

    def _refusal(self, subject: str, cause: BaseException | None) -> str | None:
        """What refused a publish, having counted and told it; `None` when it was only not confirmed."""
        if isinstance(cause, APIError):
            if cause.err_code in WRONG_LAST or _is_of_what_was_stored(cause):  # an answer to a question
                return None
            what = f"the stream of {subject} refuses: {cause.description}"
        elif isinstance(cause, NoStreamResponseError):
            what = f"no stream keeps {subject} now"
        elif isinstance(cause, MaxPayloadError):
            what = f"a message on {subject} is larger than the server takes"
        elif self._errors.is_refused("publish to", subject):  # it goes unanswered, and the reason comes apart
            self._count_refusal(f"these credentials may not publish to {subject}")
            return self.last_refusal
        else:
            return None
        self._count_refusal(what)
        self._errors.tell("a message was refused", ProviderUnavailable(NATS, what))
        return what

    def _count_refusal(self, what: str) -> None:
        self.refused_count += 1
        self.last_refusal = what

    async def push(self, event: Event, *, subject: str) -> None:
        """Send an event to whoever listens to `subject` now, over core NATS: fastest, and nothing is kept.

        Raises:
            ProviderUnavailable: NATS is away, or has said before that these credentials may not do this.
            LayoutMismatch: The event cannot be written.
        """
        self._require_connection()
        with upstream_errors():
            await self.client.publish(subject, encode(event))
        if self._errors.is_refused("publish to", subject):
            self._count_refusal(f"these credentials may not publish to {subject}")
            raise ProviderUnavailable(NATS, self.last_refusal)

    async def listen(
        self, subject: str, on_event: Callable[[Event], None], *, on_malformed: Callable[[], None] = lambda: None
    ) -> None:
        """Call `on_event` for everything that passes on `subject`, a pattern maybe, while the bus is open.

        What is no event is told in the log, and to `on_malformed`. An error of `on_event` is logged, and the next event
        is taken. Nothing is taken that was published on another subject: JetStream delivers what it keeps to wherever a
        consumer's maker says, whatever that one may publish.

        Raises:
            ProviderUnavailable: NATS is away, or does not let these credentials listen.
        """

        async def receive(message: Msg) -> None:
            try:
                if not covers(subject, message.subject):
                    raise LayoutMismatch("subject", f"{message.subject} was delivered to {subject}")
                event = decode(message.data)
            except LayoutMismatch as error:
                self.malformed_count += 1
                _log.warning("a pushed message is not an event", subject=message.subject, reason=str(error))
                on_malformed()
                return
            try:
                on_event(event)
            except Exception as error:  # noqa: BLE001  # the listener's fault must not end the listening
                self.listener_error_count += 1
                self._errors.tell(f"a listener to {subject} failed", error, with_traceback=True)

        self._listeners.append((subject, receive))
        await self._subscribe(subject, receive)

    async def _subscribe(self, subject: str, receive: Callable[[Msg], Awaitable[None]]) -> None:
        with upstream_errors():
            await self.client.subscribe(subject, cb=receive)
            for _ in range(2):  # the first PING may overtake the subscription, which waits in the client's buffer
                await self.client.flush()
        if self._errors.is_refused("subscription to", subject):
            raise ProviderUnavailable(NATS, f"these credentials may not listen to {subject}")

    async def last(self, event: type[Event]) -> Event | None:
        """The newest event its stream keeps on the subject of `event`, which must have no variable part.

        Raises:
            ProviderUnavailable: NATS, or the stream, is not there.
            LayoutMismatch: What is kept is not an event.
        """
        kind = kind_of(event)
        self._require_connection()
        with upstream_errors():
            try:
                message = await self.jetstream.get_last_msg(kind.stream, kind.subject)
            except NotFoundError as error:
                if error.err_code == _STREAM_NOT_FOUND:
                    raise
                return None
        return decode(message.data or b"")

    async def wait_for_stream(self, stream: str) -> None:
        """Return as soon as the initializer has made `stream`."""
        while True:
            if self.is_connected:
                with contextlib.suppress(ProviderUnavailable), upstream_errors():
                    await self.jetstream.stream_info(stream)
                    return
            await asyncio.sleep(STREAM_WAIT_S)

    def _require_connection(self) -> None:
        if not self.client.is_connected:
            raise ProviderUnavailable(NATS, "not connected")


_STREAM_NOT_FOUND: Final = 10059


def _is_of_what_was_stored(cause: BaseException | None) -> bool:
    """A batch was refused for a message that the stream has already: an earlier try was stored, and not heard of."""
    return isinstance(cause, APIError) and cause.err_code == DUPLICATE_IN_BATCH
