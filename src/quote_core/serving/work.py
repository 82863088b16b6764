"""Counts and times the calls of a service as its clients see them: for its `WorkFigures` and its metrics.

| what               | gRPC                                                | HTTP                                     |
|--------------------|-----------------------------------------------------|------------------------------------------|
| a call is known by | the method, of those that are served                | verb and route, of those that are served |
| it ended with      | the status code's name                              | the status                               |
| it took            | until its answer; a stream, until its first message | until its answer                         |
| what is not served | a call of `other`, UNIMPLEMENTED                    | a call of `other` `other`                |

So nothing a client sends makes another kind of call, and what is kept is bounded by what is served. Reflection is not
counted, nor is a watch of `grpc.health.v1`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc
import grpc.aio
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from quote_core.telemetry.calls import CallFigures

__all__ = ["OTHER", "CallCounter", "count_http"]

OTHER: Final = "other"
"""The one name of all methods and routes that a client made up."""

_OWN_FAULTS: Final = frozenset({grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.DATA_LOSS})
_ABOUT_HEALTH: Final = ("/Health", "/Check", "/Watch", "/ServerReflectionInfo")
_NOT_COUNTED: Final = ("/Watch", "/ServerReflectionInfo")
_OTHER_HTTP: Final = (OTHER, OTHER)
_CLIENT_LEFT: Final = 499
"""As nginx writes it down: the client went before its answer came."""


class CallCounter(grpc.aio.ServerInterceptor):
    """Counts calls, gRPC and HTTP.

    `handled_count` and `error_count` are work for clients, and what of it the service itself failed; looks at its
    health or its metrics are none. `grpc` is by full method, `http` by verb and route.
    """

    def __init__(self) -> None:
        self.handled_count = 0
        self.error_count = 0
        self.grpc: dict[str, CallFigures] = {}
        self.http: dict[tuple[str, str], CallFigures] = {}
        self._counted: dict[str, Any] = {}

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """The handler of a call, which counts; it is made at the first call of its method, and there are as many."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None:
            self.grpc.setdefault(OTHER, CallFigures()).end(grpc.StatusCode.UNIMPLEMENTED.name, time.perf_counter())
            return handler
        if method.endswith(_NOT_COUNTED):
            return handler
        if method not in self._counted:
            self._counted[method] = self._counting(handler, method)
        return self._counted[method]

    def _counting(self, handler: Any, method: str) -> Any:
        figures = self.grpc[method.removeprefix("/")] = CallFigures()
        is_work = not method.endswith(_ABOUT_HEALTH)
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._stream(handler.unary_stream, figures), handler.request_deserializer, handler.response_serializer
            )
        return grpc.unary_unary_rpc_method_handler(
            self._answer(handler.unary_unary, figures, is_work=is_work),
            handler.request_deserializer,
            handler.response_serializer,
        )

    def _answer(
        self, method: Callable[[Any, Any], Awaitable[Any]], figures: CallFigures, *, is_work: bool
    ) -> Callable[[Any, Any], Awaitable[Any]]:
        async def answer(request: Any, context: Any) -> Any:
            began_s, code = time.perf_counter(), grpc.StatusCode.OK
            self.handled_count += is_work
            figures.open_count += 1
            try:
                return await method(request, context)
            except BaseException as error:
                code = _code_of(error, context)
                self.error_count += is_work and code in _OWN_FAULTS
                raise
            finally:
                figures.open_count -= 1
                figures.end(code.name, began_s)

        return answer

    def _stream(self, method: Callable[[Any, Any], Any], figures: CallFigures) -> Callable[[Any, Any], Any]:
        async def stream(request: Any, context: Any) -> Any:
            began_s, code, is_begun = time.perf_counter(), grpc.StatusCode.OK, False
            self.handled_count += 1
            figures.open_count += 1
            messages = method(request, context)
            try:
                async for message in messages:
                    if not is_begun:
                        is_begun = True
                        figures.took_s.observe(time.perf_counter() - began_s)
                    figures.message_count += 1
                    yield message
            except BaseException as error:
                code = _code_of(error, context)
                self.error_count += code in _OWN_FAULTS
                raise
            finally:
                figures.open_count -= 1
                figures.endings[code.name] += 1
                await messages.aclose()

        return stream


def _code_of(error: BaseException, context: Any) -> grpc.StatusCode:
    """What the client hears; that it left is CANCELLED, and what nobody foresaw UNKNOWN."""
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return grpc.StatusCode.CANCELLED
    if isinstance(error, grpc.aio.AbortError):
        code: grpc.StatusCode = context.code()
        return code
    return grpc.StatusCode.UNKNOWN


def count_http(calls: CallCounter) -> Middleware:
    """A middleware, to be the outermost, that counts HTTP calls."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        began_s, status = time.perf_counter(), web.HTTPInternalServerError.status_code
        is_work = not request.path.endswith(("/health", "/metrics"))
        calls.handled_count += is_work
        figures = calls.http.setdefault(_route_of(request), CallFigures())
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
    return (request.method, resource.canonical) if resource is not None else _OTHER_HTTP
