"""Run an aiohttp application on a port: patient with clients for a bounded time, and quiet about what they send."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from quote_core.access.control import AccessControl
from quote_core.addresses import why_not_bound, with_port
from quote_core.errors import ProviderUnavailable
from quote_core.telemetry.calls import CallCounter
from quote_core.web.calls import count_http
from quote_core.web.listener import OneTooMany, following_context

__all__ = ["HttpPatience", "http_logger", "reads_body_itself", "serve_http"]

_STOP_GRACE_S: Final = 1.0
_LINE_BYTES_MAX: Final = 64 * 1024
"""Of a request's first line, as much as most bodies may have: that a query is too long is for its handler to say."""
_LINGER_S: Final = 1.0
"""How long the rest of a refused body is waited for, so that the client reads the refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpPatience:
    """How long a client may keep a connection without saying anything whole."""

    first_request_s: float = 10.0
    """From the connection to the end of the first request's headers."""
    body_s: float = 10.0
    """From the headers to the end of the body."""
    idle_s: float = 75.0
    """From an answer to the end of the next request's headers; aiohttp's own default is an hour."""


_READS_BODY: Final = "solquote_reads_body"

_AnyHandler = TypeVar("_AnyHandler", bound=Callable[..., Any])


def reads_body_itself(handler: _AnyHandler) -> _AnyHandler:
    """Mark a handler that must be called whatever becomes of the body; it bounds its size and its time itself."""
    setattr(handler, _READS_BODY, True)
    return handler


@contextlib.asynccontextmanager
async def serve_http(
    application: web.Application,
    *,
    host: str,
    port: int,
    patience: HttpPatience | None = None,
    calls: CallCounter | None = None,
    access: AccessControl | None = None,
) -> AsyncIterator[int]:
    """Serve while the context lasts; yields the port, which a `port` of 0 leaves to the system. `calls` counts them.

    `access` has the certificates, and how many connections there may be; who may ask what is a middleware's matter
    (`web.admission`).

    Raises:
        ProviderUnavailable: The address cannot be bound.
    """
    patience = patience or HttpPatience()
    if calls is not None:
        application.middlewares.insert(0, count_http(calls))
    silent = _SilentConnections(patience.first_request_s)
    application.middlewares.append(_whole_request(silent, body_s=patience.body_s))
    runner = web.AppRunner(
        application,
        access_log=None,
        shutdown_timeout=_STOP_GRACE_S,
        keepalive_timeout=patience.idle_s,
        max_line_size=_LINE_BYTES_MAX,
        lingering_time=_LINGER_S,
        logger=http_logger(),
    )
    await runner.setup()
    server = runner.server
    assert server is not None  # set up above

    def connection() -> asyncio.Protocol:
        if access is not None and len(server.connections) >= access.platform.connection_count_max:
            return OneTooMany()
        protocol = server()
        silent.add(protocol)
        return protocol

    try:
        try:
            context = None if access is None else following_context(access)
            listener = await asyncio.get_running_loop().create_server(
                connection, host, port, ssl=context, ssl_handshake_timeout=patience.first_request_s if context else None
            )
        except OSError as error:
            raise ProviderUnavailable(with_port(host, port), f"cannot listen: {why_not_bound(host, port)}") from error
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()
    finally:
        await runner.cleanup()


def http_logger() -> logging.Logger:
    """A logger for aiohttp's servers that leaves out what is only a client's fault.

    The client is told with a status; a traceback in the log for each such request would let anyone fill it.
    """
    logger = logging.getLogger("solquote.http")
    if _is_ours not in logger.filters:
        logger.addFilter(_is_ours)
    return logger


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


class _SilentConnections:
    """Closes every connection that has not made a whole request in time; bounded by how many come within that time."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._ends: dict[asyncio.BaseProtocol, asyncio.TimerHandle] = {}

    def add(self, protocol: web.RequestHandler) -> None:
        """A connection is being made."""
        self._ends[protocol] = asyncio.get_running_loop().call_later(self._patience_s, self._end, protocol)

    def has_spoken(self, protocol: asyncio.BaseProtocol) -> None:
        """A request has come on it."""
        end = self._ends.pop(protocol, None)
        if end is not None:
            end.cancel()

    def _end(self, protocol: web.RequestHandler) -> None:
        del self._ends[protocol]
        protocol.force_close()


def _whole_request(silent: _SilentConnections, *, body_s: float) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        silent.has_spoken(request.protocol)
        if not request.body_exists or getattr(request.match_info.handler, _READS_BODY, False):
            return await handler(request)
        try:
            async with asyncio.timeout(body_s):
                await request.read()  # kept for the handler
        except TimeoutError:
            raise web.HTTPRequestTimeout(reason=f"the body did not come within {body_s:g} s") from None
        except (ConnectionResetError, web.RequestPayloadError):
            raise web.HTTPBadRequest(reason="the body ended before its end") from None
        return await handler(request)

    return middleware
