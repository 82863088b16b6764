"""The bus for the commands that read it: as the operator, who may read every stream and publish nothing but a stop.

A service waits for the bus as long as it takes; a person is told at once that it is not there, or lets nobody in.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import nats.errors

from quote_core.addresses import redacted_servers
from quote_core.bus import Bus, BusRole, access_of, connect
from quote_core.bus.client import open_once
from quote_core.bus.reconnection import OnConnection
from quote_core.settings import PlatformSettings
from quote_core.telemetry.logs import start_logs
from solquote.bus_access import is_refusal
from solquote.exit_codes import ExitCode
from solquote.output import CommandFailed, with_status

__all__ = ["open_bus"]


@contextlib.asynccontextmanager
async def open_bus(
    platform: PlatformSettings, *, name: str, timeout_s: float, on_connection: OnConnection | None = None
) -> AsyncIterator[Bus]:
    """A connection that outlasts losses of NATS once it is there.

    Raises:
        CommandFailed: It is not there within `timeout_s`, or lets the operator not in.
        SettingsError: The operator's secret cannot be read.
    """
    start_logs("solquote", "error")  # what the client logs must not get between the lines of an answer
    access, where = access_of(platform, BusRole.OPERATOR), f"NATS at {redacted_servers(platform.nats_url)}"
    try:
        async with open_once(platform.nats_url, access, name=name, timeout_s=timeout_s):
            pass
    except (nats.errors.Error, TimeoutError, OSError) as error:
        if is_refusal(error):
            sentence = f"{where} does not let us in with {access.credentials or 'no credentials'}"
            raise CommandFailed("PERMISSION_DENIED", sentence, ExitCode.UNAVAILABLE) from error
        raise with_status("UNAVAILABLE", f"{where} cannot be reached; `solquote up` starts it") from error
    async with contextlib.AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(timeout_s):
                bus = await stack.enter_async_context(
                    connect(platform.nats_url, name=name, access=access, on_connection=on_connection)
                )
        except TimeoutError:
            raise with_status("DEADLINE_EXCEEDED", f"{where} did not answer within {timeout_s:g} s") from None
        yield bus
