"""Counts the work of a quote service as its clients see it, for its `WorkFigures`."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc
import grpc.aio
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

__all__ = ["CallCounter", "count_http"]

_OWN_FAULTS: Final = frozenset({grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.DATA_LOSS})
_ABOUT_HEALTH: Final = ("/Health", "/Check", "/Watch", "/ServerReflectionInfo")


class CallCounter(grpc.aio.ServerInterceptor):
    """Counts the calls of clients, gRPC and HTTP, and those that the service itself failed; not looks at its health."""

    def __init__(self) -> None:
        self.handled_count = 0
        self.error_count = 0
        self._counted: dict[str, Any] = {}

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """The handler of a call, which counts; it is made at the first call of its method, and there are as many."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.endswith(_ABOUT_HEALTH):
            return handler
        if method not in self._counted:
            self._counted[method] = self._counting(handler)
        return self._counted[method]

    def _counting(self, handler: Any) -> Any:
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._stream(handler.unary_stream), handler.request_deserializer, handler.response_serializer
            )
        return grpc.unary_unary_rpc_method_handler(
            self._answer(handler.unary_unary), handler.request_deserializer, handler.response_serializer
        )

    def _answer(self, method: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
        async def answer(request: Any, context: Any) -> Any:
            self.handled_count += 1
            try:
                return await method(request, context)
            except Exception as error:
                self.note_failure(error, context)
                raise

        return answer

    def _stream(self, method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        async def stream(request: Any, context: Any) -> Any:
            self.handled_count += 1
            messages = method(request, context)
            try:
                async for message in messages:
                    yield message
            except Exception as error:
                self.note_failure(error, context)
                raise
            finally:
                await messages.aclose()

        return stream

    def note_failure(self, error: Exception, context: Any) -> None:
        """A call ended with this; an abort is ours to answer for only with a code that says so."""
        if not isinstance(error, grpc.aio.AbortError) or context.code() in _OWN_FAULTS:
            self.error_count += 1


def count_http(calls: CallCounter) -> Middleware:
    """A middleware, to be the outermost, that counts HTTP calls."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.endswith(("/health", "/metrics")):
            return await handler(request)
        calls.handled_count += 1
        try:
            response = await handler(request)
        except web.HTTPException:
            raise
        except Exception:
            calls.error_count += 1
            raise
        calls.error_count += response.status == web.HTTPInternalServerError.status_code
        return response

    return middleware
