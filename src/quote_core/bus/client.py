"""The NATS client: one role's, opened once to see whether there is a way in, and closed in bounded time.

The client's own way of a message is from its reader to a queue, to a task of the subscription, to whoever subscribed:
two thirds of what it costs to receive one. `RoleClient.hear` gives it to whoever subscribed as soon as it is read.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from quote_core.addresses import servers_of
from quote_core.bus.access import Access
from quote_core.cancellation import heed_cancellation

__all__ = ["RoleClient", "close", "open_once"]

CLOSE_TIMEOUT_S: Final = 0.5


class RoleClient(Client):
    """The client of one role, told which nkey its signatures are of: `connect` takes the signature, and no key.

    Raises:
        SettingsError: The secret cannot be read or used.
    """

    def __init__(self, urls: str, access: Access | None) -> None:
        super().__init__()
        self.access_options: dict[str, Any] = {}
        """What `connect` is told of the role and its secret."""
        if access is not None:
            self.access_options, self._public_nkey = access.client_options(urls)
        self.has_connected = False
        self._takers: dict[int, Callable[[Msg], None]] = {}
        """Who hears what a subscription brings, by its number."""

    async def hear(self, subject: str, take: Callable[[Msg], None]) -> Subscription:
        """Subscribe; `take` is called with each message as it is read.

        Nothing else is read meanwhile: `take` returns at once, and does not raise. Nor does anything bound what it
        keeps, as the client's queue would by dropping messages: whoever hears has asked for a number of them.
        """

        async def take_early(message: Msg) -> None:
            """What comes before this is known to be heard."""
            take(message)

        subscription = await self.subscribe(subject, cb=take_early)
        self._takers[subscription._id] = take  # noqa: SLF001  # what the client tells a subscription by
        return subscription

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        """What the client's parser calls with each message; overridden."""
        take = self._takers.get(sid)
        if take is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        read = await self._process_headers(headers)
        take(Msg(self, subject.decode(), reply.decode(), data, read, _sid=sid))

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        """What the client calls when a subscription is over; overridden."""
        super()._remove_sub(sid, max_msgs)
        self._takers.pop(sid, None)


@contextlib.asynccontextmanager
async def open_once(urls: str, access: Access | None, *, name: str, timeout_s: float) -> AsyncIterator[Client]:
    """A bare client for whoever asks whether there is a way in: one try of each server, no other when it is lost.

    Raises:
        nats.errors.Error: The server lets nobody in by this access.
        TimeoutError, OSError: There is no server.
        SettingsError: The secret cannot be read or used.
    """

    async def unheard(_: Exception) -> None:
        """The failure itself is raised; without this the client logs it too."""

    client = RoleClient(urls, access)
    try:
        await client.connect(
            servers_of(urls),
            name=name,
            allow_reconnect=False,
            max_reconnect_attempts=1,  # 0 would be for ever
            reconnect_time_wait=0,
            connect_timeout=timeout_s,  # type: ignore[arg-type]  # annotated int, passed to wait_for()
            error_cb=unheard,
            **client.access_options,
        )
        yield client
    finally:
        await close(client)
        heed_cancellation()


async def close(client: Client) -> None:
    """End a client, connected or not; what it still has to send gets `CLOSE_TIMEOUT_S`."""
    with contextlib.suppress(NatsError, TimeoutError, OSError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await client.close()
