import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import grpc
import grpc.aio
import pytest
from fakes.pipeline_events import POOL_A, POOL_B, USDC_BACK, opportunity
from fakes.pipeline_process import pipeline_process, trading_allowed, until
from fakes.results import result
from fakes.vouched import freshness_message
from fakes.waiting import DEADLINE_S

from pipeline.planner.settings import PlannerSettings
from pipeline.settings import CostSettings
from quote_core.bus import Bus
from quote_core.events import Event, ExecutionPlan, Outcome, Stream, derived_id
from quote_core.generated.solquote.v1 import local_quote_pb2 as messages
from quote_core.generated.solquote.v1 import local_quote_pb2_grpc as services
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.units import LAMPORTS_PER_SOL
from solquote.event_verdict import verdict_of

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
        assert await planner.code_on_sigterm(seconds=2) == 0
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


async def test_while_few_plans_land_the_least_net_profit_is_raised_and_the_plan_tells_by_what(
    nats_url: str, bus: Bus, tmp_path: Path
) -> None:
    heard: list[Event] = []
    await bus.listen("plan.>", heard.append)
    for number in range(60):
        missed = result(-5_000, number=number, outcome=Outcome.MISSED, network_fee_lamports=5_000)
        await bus.publish(replace(missed, run_id="this"))
        await bus.publish(
            replace(missed, plan_id=derived_id("another", number), run_id="another", outcome=Outcome.FILLED)
        )
    adapting = {"SOLQUOTE_RUN_ID": "this", "SOLQUOTE_PLANNER_NET_PROFIT_BPS_CEILING": "94"}
    async with (
        served(Simulating()) as port,
        trading_allowed(bus),
        pipeline_process("planner", tmp_path, environ(nats_url, port) | adapting) as planner,
    ):
        await until(lambda: planner.said("trading active"))
        await bus.publish(opportunity())
        await until(lambda: heard)
        thin = opportunity(amount_out=LAMPORTS_PER_SOL * 1_008 // 1_000)  # 80 bps, 75 after costs: enough by the floor
        await bus.publish(thin)
        await until(lambda: planner.said("profit 1"))
    (plan,) = plans(heard)
    assert (plan.net_profit_bps_floor, plan.net_profit_bps_ceiling, plan.landing_target_bps) == (30, 94, 5_000)
    assert plan.landing_bps < 1_000
    assert 80 < plan.net_profit_bps_min <= 94
    told = verdict_of(plan, limits=PlannerSettings().limits(), rates=CostSettings().rates(), age_ns=0)
    assert (told.verdict, told.is_equal) == ("planned", True)


async def test_of_two_planners_each_opportunity_is_planned_once(nats_url: str, bus: Bus, tmp_path: Path) -> None:
    heard: list[Event] = []
    await bus.listen("plan.>", heard.append)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(trading_allowed(bus))
        planners = []
        for name in ("one", "other"):
            simulating = Simulating()
            simulating.may_answer.clear()  # so that one of them cannot have answered all before the other has one
            environment = environ(nats_url, await stack.enter_async_context(served(simulating))) | PATIENT
            (tmp_path / name).mkdir()
            planner = await stack.enter_async_context(pipeline_process("planner", tmp_path / name, environment))
            planners.append((planner, simulating))
        await until(lambda: all(planner.said("trading active") for planner, _ in planners))
        found = [opportunity() for _ in range(60)]
        for each in found:
            await bus.publish(each)
        await until(lambda: all(simulating.asked for _, simulating in planners))
        for _, simulating in planners:
            simulating.may_answer.set()
        wanted = {each.header.event_id for each in found}
        await until(lambda: {plan.opportunity_id for plan in plans(heard)} >= wanted)
        async with asyncio.timeout(DEADLINE_S):
            while (await bus.jetstream.consumer_info(Stream.OPPORTUNITIES, "planner")).num_ack_pending:  # noqa: ASYNC110  # what is awaited happens in the server
                await asyncio.sleep(0.02)
    assert {plan.opportunity_id for plan in plans(heard)} == wanted
    # One that a busy machine kept for too long comes again, and its plan has the same id, so that it is stored once.
    assert len({plan.header.event_id for plan in plans(heard)}) == len(found)
    assert all(simulating.asked for _, simulating in planners)


async def test_what_a_killed_planner_had_in_hand_is_planned_by_the_next_one(
    nats_url: str, bus: Bus, tmp_path: Path
) -> None:
    heard: list[Event] = []
    await bus.listen("plan.>", heard.append)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(trading_allowed(bus))
        planners = []
        for name in ("one", "other"):  # both trade before anything comes: one that does not yet would reject it
            simulating = Simulating()
            simulating.may_answer.clear()
            environment = environ(nats_url, await stack.enter_async_context(served(simulating))) | PATIENT
            (tmp_path / name).mkdir()
            planner = await stack.enter_async_context(pipeline_process("planner", tmp_path / name, environment))
            planners.append((planner, simulating))
        await until(lambda: all(planner.said("trading active") for planner, _ in planners))
        found = opportunity()
        await bus.publish(found)
        await until(lambda: any(simulating.asked for _, simulating in planners))
        planner = next(planner for planner, simulating in planners if simulating.asked)
        planner.process.kill()
        await planner.process.wait()
        assert heard == []
        for _, simulating in planners:
            simulating.may_answer.set()
        await until(lambda: heard)
    (plan,) = plans(heard)
    assert plan.opportunity_id == found.header.event_id
