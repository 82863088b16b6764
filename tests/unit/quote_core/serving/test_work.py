"""What counts as work of a service, and what as its error, over real gRPC and HTTP."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from aiohttp import ClientSession, web
from fakes.waiting import eventually
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from quote_core.serving import CallCounter, serve, serve_http
from quote_core.telemetry.calls import OTHER

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

    async def linger(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.Event().wait()

    handlers = {
        "Linger": grpc.unary_stream_rpc_method_handler(linger),
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
    code = {b"fine": "OK", b"wrong": "INVALID_ARGUMENT", b"broken": "INTERNAL", b"crash": "UNKNOWN"}[request_bytes]
    assert {method: dict(figures.endings) for method, figures in calls.grpc.items()} == {
        f"{SERVICE}/{name}": {code: 1} for name in ("Ask", "Health", "Follow")
    }
    assert [figures.took_s.count for figures in calls.grpc.values()] == [1, 1, 1]
    assert [figures.open_count for figures in calls.grpc.values()] == [0, 0, 0]
    assert calls.grpc[f"{SERVICE}/Follow"].message_count == 1 + (request_bytes == b"fine")


async def test_a_stream_that_its_client_leaves_has_ended_and_what_is_not_served_is_one_method() -> None:
    calls = CallCounter()
    async with serve(register, services=(SERVICE,), host="127.0.0.1", port=0, calls=calls) as server:  # noqa: SIM117
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            stream = channel.unary_stream(f"/{SERVICE}/Linger")(b"")
            assert await stream.read() == b"one"
            assert calls.grpc[f"{SERVICE}/Linger"].open_count == 1
            stream.cancel()
            await eventually(lambda: calls.grpc[f"{SERVICE}/Linger"].open_count == 0)
            for method in ("/none.Such/Method", f"/{SERVICE}/Missing"):
                with pytest.raises(grpc.aio.AioRpcError):
                    await channel.unary_unary(method)(b"")
    assert {method: dict(figures.endings) for method, figures in calls.grpc.items()} == {
        f"{SERVICE}/Linger": {"CANCELLED": 1},
        OTHER: {"UNIMPLEMENTED": 2},
    }
    assert calls.error_count == 0


async def test_what_is_asked_about_the_service_is_counted_and_is_no_work_of_its_own() -> None:
    calls = CallCounter()
    watch, reflect = "grpc.health.v1.Health/Watch", "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    async with serve(register, services=(SERVICE,), host="127.0.0.1", port=0, calls=calls) as server:  # noqa: SIM117
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            watching = channel.unary_stream(f"/{watch}")(b"")
            assert await watching.read()
            assert calls.grpc[watch].open_count == 1
            watching.cancel()
            reflecting = channel.stream_stream(f"/{reflect}")()
            await reflecting.write(ServerReflectionRequest(list_services="").SerializeToString())
            assert await reflecting.read()
            await reflecting.done_writing()
            assert await reflecting.read() is grpc.aio.EOF
            await eventually(lambda: calls.grpc[watch].open_count == 0)
    assert {method: dict(figures.endings) for method, figures in calls.grpc.items()} == {
        watch: {"CANCELLED": 1},
        reflect: {"OK": 1},
    }
    assert calls.grpc[reflect].message_count == 1
    assert (calls.handled_count, calls.error_count) == (0, 0)


async def test_an_http_call_that_ends_in_a_500_is_an_error_and_a_refusal_is_not() -> None:
    async def crash(_: web.Request) -> web.Response:
        raise ZeroDivisionError

    application = web.Application()

    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    application.add_routes([web.get("/crash", crash), web.get("/pools/{mint}", answer)])
    calls = CallCounter()
    async with serve_http(application, host="127.0.0.1", port=0, calls=calls) as port, ClientSession() as session:
        for verb, path, status in (
            ("GET", "crash", 500),
            ("GET", "nowhere", 404),
            ("GET", "pools/one", 200),
            ("GET", "pools/other", 200),
            ("DELETE", "pools/one", 405),
            ("PATCH", "pools/one", 405),
        ):
            async with session.request(verb, f"http://127.0.0.1:{port}/{path}") as response:
                assert response.status == status
    assert (calls.handled_count, calls.error_count) == (6, 1)
    assert {call: dict(figures.endings) for call, figures in calls.http.items()} == {
        ("GET", "/crash"): {"500": 1},
        ("GET", "/pools/{mint}"): {"200": 2},
        (OTHER, OTHER): {"404": 1, "405": 2},
    }
    assert calls.http["GET", "/pools/{mint}"].took_s.count == 2
