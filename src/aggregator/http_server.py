"""Run an aiohttp application on a port, and stop it."""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from quote_core.errors import ProviderUnavailable

__all__ = ["serve_http"]

_STOP_GRACE_S = 1.0


@contextlib.asynccontextmanager
async def serve_http(application: web.Application, *, host: str, port: int) -> AsyncIterator[None]:
    """Serve while the context lasts.

    Raises:
        ProviderUnavailable: The address cannot be bound.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=_STOP_GRACE_S)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ProviderUnavailable(f"{host}:{port}", "the address is in use or cannot be bound") from error
        yield
    finally:
        await runner.cleanup()
