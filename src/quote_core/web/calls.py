"""Counts and times HTTP requests; `quote_core.telemetry.calls` says what is counted."""

import asyncio
import time
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from quote_core.telemetry.calls import OTHER, CallCounter, CallFigures

__all__ = ["count_http"]

_OTHER: Final = (OTHER, OTHER)
_CLIENT_LEFT: Final = 499
"""As nginx writes it down: the client went before its answer came."""


def count_http(calls: CallCounter) -> Middleware:
    """A middleware, to be the outermost, that counts HTTP calls."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        began_s, status = time.perf_counter(), web.HTTPInternalServerError.status_code
        call = _route_of(request)
        is_work = not (request.path if call is _OTHER else call[1]).endswith(("/health", "/metrics"))
        calls.handled_count += is_work
        figures = calls.http.get(call) or calls.http.setdefault(call, CallFigures())
        figures.open_count += 1
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            raise
        except asyncio.CancelledError:
            status = _CLIENT_LEFT
            raise
        else:
            return response
        finally:
            calls.error_count += is_work and status == web.HTTPInternalServerError.status_code
            figures.open_count -= 1
            figures.end(str(status), began_s)

    return middleware


def _route_of(request: web.Request) -> tuple[str, str]:
    """Verb and path as they are served, a path's variable parts by their names."""
    resource = request.match_info.route.resource
    return (request.method, resource.canonical) if resource is not None else _OTHER
