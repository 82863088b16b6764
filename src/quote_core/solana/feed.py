"""Account changes as they happen: a WebSocket that reconnects, resubscribes and rereads what was missed.

Silence is a failure too: a connection on which no slot is notified for `silence_ms_max` is closed and opened anew. Of
several endpoints another one is taken at once, also when the slots notified fall behind those that the others tell.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final, Protocol

import aiohttp
import structlog

from quote_core.cancellation import heed_cancellation
from quote_core.clock import Clock
from quote_core.errors import UpstreamError
from quote_core.solana.accounts import AccountUpdate, PartlyRead
from quote_core.solana.codec import ACCOUNT_SIZE_BYTES_MAX
from quote_core.solana.endpoints import Endpoint, Endpoints
from quote_core.solana.feed_protocol import FeedCounts, FeedProtocol
from quote_core.units import Pubkey

__all__ = ["AccountFeed", "FeedEvents", "ReadAccounts"]

_MESSAGE_SIZE_BYTES_MAX: Final = 2 * ACCOUNT_SIZE_BYTES_MAX  # base64 and the frame around it
_BACKOFF_S_MIN = 0.1
_BACKOFF_S_MAX = 2.0
_HANDSHAKE_S = 5.0
_LOOK_S = 0.2
_GATHER_S = 0.02
"""How long answers to subscriptions are gathered before the accounts are read together."""


class ReadAccounts(Protocol):
    """Reads accounts as they are now."""

    async def __call__(self, pubkeys: Sequence[Pubkey], /, *, first: Endpoint) -> Sequence[AccountUpdate]:
        """Read `pubkeys`, from `first` where it may be asked; raises `UpstreamError`."""
        ...


@dataclass(frozen=True, slots=True)
class FeedEvents:
    """What a feed calls, in the event loop; none may block, and the feed has no queue of its own.

    Attributes:
        on_update: For every change notified.
        on_read: With what accounts are that were read because their subscription stands, or because of damage.
        on_slot: For every slot notified, with the slot, its parent if the node says it, and the time of receipt.
        on_doubt: With an account of which something unreadable was said, or that went back; with None when a message
            cannot be read at all, which may have been about any account.
        on_connect: When a connection stands: it may lead to another node than the one before.
    """

    on_update: Callable[[AccountUpdate], None]
    on_read: Callable[[Sequence[AccountUpdate]], None]
    on_slot: Callable[[int, int | None, int], None]
    on_doubt: Callable[[Pubkey | None], None]
    on_connect: Callable[[], None]


class AccountFeed:
    """A changing set of accounts, each change handed on as it is notified.

    Args:
        endpoints: Where to subscribe.
        read: Reads accounts over HTTP; asked once an account's subscription stands, that endpoint first.
        events: Who is told.
        clock: For the time of receipt.
        silence_ms_max: Longest time without a slot before the connection counts as dead.
        commitment: Of all subscriptions.
    """

    def __init__(
        self,
        *,
        endpoints: Endpoints,
        read: ReadAccounts,
        events: FeedEvents,
        clock: Clock,
        silence_ms_max: int = 10_000,
        commitment: str = "processed",
    ) -> None:
        self._endpoints = endpoints
        self._endpoint = endpoints.to_subscribe()
        self._read = read
        self._events = events
        self._clock = clock
        self._silence_s_max = silence_ms_max / 1_000
        self._protocol = FeedProtocol(commitment=commitment)
        self._socket: aiohttp.ClientWebSocketResponse[bool] | None = None
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue()  # bounded by the number of watched accounts
        self._to_read: dict[Pubkey, int] = {}
        self._has_to_read = asyncio.Event()
        self._is_live = False
        self._is_leaving = False
        self._log = structlog.get_logger(part="feed")

    @property
    def counts(self) -> FeedCounts:
        """What happened since the start."""
        return self._protocol.counts

    @property
    def is_live(self) -> bool:
        """Whether a connection stands on which slots arrive."""
        return self._is_live

    @property
    def followed(self) -> Set[Pubkey]:
        """Accounts whose every change is notified, unless notifications are lost."""
        return self._protocol.followed

    def watch(self, pubkeys: Iterable[Pubkey]) -> None:
        """Add accounts; each is read once as soon as its subscription stands."""
        self._queue(self._protocol.watch(pubkeys))

    def unwatch(self, pubkeys: Iterable[Pubkey]) -> None:
        """Take accounts out."""
        self._queue(self._protocol.unwatch(pubkeys))

    async def run(self) -> None:
        """Keep the feed alive until cancelled."""
        backoff_s = _BACKOFF_S_MIN
        told = ("", "")
        failed_count = 0
        while True:
            endpoint = self._endpoint
            try:
                reason = await self._connect(endpoint)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                reason = f"{type(error).__name__}: {error}"
                heed_cancellation()
            endpoint.is_subscribed, endpoint.lost_mono_ns = False, self._clock.mono_ns()
            # Only a connection that delivered resets the backoff: a node that accepts and hangs up is not hammered.
            if self._is_live and not self._is_leaving:
                backoff_s, told, failed_count = _BACKOFF_S_MIN, ("", ""), 0
            self._is_live = False
            failed_count += 1
            if (endpoint.name, reason) != told:
                self._log.warning("feed lost", endpoint=endpoint.name, reason=reason)
            told = endpoint.name, reason
            self._endpoint = self._endpoints.to_subscribe(without=endpoint)
            if failed_count % len(self._endpoints):  # not all others have been tried yet
                continue
            await asyncio.sleep(backoff_s * random.uniform(0.5, 1.0))
            backoff_s = min(backoff_s * 2, _BACKOFF_S_MAX)

    async def _connect(self, endpoint: Endpoint) -> str:
        """Connect and serve until the connection ends; returns why it did."""
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(_HANDSHAKE_S):
                connecting = endpoint.session.ws_connect(
                    endpoint.address.ws_url, max_msg_size=_MESSAGE_SIZE_BYTES_MAX, heartbeat=self._silence_s_max
                )
                socket = await stack.enter_async_context(connecting)
            return await self._run_connection(socket)

    async def _run_connection(self, socket: "aiohttp.ClientWebSocketResponse[bool]") -> str:
        """Serve one connection until it ends; returns why it did."""
        self._outbox = asyncio.Queue()
        self._to_read.clear()
        self._is_leaving = False
        self._queue(self._protocol.connected())
        self._events.on_connect()
        async with asyncio.TaskGroup() as tasks:
            helpers = [
                tasks.create_task(helper)
                for helper in (self._send_all(socket), self._read_all(), self._leave_when_behind(socket))
            ]
            try:
                reason = await self._receive_all(socket)
                lag_slots = self._endpoints.feed_lag_slots(self.counts.slot)
                return f"{lag_slots} slots behind the other endpoints" if self._is_leaving else reason
            finally:
                self._protocol.disconnected()
                for helper in helpers:
                    helper.cancel()

    async def _receive_all(self, socket: "aiohttp.ClientWebSocketResponse[bool]") -> str:
        loop = asyncio.get_running_loop()
        try:
            # One timer, moved by each slot: one a message took longer than everything else that is done with it.
            async with asyncio.timeout(self._silence_s_max) as silence:
                while True:
                    message = await socket.receive()
                    if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                        return f"closed by the node ({message.type.name.lower()})"
                    if self._take_message(message.data):
                        silence.reschedule(loop.time() + self._silence_s_max)
        except TimeoutError:
            return f"no slot for {self._silence_s_max:g} s"

    def _take_message(self, data: bytes | str) -> bool:
        """Hand on what a message says; whether it told of a slot."""
        received_mono_ns = self._clock.mono_ns()
        received = self._protocol.receive(data, received_mono_ns)
        if received.doubted is not None or received.is_unreadable:
            self._events.on_doubt(received.doubted)
        if received.update is not None:
            self._events.on_update(received.update)
        if received.slot is not None:
            if not self._is_live:
                self._log.info("feed live", endpoint=self._endpoint.name, slot=received.slot)
            self._is_live = self._endpoint.is_subscribed = True
            self._endpoints.notified_slot(self._endpoint, received.slot)
            self._events.on_slot(received.slot, received.parent, received_mono_ns)
        if received.to_read:
            self._to_read.update(received.to_read)
            self._has_to_read.set()
        self._queue(received.to_send)
        return received.slot is not None

    async def _leave_when_behind(self, socket: "aiohttp.ClientWebSocketResponse[bool]") -> None:
        """Hang up where slots come that others have long passed, or come no more, while there is another endpoint."""
        while len(self._endpoints) == 1 or self._endpoints.is_feed_in_step(self.counts.slot):  # noqa: ASYNC110 - time passes
            await asyncio.sleep(_LOOK_S)
        self._is_leaving = True
        await socket.close()

    async def _send_all(self, socket: "aiohttp.ClientWebSocketResponse[bool]") -> None:
        """Send what is queued; a broken socket ends this quietly, the receiving side tells why."""
        try:
            while True:
                await socket.send_str((await self._outbox.get()).decode())
        except (aiohttp.ClientError, ConnectionError):
            return

    async def _read_all(self) -> None:
        """Read newly subscribed accounts, together; what could not be read stays to be read."""
        while True:
            await self._has_to_read.wait()
            await asyncio.sleep(_GATHER_S)
            self._has_to_read.clear()
            asked = dict(self._to_read)
            try:
                self._take(asked, await self._read(tuple(asked), first=self._endpoint))
            except UpstreamError as error:
                if isinstance(error, PartlyRead):
                    read = {update.pubkey for update in error.updates}
                    self._take({pubkey: asked[pubkey] for pubkey in asked if pubkey in read}, error.updates)
                self._log.warning("accounts could not be read", count=len(self._to_read), reason=str(error))
                self._has_to_read.set()
                await asyncio.sleep(_BACKOFF_S_MAX * random.uniform(0.5, 1.0))

    def _take(self, read: Mapping[Pubkey, int], updates: Sequence[AccountUpdate]) -> None:
        self._events.on_read(updates)  # before they count as followed: what it shows nobody was told of before
        for pubkey, reading in read.items():
            self._protocol.was_read(pubkey, reading)
            if self._to_read.get(pubkey) == reading:
                del self._to_read[pubkey]

    def _queue(self, messages: Iterable[bytes]) -> None:
        for message in messages:
            self._outbox.put_nowait(message)
