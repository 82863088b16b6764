"""Counts and times gRPC calls (`quote_core.telemetry.calls` says what is counted), and lets pass those that may ask."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import grpc
import grpc.aio

from quote_core.access.scopes import OPEN_GRPC_METHODS
from quote_core.errors import SolquoteError, Unauthenticated
from quote_core.serving.grpc_gate import GrpcGate
from quote_core.serving.status import abort_with, grpc_code
from quote_core.telemetry.calls import OTHER, CallCounter, CallFigures

__all__ = ["CountedServer"]

_OK: Final = grpc.StatusCode.OK.name  # which Python looks up anew wherever it is written
_OWN_FAULTS: Final = frozenset({grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.DATA_LOSS})
_NOT_WORK: Final = ("/Health", "/Check", "/List", "/Watch", "/ServerReflectionInfo")
"""What is asked about the service and not of it: timed like all else, and no work of its own."""


class CountedServer:
    """Where services register with a server, so that every call of theirs passes the gate, if any, and is counted.

    Around the handlers and no interceptor: gRPC finds handlers by a coroutine of its own a call where there is one,
    which costs as much as a tenth of a short call.
    """

    def __init__(self, server: grpc.aio.Server, calls: CallCounter, gate: GrpcGate | None = None) -> None:
        self._server = server
        self._calls = calls
        self._gate = gate
        self.known: dict[str, Any] = {}
        """The handlers of methods that have been called."""

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
        if method not in self.known:
            self.known[method] = self._counting(handler, method)
        return self.known[method]

    def _counting(self, handler: Any, method: str) -> Any:
        figures = self._calls.grpc[method.removeprefix("/")] = CallFigures()
        is_work = not method.endswith(_NOT_WORK)
        gate = self._gate if method not in OPEN_GRPC_METHODS else None
        if not handler.response_streaming:
            return grpc.unary_unary_rpc_method_handler(
                self._answer(handler.unary_unary, figures, gate, is_work=is_work),
                handler.request_deserializer,
                handler.response_serializer,
            )
        if handler.request_streaming:
            make, behaviour = grpc.stream_stream_rpc_method_handler, handler.stream_stream
        else:
            make, behaviour = grpc.unary_stream_rpc_method_handler, handler.unary_stream
        if inspect.iscoroutinefunction(behaviour):  # it writes to the context, and gives nothing to iterate over
            counted = self._writing(behaviour, figures, gate)
        else:
            counted = self._stream(behaviour, figures, gate, is_work=is_work)
        return make(counted, handler.request_deserializer, handler.response_serializer)

    def _answer(
        self,
        method: Callable[[Any, Any], Awaitable[Any]],
        figures: CallFigures,
        gate: GrpcGate | None,
        *,
        is_work: bool,
    ) -> Callable[[Any, Any], Awaitable[Any]]:
        async def answer(request: Any, context: Any) -> Any:
            began_s, ended = time.perf_counter(), _OK
            self._calls.handled_count += is_work
            figures.open_count += 1
            try:
                if gate is not None and gate.asks_anything and (refusal := gate.refusal(context)) is not None:
                    await abort_with(context, refusal)
                return await method(request, context)
            except BaseException as error:
                code = _code_of(error, context)
                ended = code.name
                self._calls.error_count += is_work and code in _OWN_FAULTS
                raise
            finally:
                figures.open_count -= 1
                figures.end(ended, began_s)

        return answer

    def _writing(
        self, method: Callable[[Any, Any], Awaitable[None]], figures: CallFigures, gate: GrpcGate | None
    ) -> Callable[[Any, Any], Awaitable[None]]:
        async def write(request: Any, context: Any) -> None:
            code = grpc.StatusCode.OK
            figures.open_count += 1
            try:
                if gate is not None and gate.asks_anything and (refusal := gate.refusal(context)) is not None:
                    await abort_with(context, refusal)
                await method(request, context)
            except BaseException as error:
                code = _code_of(error, context)
                raise
            finally:
                figures.open_count -= 1
                figures.endings[code.name] += 1

        return write

    def _stream(
        self, method: Callable[[Any, Any], Any], figures: CallFigures, gate: GrpcGate | None, *, is_work: bool
    ) -> Callable[[Any, Any], Any]:
        async def stream(request: Any, context: Any) -> Any:
            began_s, code, is_begun = time.perf_counter(), grpc.StatusCode.OK, False
            self._calls.handled_count += is_work
            figures.open_count += 1
            messages = admission = None
            try:
                if gate is not None and gate.asks_anything:
                    admitted = gate.stream(context)
                    if isinstance(admitted, SolquoteError):
                        await abort_with(context, admitted)
                    admission = admitted
                messages = method(request, context)
                async for message in messages:
                    if admission is not None:
                        admission.check()
                    if not is_begun:
                        is_begun = True
                        figures.took_s.observe(time.perf_counter() - began_s)
                    figures.message_count += 1
                    yield message
            except Unauthenticated as error:  # the token of a stream is none any more
                code = grpc_code(error)
                await abort_with(context, error)
            except BaseException as error:
                code = _code_of(error, context)
                self._calls.error_count += is_work and code in _OWN_FAULTS
                raise
            finally:
                figures.open_count -= 1
                figures.endings[code.name] += 1
                if messages is not None:
                    await messages.aclose()
                if admission is not None:
                    admission.end_stream()

        return stream


class _Counting(grpc.GenericRpcHandler):
    def __init__(self, server: CountedServer, handler: grpc.GenericRpcHandler) -> None:
        self._server = server
        self._handler = handler

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._server.known.get(handler_call_details.method) or self._found(handler_call_details)

    def _found(self, details: grpc.HandlerCallDetails) -> Any:
        handler = self._handler.service(details)
        return None if handler is None else self._server.counted(handler, details.method)


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
