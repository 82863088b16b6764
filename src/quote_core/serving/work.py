"""Counts and times gRPC calls; `quote_core.telemetry.calls` says what is counted."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import grpc
import grpc.aio

from quote_core.telemetry.calls import OTHER, CallCounter, CallFigures

__all__ = ["CountedServer"]

_OWN_FAULTS: Final = frozenset({grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.DATA_LOSS})
_NOT_WORK: Final = ("/Health", "/Check", "/List", "/Watch", "/ServerReflectionInfo")
"""What is asked about the service and not of it: timed like all else, and no work of its own."""


class CountedServer:
    """Where services register with a server, so that every call of theirs is counted.

    Around the handlers and no interceptor: gRPC finds handlers by a coroutine of its own a call where there is one,
    which costs as much as a tenth of a short call.
    """

    def __init__(self, server: grpc.aio.Server, calls: CallCounter) -> None:
        self._server = server
        self._calls = calls
        self._counted: dict[str, Any] = {}

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """See `grpc.aio.Server`."""
        self._server.add_generic_rpc_handlers(tuple(_Counting(self, handler) for handler in handlers))

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """Nothing: generated code gives the same handlers once more, to be found by name before the counted ones."""

    def count_others(self) -> None:
        """Count what nobody serves; after all services have registered, since handlers are asked in their order."""
        self._server.add_generic_rpc_handlers((_Unserved(self._calls),))

    def counted(self, handler: Any, method: str) -> Any:
        """The handler of a method, which counts; made at the method's first call, and there are as many."""
        if method not in self._counted:
            self._counted[method] = self._counting(handler, method)
        return self._counted[method]

    def _counting(self, handler: Any, method: str) -> Any:
        figures = self._calls.grpc[method.removeprefix("/")] = CallFigures()
        is_work = not method.endswith(_NOT_WORK)
        if not handler.response_streaming:
            return grpc.unary_unary_rpc_method_handler(
                self._answer(handler.unary_unary, figures, is_work=is_work),
                handler.request_deserializer,
                handler.response_serializer,
            )
        if handler.request_streaming:
            make, behaviour = grpc.stream_stream_rpc_method_handler, handler.stream_stream
        else:
            make, behaviour = grpc.unary_stream_rpc_method_handler, handler.unary_stream
        if inspect.iscoroutinefunction(behaviour):  # it writes to the context, and gives nothing to iterate over
            counted = self._writing(behaviour, figures)
        else:
            counted = self._stream(behaviour, figures, is_work=is_work)
        return make(counted, handler.request_deserializer, handler.response_serializer)

    def _answer(
        self, method: Callable[[Any, Any], Awaitable[Any]], figures: CallFigures, *, is_work: bool
    ) -> Callable[[Any, Any], Awaitable[Any]]:
        async def answer(request: Any, context: Any) -> Any:
            began_s, code = time.perf_counter(), grpc.StatusCode.OK
            self._calls.handled_count += is_work
            figures.open_count += 1
            try:
                return await method(request, context)
            except BaseException as error:
                code = _code_of(error, context)
                self._calls.error_count += is_work and code in _OWN_FAULTS
                raise
            finally:
                figures.open_count -= 1
                figures.end(code.name, began_s)

        return answer

    def _writing(
        self, method: Callable[[Any, Any], Awaitable[None]], figures: CallFigures
    ) -> Callable[[Any, Any], Awaitable[None]]:
        async def write(request: Any, context: Any) -> None:
            code = grpc.StatusCode.OK
            figures.open_count += 1
            try:
                await method(request, context)
            except BaseException as error:
                code = _code_of(error, context)
                raise
            finally:
                figures.open_count -= 1
                figures.endings[code.name] += 1

        return write

    def _stream(
        self, method: Callable[[Any, Any], Any], figures: CallFigures, *, is_work: bool
    ) -> Callable[[Any, Any], Any]:
        async def stream(request: Any, context: Any) -> Any:
            began_s, code, is_begun = time.perf_counter(), grpc.StatusCode.OK, False
            self._calls.handled_count += is_work
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
                self._calls.error_count += is_work and code in _OWN_FAULTS
                raise
            finally:
                figures.open_count -= 1
                figures.endings[code.name] += 1
                await messages.aclose()

        return stream


class _Counting(grpc.GenericRpcHandler):
    def __init__(self, server: CountedServer, handler: grpc.GenericRpcHandler) -> None:
        self._server = server
        self._handler = handler

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        handler = self._handler.service(handler_call_details)
        return None if handler is None else self._server.counted(handler, handler_call_details.method)


class _Unserved(grpc.GenericRpcHandler):
    def __init__(self, calls: CallCounter) -> None:
        self._calls = calls

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> None:
        unserved = self._calls.grpc.setdefault(OTHER, CallFigures())
        unserved.end(grpc.StatusCode.UNIMPLEMENTED.name, time.perf_counter())


def _code_of(error: BaseException, context: Any) -> grpc.StatusCode:
    """What the client hears; that it left is CANCELLED, and what nobody foresaw UNKNOWN."""
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return grpc.StatusCode.CANCELLED
    if isinstance(error, grpc.aio.AbortError):
        code: grpc.StatusCode = context.code()
        return code
    return grpc.StatusCode.UNKNOWN
