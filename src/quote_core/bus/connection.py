"""One connection to NATS: publish with a message id, push without waiting, read what is latched.

It connects however long that takes and reconnects for ever; while NATS is away a publish fails at once with
`ProviderUnavailable`, so that whoever publishes can say so or try again. Message ids make a repeated publish harmless.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Final, Protocol

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from quote_core.errors import LayoutMismatch, ProviderUnavailable
from quote_core.events import Event, Stream, decode, encode, kind_of, subject_of

__all__ = ["NATS", "PUBLISH_TIMEOUT_S", "Bus", "OnConnection", "connect", "upstream_errors"]

NATS: Final = "nats"
"""What the bus is called in errors."""

CONNECT_TIMEOUT_S: Final = 1
RECONNECT_WAIT_S: Final = 0.1
PUBLISH_TIMEOUT_S: Final = 1.0
STREAM_WAIT_S: Final = 0.2
PING_INTERVAL_S: Final = 1
PINGS_UNANSWERED_MAX: Final = 2
CLOSE_TIMEOUT_S: Final = 0.5

_log: Final = structlog.get_logger("bus")


@contextlib.contextmanager
def upstream_errors() -> Iterator[None]:
    """Translate what the NATS client raises.

    Raises:
        ProviderUnavailable: NATS did not do its part.
    """
    try:
        yield
    except (NatsError, TimeoutError, OSError) as error:
        raise ProviderUnavailable(NATS, str(error) or type(error).__name__) from error
    _heed_cancellation()


def _heed_cancellation() -> None:
    """Raise the cancellation of this task that the NATS client may have swallowed.

    It waits with `asyncio.wait_for`, which before Python 3.12 returns the answer and forgets the cancellation when
    both come at once; the task would then never end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class OnConnection(Protocol):
    """Hears of the connection."""

    def __call__(self, *, is_up: bool) -> None:
        """It was lost, or is back."""
        ...


class Bus:
    """A connection in use; get one from `connect`."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.jetstream = client.jetstream(timeout=PUBLISH_TIMEOUT_S)
        self.malformed_count = 0
        """Pushed messages that were not events."""

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

    async def publish_bytes(self, subject: str, data: bytes, headers: Mapping[str, str]) -> None:
        """Publish ready bytes to whichever stream keeps `subject`, and wait until it has them.

        Raises:
            ProviderUnavailable: See `publish`.
        """
        self._require_connection()
        with upstream_errors():
            # `publish_async` shares one inbox among all publishes; `publish` costs several times its work in Python.
            acknowledged = await self.jetstream.publish_async(subject, data, headers=dict(headers))
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                await acknowledged

    async def push(self, event: Event, *, subject: str) -> None:
        """Send an event to whoever listens to `subject` now, over core NATS: fastest, and nothing is kept.

        Raises:
            ProviderUnavailable: NATS is away.
            LayoutMismatch: The event cannot be written.
        """
        self._require_connection()
        with upstream_errors():
            await self.client.publish(subject, encode(event))

    async def listen(
        self, subject: str, on_event: Callable[[Event], None], *, on_malformed: Callable[[], None] = lambda: None
    ) -> None:
        """Call `on_event` for everything that passes on `subject` while the bus is open; streams' subjects too.

        What is no event is told in the log, and to `on_malformed`.
        """

        async def receive(message: Msg) -> None:
            try:
                event = decode(message.data)
            except LayoutMismatch as error:
                self.malformed_count += 1
                _log.warning("a pushed message is not an event", subject=message.subject, reason=str(error))
                on_malformed()
            else:
                on_event(event)

        with upstream_errors():
            await self.client.subscribe(subject, cb=receive)
            await self.client.flush()

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

    async def wait_for_stream(self, stream: Stream) -> None:
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


@contextlib.asynccontextmanager
async def connect(url: str, *, name: str, on_connection: OnConnection | None = None) -> AsyncIterator[Bus]:
    """Connect to NATS, waiting until it is there, and stay connected while the context lasts.

    Args:
        url: Such as `nats://127.0.0.1:4222`.
        name: Shown by the server for this connection.
        on_connection: Told whenever the connection is lost or back; not of the first one, which the context tells.
    """
    is_closing = False

    async def lost() -> None:
        if is_closing:
            return
        _log.warning("NATS is gone; trying to reach it again")
        if on_connection is not None:
            on_connection(is_up=False)

    async def back() -> None:
        _log.warning("NATS is back")
        if on_connection is not None:
            on_connection(is_up=True)

    client = Client()
    try:
        await client.connect(
            url,
            name=name,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # annotated int, passed to sleep()
            connect_timeout=CONNECT_TIMEOUT_S,
            ping_interval=PING_INTERVAL_S,
            max_outstanding_pings=PINGS_UNANSWERED_MAX,
            error_cb=_note_error,
            disconnected_cb=lost,
            reconnected_cb=back,
        )
        yield Bus(client)
    finally:
        is_closing = True
        with contextlib.suppress(NatsError, TimeoutError, OSError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await client.close()


async def _note_error(error: Exception) -> None:
    _log.debug("nats", error=str(error) or type(error).__name__)
