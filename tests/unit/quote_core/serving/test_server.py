import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quote_core.errors import (
    CorruptAccount,
    DeadlinePassed,
    InvalidField,
    NoLiquidity,
    ProviderUnavailable,
    RateLimited,
    SolquoteError,
    TooManyQuotes,
    UnknownToken,
)
from quote_core.serving import abort_with, grpc_code, serve

SERVICE = "solquote.v1.LocalQuoteService"


def nothing(server: grpc.aio.Server) -> None:
    """A server with health and reflection alone."""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnknownToken("input_mint", "x"), "NOT_FOUND"),
        (InvalidField("input_amount", "must be above zero"), "INVALID_ARGUMENT"),
        (TooManyQuotes("pairs", 3000, 2000), "RESOURCE_EXHAUSTED"),
        (NoLiquidity("SOL/sSOL", "no pool"), "FAILED_PRECONDITION"),
        (DeadlinePassed("local", 10), "DEADLINE_EXCEEDED"),
        (ProviderUnavailable("jupiter", "down"), "UNAVAILABLE"),
        (RateLimited("jupiter", 500), "RESOURCE_EXHAUSTED"),
        (CorruptAccount("key", "field", "is too short"), "DATA_LOSS"),
    ],
)
def test_each_kind_of_error_has_the_code_of_the_contract(error: SolquoteError, code: str):
    assert grpc_code(error) is grpc.StatusCode[code]


async def test_health_starts_as_not_serving_and_follows_the_switch():
    async with (
        serve(nothing, services=[SERVICE], host="127.0.0.1", port=0) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stub = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service=SERVICE)
        assert (await stub.Check(request)).status == health_pb2.HealthCheckResponse.NOT_SERVING
        await server.set_serving(serving=True)
        assert (await stub.Check(request)).status == health_pb2.HealthCheckResponse.SERVING
        assert (await stub.Check(health_pb2.HealthCheckRequest())).status == health_pb2.HealthCheckResponse.SERVING


async def test_a_second_server_on_the_port_is_refused():
    async with serve(nothing, services=[SERVICE], host="127.0.0.1", port=0) as server:
        with pytest.raises(ProviderUnavailable, match="in use"):
            async with serve(nothing, services=[SERVICE], host="127.0.0.1", port=server.port):
                pass


async def test_an_error_ends_the_call_with_its_message_and_when_to_come_back():
    async def limited(_request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        await abort_with(context, RateLimited("jupiter", 750))

    def register(server: grpc.aio.Server) -> None:
        handlers = {"Ask": grpc.unary_unary_rpc_method_handler(limited)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("demo.Demo", handlers),))

    async with (
        serve(register, services=[], host="127.0.0.1", port=0) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/demo.Demo/Ask")(b"")
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "try again in 750 ms" in (caught.value.details() or "")
    assert dict(caught.value.trailing_metadata() or ())["retry-after-ms"] == "750"
