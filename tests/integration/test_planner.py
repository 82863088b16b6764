import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
from fakes.pipeline_events import POOL_A, POOL_B, USDC_BACK, opportunity
from fakes.pipeline_process import pipeline_process, trading_allowed, until
from fakes.vouched import freshness_message

from quote_core.bus import Bus
from quote_core.events import Event, ExecutionPlan
from quote_core.generated.solquote.v1 import local_quote_pb2 as messages
from quote_core.generated.solquote.v1 import local_quote_pb2_grpc as services
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.units import LAMPORTS_PER_SOL

pytestmark = pytest.mark.integration
PATIENT = {
    "SOLQUOTE_PLANNER_OPPORTUNITY_AGE_MAX": "60s",
    "SOLQUOTE_PLANNER_QUOTE_AGE_MAX": "60s",
    "SOLQUOTE_PLANNER_POOL_STATE_AGE_MAX": "60s",
    "SOLQUOTE_PLANNER_RISK_BELOW": "1.0",
    "SOLQUOTE_PLANNER_SIMULATION_TIMEOUT": "60s",
}
"""For tests in which an opportunity waits longer than a market would let it."""


class Simulating(services.LocalQuoteServiceServicer):
    """Answers SimulateRoute with what it is told to."""

    def __init__(self) -> None:
        self.amount_out = LAMPORTS_PER_SOL * 101 // 100
        self.refusal = ""
        self.asked: list[messages.SimulateRouteRequest] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def SimulateRoute(  # noqa: N802  # the method's name
        self,
        request: messages.SimulateRouteRequest,
        context: grpc.aio.ServicerContext[messages.SimulateRouteRequest, messages.SimulateRouteResponse],
    ) -> messages.SimulateRouteResponse:
        self.asked.append(request)
        await self.may_answer.wait()
        if self.refusal:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, self.refusal)
        amounts = (request.input_amount, USDC_BACK, self.amount_out)
        answer = messages.SimulateRouteResponse(
            output_amount=self.amount_out,
            slot=401,
            price_impacts=[0.0001, 0.0002],
            depth_amounts=[10**13, 10**13],
            freshness=freshness_message(slot=401),
        )
        for position, (hop, pool) in enumerate(zip(request.hops, (POOL_A, POOL_B), strict=True)):
            answer.route.add(
                pool_id=pool,
                input_mint=hop.input_mint,
                output_mint=hop.output_mint,
                input_amount=amounts[position],
                output_amount=amounts[position + 1],
                provenance=quotes_pb2.PROVENANCE_RECORDED,
            )
        return answer


@contextlib.asynccontextmanager
async def served(simulating: Simulating, port: int = 0) -> AsyncIterator[int]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    services.add_LocalQuoteServiceServicer_to_server(simulating, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield bound
    finally:
        await server.stop(None)


def environ(nats_url: str, port: int) -> dict[str, str]:
    return {"SOLQUOTE_NATS_URL": nats_url, "SOLQUOTE_LOCAL_QUOTE_ADDRESS": f"127.0.0.1:{port}"}


def plans(events: list[Event]) -> list[ExecutionPlan]:
    return [event for event in events if isinstance(event, ExecutionPlan)]


async def test_an_opportunity_becomes_a_plan_with_pinned_pools(nats_url: str, bus: Bus, tmp_path: Path) -> None:
    heard: list[Event] = []
    await bus.listen("plan.>", heard.append)
    async with (
        served(Simulating()) as port,
        trading_allowed(bus),
        pipeline_process("planner", tmp_path, environ(nats_url, port)) as planner,
    ):
        await until(lambda: planner.said("trading active"))
        found = opportunity()
        await bus.publish(found)
        await until(lambda: heard)
        planner.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(2):
            assert await planner.process.wait() == 0
    (plan,) = plans(heard)
    assert plan.opportunity_id == found.header.event_id
    assert [hop.pool_id for hop in plan.hops] == [POOL_A, POOL_B]
    assert plan.expected_amount_out == LAMPORTS_PER_SOL * 101 // 100
    assert plan.net_profit_lamports == 10_000_000 - 500_000 - 10_000 - 5_000
    assert plan.min_amount_out == -(-plan.expected_amount_out * 9_980 // 10_000)
    assert plan.compute_unit_limit == 100_000 + 2 * 150_000
    assert plan.expires_unix_ns == plan.header.created_unix_ns + 5_000_000_000


async def test_what_the_simulation_does_not_confirm_is_rejected_and_counted(
    nats_url: str, bus: Bus, tmp_path: Path
) -> None:
    heard: list[Event] = []
    await bus.listen("plan.>", heard.append)
    simulating = Simulating()
    async with (
        served(simulating) as port,
        trading_allowed(bus),
        pipeline_process("planner", tmp_path, environ(nats_url, port)) as planner,
    ):
        await until(lambda: planner.said("trading active"))
        simulating.amount_out = LAMPORTS_PER_SOL
        await bus.publish(opportunity())
        await until(lambda: planner.said("profit 1"))
        simulating.refusal = "SOL/USDC: no pool"
        await bus.publish(opportunity())
        await until(lambda: planner.said("simulation 1"))
    assert heard == []
    assert len(simulating.asked) == 2


async def test_an_opportunity_waits_for_a_quote_service_that_comes_back_in_time(
    nats_url: str, bus: Bus, tmp_path: Path
) -> None:
    heard: list[Event] = []
    await bus.listen("plan.>", heard.append)
    simulating = Simulating()
    async with served(simulating) as port:
        pass  # the port is known, and nobody listens on it
    environment = environ(nats_url, port) | PATIENT
    async with trading_allowed(bus), pipeline_process("planner", tmp_path, environment) as planner:
        await until(lambda: planner.said("trading active"))
        await bus.publish(opportunity())
        await until(lambda: "retried" in planner.lines[-1] and " 0 retried" not in planner.lines[-1])
        async with served(simulating, port):
            later = opportunity()
            await bus.publish(later)
            await until(
                lambda: any(isinstance(p, ExecutionPlan) and p.opportunity_id == later.header.event_id for p in heard)
            )


async def test_what_a_killed_planner_had_in_hand_is_planned_by_the_next_one(
    nats_url: str, bus: Bus, tmp_path: Path
) -> None:
    heard: list[Event] = []
    await bus.listen("plan.>", heard.append)
    simulating = Simulating()
    simulating.may_answer.clear()
    found = opportunity()
    async with served(simulating) as port, trading_allowed(bus):
        environment = environ(nats_url, port) | PATIENT
        async with pipeline_process("planner", tmp_path, environment) as planner:
            await until(lambda: planner.said("trading active"))
            await bus.publish(found)
            await until(lambda: simulating.asked)
            planner.process.kill()
            await planner.process.wait()
        simulating.may_answer.set()
        assert heard == []
        async with pipeline_process("planner", tmp_path, environment):
            await until(lambda: heard)
    (plan,) = plans(heard)
    assert plan.opportunity_id == found.header.event_id
