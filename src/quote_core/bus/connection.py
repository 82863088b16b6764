"""One connection to NATS: publish with a message id, push without waiting, read what is latched.

It connects however long that takes and reconnects for ever; while NATS is away a publish fails at once with
`ProviderUnavailable`, so that whoever publishes can say so or try again. Message ids make a repeated publish harmless.

For ever takes some doing: the client closes for good on most errors that a server tells (a user revoked, a payload too
large, too many connections), and could be left hanging by an error it does not expect. Then it is replaced by a new
one, whose credentials are read anew. What the server refuses is told once a kind, as an error that names the subject.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Final, Protocol

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError, SlowConsumerError
from nats.js.api import PubAck
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from quote_core.bus.access import Access
from quote_core.errors import LayoutMismatch, ProviderUnavailable
from quote_core.events import Event, Stream, decode, encode, kind_of, subject_of
from quote_core.events.subjects import covers
from quote_core.settings import SettingsError

__all__ = ["NATS", "PUBLISH_TIMEOUT_S", "WRONG_LAST_SEQUENCE", "Bus", "OnConnection", "connect", "upstream_errors"]

NATS: Final = "nats"
"""What the bus is called in errors."""

CONNECT_TIMEOUT_S: Final = 1
RECONNECT_WAIT_S: Final = 0.1
PUBLISH_TIMEOUT_S: Final = 1.0
STREAM_WAIT_S: Final = 0.2
PING_INTERVAL_S: Final = 1
PINGS_UNANSWERED_MAX: Final = 2
CLOSE_TIMEOUT_S: Final = 0.5
LOOK_S: Final = 1.0
"""How often it is looked whether the client still tries."""
STUCK_S_MAX: Final = 10.0
"""A client that has not been connected for this long, and not told of a try either, is replaced."""
WRONG_LAST_SEQUENCE: Final = 10071
"""The server's code for a message that expects another last sequence than the stream has."""
KINDS_MAX: Final = 256
"""So many kinds of errors are told; what comes after them has been said often enough."""

_log: Final = structlog.get_logger(part="bus")


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

    def __init__(self, client: Client, troubles: "_Troubles | None" = None) -> None:
        self._troubles = troubles or _Troubles()
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

    def _use(self, client: Client) -> None:
        self.client = client
        """The client in use; another one after the server has ended this one for good."""
        self.jetstream = client.jetstream(timeout=PUBLISH_TIMEOUT_S)

    async def take_over(self, client: Client) -> None:
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

    async def publish_bytes(self, subject: str, data: bytes, headers: Mapping[str, str]) -> PubAck:
        """Publish ready bytes to whichever stream keeps `subject`, and wait until it has them.

        Raises:
            ProviderUnavailable: See `publish`. What was refused (a full stream, no stream for this subject, no
                permission, too large) says so, is counted in `refused_count`, and is an error in the log, once a kind.
        """
        self._require_connection()
        try:
            with upstream_errors():
                # Not `publish_async`: it never hears that a stream refuses (nats-py 2.16).
                return await self.jetstream.publish(subject, data, headers=dict(headers))
        except ProviderUnavailable as error:
            refusal = self._refusal(subject, error.__cause__)
            if refusal is None:
                raise
            raise ProviderUnavailable(NATS, refusal) from error.__cause__

    def _refusal(self, subject: str, cause: BaseException | None) -> str | None:
        """What refused a publish, having counted and told it; `None` when it was only not confirmed."""
        if isinstance(cause, APIError):
            if cause.err_code == WRONG_LAST_SEQUENCE:  # an answer to a question
                return None
            what = f"the stream of {subject} refuses: {cause.description}"
        elif isinstance(cause, NoStreamResponseError):
            what = f"no stream keeps {subject}"
        elif isinstance(cause, MaxPayloadError):
            what = f"a message on {subject} is larger than the server takes"
        elif self._troubles.is_refused("publish to", subject):  # it goes unanswered, and the reason comes apart
            self._count_refusal(f"these credentials may not publish to {subject}")
            return self.last_refusal
        else:
            return None
        self._count_refusal(what)
        self._troubles.tell("a message was refused", ProviderUnavailable(NATS, what))
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
        if self._troubles.is_refused("publish to", subject):
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
                self._troubles.tell(f"a listener to {subject} failed", error, with_traceback=True)

        self._listeners.append((subject, receive))
        await self._subscribe(subject, receive)

    async def _subscribe(self, subject: str, receive: Callable[[Msg], Awaitable[None]]) -> None:
        with upstream_errors():
            await self.client.subscribe(subject, cb=receive)
            for _ in range(2):  # the first PING may overtake the subscription, which waits in the client's buffer
                await self.client.flush()
        if self._troubles.is_refused("subscription to", subject):
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
async def connect(
    url: str, *, name: str, access: Access | None = None, on_connection: OnConnection | None = None
) -> AsyncIterator[Bus]:
    """Connect to NATS, waiting until it is there, and stay connected while the context lasts.

    Args:
        url: Such as `nats://127.0.0.1:4222`.
        name: Shown by the server for this connection.
        access: Who this is, and by which secret; see `quote_core.bus.access.access_of`. `None` = nobody in particular.
        on_connection: Told whenever the connection is lost or back; not of the first one, which the context tells.

    Raises:
        SettingsError: The secret cannot be read or used.
    """
    line = _Line(url, name=name, access=access, on_connection=on_connection)
    bus = Bus(await line.dial(), line.troubles)
    keeping = asyncio.create_task(line.keep(bus))
    try:
        yield bus
    finally:
        line.is_closing = True
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await _close(bus.client)


@contextlib.asynccontextmanager
async def open_once(url: str, access: Access | None, *, name: str, timeout_s: float) -> AsyncIterator[Client]:
    """A bare client for whoever wants to know whether there is a way in: one try, and no other when it is lost.

    Raises:
        nats.errors.Error: The server lets nobody in by this access.
        TimeoutError, OSError: There is no server.
        SettingsError: The secret cannot be read or used.
    """

    async def unheard(_: Exception) -> None:
        """The failure itself is raised; without this the client logs it too."""

    options, public_nkey = access.client_options(url) if access else ({}, None)
    client = _Client(public_nkey)
    try:
        await client.connect(
            url,
            name=name,
            allow_reconnect=False,
            max_reconnect_attempts=1,  # 0 would be for ever
            reconnect_time_wait=0,
            connect_timeout=timeout_s,  # type: ignore[arg-type]  # annotated int, passed to wait_for()
            error_cb=unheard,
            **options,
        )
        yield client
    finally:
        await _close(client)


class _Line:
    """Gets clients for one bus, and another one whenever a client has ended."""

    def __init__(self, url: str, *, name: str, access: Access | None, on_connection: OnConnection | None) -> None:
        self.is_closing = False
        self.troubles = _Troubles()
        self._url = url
        self._name = name
        self._access = access
        self._on_connection = on_connection
        self._over = asyncio.Event()

    async def dial(self) -> Client:
        """A connected client, however long that takes.

        Raises:
            SettingsError: The secret cannot be read or used.
        """
        while True:
            options, public_nkey = self._access.client_options(self._url) if self._access else ({}, None)
            client = _Client(public_nkey)
            try:
                await client.connect(
                    self._url,
                    name=self._name,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # annotated int, passed to sleep()
                    connect_timeout=CONNECT_TIMEOUT_S,
                    ping_interval=PING_INTERVAL_S,
                    max_outstanding_pings=PINGS_UNANSWERED_MAX,
                    error_cb=partial(self._on_error, client),
                    disconnected_cb=self._lost,
                    closed_cb=self._over_for_good,
                    reconnected_cb=self._back,
                    **options,
                )
            except BaseException as error:
                await _close(client)
                if not isinstance(error, NatsError | TimeoutError | OSError):
                    raise
                await asyncio.sleep(RECONNECT_WAIT_S)
            else:
                client.has_connected = True
                self._over.clear()
                self.troubles.heard_mono_s = time.monotonic()
                return client

    async def keep(self, bus: Bus) -> None:
        """Replace the client of `bus` whenever it has ended; for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._over.wait()
            if bus.client.is_connected:  # also a sign; the client tells of a loss a little later than it shows it
                self.troubles.heard_mono_s = time.monotonic()
            silent_s = time.monotonic() - self.troubles.heard_mono_s
            is_stuck = not bus.client.is_connected and silent_s > STUCK_S_MAX
            if not (self._over.is_set() or bus.client.is_closed or is_stuck):
                continue
            reason = str(bus.client.last_error or "it no longer tries")
            _log.error("the connection to NATS is over for good; making another", reason=reason)
            await _close(bus.client)
            try:
                await bus.take_over(await self.dial())
            except (ProviderUnavailable, SettingsError) as error:
                _log.error("no other connection to NATS yet", reason=str(error))
                await asyncio.sleep(LOOK_S)
                self._over.set()
            else:
                await self._back()

    async def _lost(self) -> None:
        self.troubles.heard_mono_s = time.monotonic()
        if self.is_closing:
            return
        _log.warning("NATS is gone; trying to reach it again")
        if self._on_connection is not None:
            self._on_connection(is_up=False)

    async def _back(self) -> None:
        _log.info("NATS is back")
        self.troubles.forget()
        if self._on_connection is not None:
            self._on_connection(is_up=True)

    async def _over_for_good(self) -> None:
        if not self.is_closing:
            self._over.set()

    async def _on_error(self, client: "_Client", error: Exception) -> None:
        self.troubles.note(error)
        if not client.has_connected:
            raise error  # ends this try: the next one reads the secret anew
        if "authorization violation" in str(error).lower():  # the secret was replaced, and the client knows the old one
            self._over.set()


class _Client(Client):
    """The client, told which nkey its signatures are of; `connect` takes the signature, and has no word for the key."""

    def __init__(self, public_nkey: str | None) -> None:
        super().__init__()
        self._public_nkey = public_nkey
        self.has_connected = False


class _Troubles:
    """Tells what went wrong on a connection, each kind once."""

    def __init__(self) -> None:
        self.heard_mono_s = time.monotonic()
        """When the client last gave a sign of trying."""
        self._told: set[str] = set()
        self._refused: set[str] = set()

    def forget(self) -> None:
        """A new connection may fail in the same ways again, and be allowed what the last one was not."""
        self._told.clear()
        self._refused.clear()

    def is_refused(self, what: str, subject: str) -> bool:
        """Whether the server has said that these credentials may not `publish to` or have a `subscription to` it."""
        return f'{what} "{subject.lower()}"' in self._refused

    def note(self, error: Exception) -> None:
        """What the client tells."""
        self.heard_mono_s = time.monotonic()
        text = str(error) or type(error).__name__
        if (refusal := _REFUSAL.search(text.lower())) is not None:
            if len(self._refused) < KINDS_MAX:
                self._refused.add(refusal[1])
            self.tell("NATS refuses what these credentials may not do", error)
        elif isinstance(error, SlowConsumerError):
            self.tell("messages were dropped: they came faster than they were taken", error)
        elif isinstance(error, NatsError) and _SAID_BY_SERVER.search(text.lower()):
            self.tell("NATS does not let us in", error)
        elif isinstance(error, NatsError | TimeoutError | OSError):
            _log.debug("nats", error=text)  # it is away; `_lost` has said so
        else:
            self.tell("an error in what receives messages", error, with_traceback=True)

    def tell(self, what: str, error: Exception, *, with_traceback: bool = False) -> None:
        """Log an error unless one of its kind was told on this connection."""
        kind = f"{what} {type(error).__name__}" if with_traceback else f"{what} {error}"
        if kind in self._told or len(self._told) >= KINDS_MAX:
            return
        self._told.add(kind)
        _log.error(what, error=str(error) or type(error).__name__, exc_info=error if with_traceback else None)


_REFUSAL: Final = re.compile(r'permissions violation for ((?:publish|subscription) to "[^"]*")')
_SAID_BY_SERVER: Final = re.compile(r"authori[sz]ation|authentication|maximum connections|tls required|expired|revoked")


async def _close(client: Client) -> None:
    with contextlib.suppress(NatsError, TimeoutError, OSError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await client.close()
