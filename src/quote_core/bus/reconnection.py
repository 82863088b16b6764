"""Stays connected to NATS: connects however long that takes, and reconnects for ever.

For ever takes some doing: the client closes for good on most errors that a server tells (a user revoked, a payload too
large, too many connections), and could be left hanging by an error it does not expect. Then it is replaced by a new
one, whose credentials are read anew.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Final, Protocol

import structlog
from nats.errors import Error as NatsError

from quote_core.addresses import servers_of
from quote_core.bus.access import Access, access_of
from quote_core.bus.client import RoleClient, close
from quote_core.bus.connection import Bus
from quote_core.bus.error_log import ErrorLog
from quote_core.bus.permissions import BusRole
from quote_core.cancellation import heed_cancellation
from quote_core.errors import ProviderUnavailable
from quote_core.settings import PlatformSettings, SettingsError

__all__ = ["RECONNECT_WAIT_S", "OnConnection", "connect", "connect_as"]

CONNECT_TIMEOUT_S: Final = 1
RECONNECT_WAIT_S: Final = 0.1
PING_INTERVAL_S: Final = 1
PINGS_UNANSWERED_MAX: Final = 2
LOOK_S: Final = 1.0
"""How often it is looked whether the client still tries."""
STUCK_S_MAX: Final = 10.0
"""A client that has not been connected for this long, and not told of a try either, is replaced."""

_log: Final = structlog.get_logger(part="bus")


class OnConnection(Protocol):
    """Hears of the connection."""

    def __call__(self, *, is_up: bool) -> None:
        """It was lost, or is back."""
        ...


@contextlib.asynccontextmanager
async def connect(
    urls: str, *, name: str, access: Access | None = None, on_connection: OnConnection | None = None
) -> AsyncIterator[Bus]:
    """Connect to NATS, waiting until it is there, and stay connected while the context lasts.

    Args:
        urls: Such as `nats://127.0.0.1:4222`; of a cluster those of its servers, with commas between them. One is taken
            by chance, another when it is gone.
        name: Shown by the server for this connection.
        access: Who this is, and by which secret; see `quote_core.bus.access.access_of`. `None` = nobody in particular.
        on_connection: Told whenever the connection is lost or back; not of the first one, which the context tells.

    Raises:
        SettingsError: The secret cannot be read or used.
    """
    reconnector = _Reconnector(urls, name=name, access=access, on_connection=on_connection)
    bus = Bus(await reconnector.dial(), reconnector.errors)
    keeping = asyncio.create_task(reconnector.keep(bus))
    try:
        yield bus
    finally:
        reconnector.is_closing = True
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await close(bus.client)


def connect_as(role: BusRole, platform: PlatformSettings) -> contextlib.AbstractAsyncContextManager[Bus]:
    """Connect the process of this role, under its name, to the bus that the settings name; see `connect`."""
    return connect(platform.nats_url, name=role.value, access=access_of(platform, role))


class _Reconnector:
    """Gets clients for one bus, and another one whenever a client has ended."""

    def __init__(self, urls: str, *, name: str, access: Access | None, on_connection: OnConnection | None) -> None:
        self.is_closing = False
        self.errors = ErrorLog()
        self._urls = urls
        self._name = name
        self._access = access
        self._on_connection = on_connection
        self._over = asyncio.Event()
        self._heard_mono_s = time.monotonic()
        """When the client last gave a sign of trying."""

    async def dial(self) -> RoleClient:
        """A connected client, however long that takes.

        Raises:
            SettingsError: The secret cannot be read or used.
        """
        while True:
            client = RoleClient(self._urls, self._access)
            try:
                await client.connect(
                    servers_of(self._urls),
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
                    **client.access_options,
                )
                heed_cancellation()
            except BaseException as error:
                await close(client)
                if not isinstance(error, NatsError | TimeoutError | OSError):
                    raise
                heed_cancellation()
                await asyncio.sleep(RECONNECT_WAIT_S)
            else:
                client.has_connected = True
                self._over.clear()
                self._heard_mono_s = time.monotonic()
                return client

    async def keep(self, bus: Bus) -> None:
        """Replace the client of `bus` whenever it has ended; for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._over.wait()
            if bus.client.is_connected:  # also a sign; the client tells of a loss a little later than it shows it
                self._heard_mono_s = time.monotonic()
            silent_s = time.monotonic() - self._heard_mono_s
            is_stuck = not bus.client.is_connected and silent_s > STUCK_S_MAX
            if not (self._over.is_set() or bus.client.is_closed or is_stuck):
                continue
            reason = str(bus.client.last_error or "it no longer tries")
            _log.error("the connection to NATS is over for good; making another", reason=reason)
            await close(bus.client)
            try:
                await bus.take_over(await self.dial())
            except (ProviderUnavailable, SettingsError) as error:
                _log.error("no other connection to NATS yet", reason=str(error))
                await asyncio.sleep(LOOK_S)
                self._over.set()
            else:
                await self._back()

    async def _lost(self) -> None:
        self._heard_mono_s = time.monotonic()
        if self.is_closing:
            return
        _log.warning("NATS is gone; trying to reach it again")
        if self._on_connection is not None:
            self._on_connection(is_up=False)

    async def _back(self) -> None:
        _log.info("NATS is back")
        self.errors.forget()
        if self._on_connection is not None:
            self._on_connection(is_up=True)

    async def _over_for_good(self) -> None:
        if not self.is_closing:
            self._over.set()

    async def _on_error(self, client: RoleClient, error: Exception) -> None:
        self._heard_mono_s = time.monotonic()
        self.errors.note(error)
        if not client.has_connected:
            raise error  # ends this try: the next one reads the secret anew
        if "authorization violation" in str(error).lower():  # the secret was replaced, and the client knows the old one
            self._over.set()
