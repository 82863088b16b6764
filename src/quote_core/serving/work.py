"""How a quote service's work goes, in the figures of its `Health`: the one place that names them.

Quote services have no connection to the bus. The system manager asks each for its `Health` once a second and judges
these figures by the same rules as the reports of the pipeline's processes.

| figure                                      | meaning                                                               |
|---------------------------------------------|-----------------------------------------------------------------------|
| `handled_total`, `errors_total`             | pieces of work since the start, and those that failed by the          |
|                                             | service's own fault or on data it cannot read; what a client asked    |
|                                             | wrongly, or a neighbour did not answer, is no error of the service    |
| `rpc_calls_total`, `rpc_failures_total`     | calls to the Solana node since the start, and those that failed       |
| `memory_used_bytes`, `memory_limit_bytes`   | see `quote_core.telemetry.memory`; a limit of 0 = not known           |
| `slot`                                      | the chain's slot the service has seen; 0 when it follows none         |
| `slot_drift`                                | slots that slot is behind, by the clock and the chain's own time: a   |
|                                             | node that stands still cannot be measured against itself              |
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import grpc
import grpc.aio
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from quote_core.telemetry import memory_use

__all__ = ["CallCounter", "WorkFigures", "count_http"]

_OWN_FAULTS: Final = frozenset({grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.DATA_LOSS})
_ABOUT_HEALTH: Final = ("/Health", "/Check", "/Watch", "/ServerReflectionInfo")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkFigures:
    """The figures of the module's table."""

    handled_total: int = 0
    errors_total: int = 0
    rpc_calls_total: int = 0
    rpc_failures_total: int = 0
    memory_used_bytes: int = 0
    memory_limit_bytes: int = 0
    slot: int = 0
    slot_drift: int = 0

    @classmethod
    def now(cls, **counts: int) -> Self:
        """These counts, and this process's memory as it is."""
        memory = memory_use()
        return cls(memory_used_bytes=memory.used_bytes, memory_limit_bytes=memory.limit_bytes, **counts)

    @classmethod
    def read(cls, figures: Mapping[str, float]) -> Self:
        """From the figures of a `Health` answer; one that is not there is 0."""
        return cls(**{name: int(figures[name]) for name in cls.__slots__ if name in figures})

    def figures(self) -> Mapping[str, float]:
        """For the figures of a `Health` answer."""
        return {name: float(value) for name, value in asdict(self).items()}


class CallCounter(grpc.aio.ServerInterceptor):
    """Counts the calls of clients, gRPC and HTTP, and those that the service itself failed; not looks at its health."""

    def __init__(self) -> None:
        self.handled_count = 0
        self.error_count = 0

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """Wrap the handler of one call."""
        handler = await continuation(handler_call_details)
        if handler is None or handler_call_details.method.endswith(_ABOUT_HEALTH):
            return handler
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
