"""What counts as work of a service, and what as its error, over real gRPC and HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from aiohttp import ClientSession, web

from quote_core.serving import CallCounter, serve, serve_http

SERVICE = "test.Service"


def register(server: grpc.aio.Server) -> None:
    async def answer(request: bytes, context: Any) -> bytes:
        match request:
            case b"wrong":
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "your fault")
            case b"broken":
                await context.abort(grpc.StatusCode.INTERNAL, "our fault")
            case b"crash":
                raise ZeroDivisionError
        return request

    async def stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"one"
        yield await answer(request, context)

    handlers = {
        "Ask": grpc.unary_unary_rpc_method_handler(answer),
        "Health": grpc.unary_unary_rpc_method_handler(answer),
        "Follow": grpc.unary_stream_rpc_method_handler(stream),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("request_bytes", [b"fine", b"wrong", b"broken", b"crash"])
async def test_a_call_that_the_service_itself_failed_is_an_error(request_bytes: bytes) -> None:
    calls = CallCounter()
    async with serve(register, services=(SERVICE,), host="127.0.0.1", port=0, calls=calls) as server:  # noqa: SIM117
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:  # whose port is known by now
            for method in ("Ask", "Health"):
                try:
                    await channel.unary_unary(f"/{SERVICE}/{method}")(request_bytes)
                except grpc.aio.AioRpcError:
                    assert request_bytes != b"fine"
            try:
                assert [part async for part in channel.unary_stream(f"/{SERVICE}/Follow")(request_bytes)]
            except grpc.aio.AioRpcError:
                assert request_bytes != b"fine"
    is_error = request_bytes in (b"broken", b"crash")
    assert (calls.handled_count, calls.error_count) == (2, 2 * is_error)


async def test_an_http_call_that_ends_in_a_500_is_an_error_and_a_refusal_is_not() -> None:
    async def crash(_: web.Request) -> web.Response:
        raise ZeroDivisionError

    application = web.Application()
    application.add_routes([web.get("/crash", crash)])
    calls = CallCounter()
    async with serve_http(application, host="127.0.0.1", port=0, calls=calls) as port, ClientSession() as session:
        for path, status in (("crash", 500), ("nowhere", 404)):
            async with session.get(f"http://127.0.0.1:{port}/{path}") as response:
                assert response.status == status
    assert (calls.handled_count, calls.error_count) == (2, 1)
