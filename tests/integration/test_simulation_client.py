import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from fakes.pipeline_events import SOL, USDC

from pipeline.simulation import RouteHopRequest
from pipeline.simulation_client import connect_simulator
from quote_core.access.caller import Caller
from quote_core.errors import DeadlinePassed, InvalidField, NoLiquidity, ProviderUnavailable, SolquoteError
from quote_core.generated.solquote.v1 import local_quote_pb2 as messages
from quote_core.generated.solquote.v1 import local_quote_pb2_grpc as services

pytestmark = pytest.mark.integration
HOP = (RouteHopRequest(input_mint=SOL, output_mint=USDC),)


class Refusing(services.LocalQuoteServiceServicer):
    def __init__(self, code: grpc.StatusCode | None) -> None:
        self._code = code

    async def SimulateRoute(  # noqa: N802  # the method's name
        self,
        request: messages.SimulateRouteRequest,
        context: grpc.aio.ServicerContext[messages.SimulateRouteRequest, messages.SimulateRouteResponse],
    ) -> messages.SimulateRouteResponse:
        if self._code is None:
            await asyncio.Event().wait()
        await context.abort(self._code or grpc.StatusCode.UNKNOWN, "hops[0]: because")


@contextlib.asynccontextmanager
async def served(code: grpc.StatusCode | None) -> AsyncIterator[str]:
    server = grpc.aio.server()
    services.add_LocalQuoteServiceServicer_to_server(Refusing(code), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.FAILED_PRECONDITION, NoLiquidity),
        (grpc.StatusCode.NOT_FOUND, NoLiquidity),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidField),
        (grpc.StatusCode.UNAVAILABLE, ProviderUnavailable),
        (grpc.StatusCode.INTERNAL, ProviderUnavailable),
    ],
)
async def test_each_status_becomes_the_error_that_says_what_to_do(
    code: grpc.StatusCode, error: type[SolquoteError]
) -> None:
    async with served(code) as address, connect_simulator(address, Caller(), timeout_ns=10**10) as simulator:
        with pytest.raises(error, match=r"hops\[0\]: because"):
            await simulator.simulate(HOP, 1)


async def test_an_answer_that_does_not_come_in_time_is_a_deadline_passed() -> None:
    async with served(None) as address, connect_simulator(address, Caller(), timeout_ns=50_000_000) as simulator:
        with pytest.raises(DeadlinePassed, match="50 ms"):
            await simulator.simulate(HOP, 1)


async def test_a_service_that_is_not_there_is_unavailable() -> None:
    async with served(None) as address:
        pass
    async with connect_simulator(address, Caller(), timeout_ns=10**10) as simulator:
        with pytest.raises(ProviderUnavailable):
            await simulator.simulate(HOP, 1)
