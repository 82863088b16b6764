"""Executors against a real server: one result a plan, whoever dies, and none while trading is stopped."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fakes.nats_server import NatsServer
from fakes.pipeline_events import round_trip_hops
from fakes.plans import SOL, USDC_BACK, plan, plan_id
from fakes.vouched import vouched
from fakes.waiting import eventually

from pipeline.executor.guards import GuardLimits, Guards
from pipeline.executor.paper import PaperVenue
from pipeline.executor.worker import Worker
from pipeline.simulation import RouteHopRequest, Simulation
from quote_core.bus import Bus, Consumer, connect
from quote_core.bus.follow import read_to_end
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import (
    ExecutionMode,
    ExecutionPlan,
    ExecutionResult,
    Outcome,
    Stream,
    decode,
)

pytestmark = pytest.mark.integration
DEADLINE_S = 20.0
ACK_WAIT_MS = 300
OLD_NS = 6_000_000_000
LIMITS = GuardLimits(
    plan_age_ns_max=5_000_000_000,
    amount_lamports_min=1_000,
    amount_lamports_max=10**13,
    price_band_bps=1_000,
    slippage_bps_max=100,
    pool_rest_ns=0,
    sol_mint=SOL,
)


class Market:
    """A simulator whose answer a test sets; it can be held, to die in the middle."""

    def __init__(self) -> None:
        self.amount_out = 1_008_000_000
        self.asked_count = 0
        self.lets_go = asyncio.Event()
        self.lets_go.set()

    async def simulate(self, hops: tuple[RouteHopRequest, ...], amount_in: int) -> Simulation:
        self.asked_count += 1
        await self.lets_go.wait()
        return Simulation(
            hops=round_trip_hops(amount_in, USDC_BACK, self.amount_out),
            amount_out=self.amount_out,
            slot=7,
            freshness=vouched(),
            price_impact_fractions=(0.0, 0.0),
            depth_amounts=(1, 1),
        )


class Switch:
    """A gate a test opens and closes."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.changed = asyncio.Event()
        self._is_open = is_open

    @property
    def allows_new_trades(self) -> bool:
        return self._is_open

    def turn(self, *, is_open: bool) -> None:
        self._is_open = is_open
        self.changed.set()


def worker_on(bus: Bus, market: Market, gate: Switch, *, name: str = "one", ack_wait_ms: int = ACK_WAIT_MS) -> Worker:
    return Worker(
        bus,
        Consumer(stream=Stream.PLANNED, name="executor", events=(ExecutionPlan,), ack_wait_ms=ack_wait_ms),
        gate=gate,
        guards=Guards(LIMITS),
        venue=PaperVenue(market),
        clock=SYSTEM_CLOCK,
        mode=ExecutionMode.PAPER,
        name=name,
        concurrency=4,
        in_flight_ns_max=5_000_000_000,
        stop_grace_ns=2_000_000_000,
    )


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def results(bus: Bus) -> list[ExecutionResult]:
    events = [decode(message.data) async for message in read_to_end(bus, Stream.EXECUTED)]
    return [event for event in events if isinstance(event, ExecutionResult)]


async def results_when(bus: Bus, count: int) -> list[ExecutionResult]:
    async with asyncio.timeout(DEADLINE_S):
        while len(found := await results(bus)) < count:  # noqa: ASYNC110  # what is awaited happens in the server
            await asyncio.sleep(0.02)
    return found


async def settled(bus: Bus) -> bool:
    """Whether every plan was acknowledged."""
    info = await bus.jetstream.consumer_info(Stream.PLANNED, "executor")
    return info.num_pending == 0 and info.num_ack_pending == 0


async def until_settled(bus: Bus) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await settled(bus):  # noqa: ASYNC110  # what is awaited happens in the server
            await asyncio.sleep(0.02)


async def test_a_plan_is_filled_and_its_profit_is_net_of_every_cost(bus: Bus) -> None:
    async with running(worker_on(bus, Market(), Switch())):
        await bus.publish(plan(1))
        (result,) = await results_when(bus, 1)
    assert (result.outcome, result.plan_id) == (Outcome.FILLED, plan_id(1))
    assert result.profit_lamports == 8_000_000 - 500_000 - 10_000 - 10_000
    assert (result.expected_profit_lamports, result.header.slot) == (9_480_000, 7)


async def test_less_than_the_least_output_fails_and_costs_the_network_fee(bus: Bus) -> None:
    market = Market()
    market.amount_out = 1_004_999_999
    async with running(worker_on(bus, market, Switch())):
        await bus.publish(plan(1))
        (result,) = await results_when(bus, 1)
    assert (result.outcome, result.profit_lamports, result.tip_lamports) == (Outcome.FAILED, -10_000, 0)
    assert result.reason.startswith("slippage")


async def test_an_old_plan_is_refused_as_expired_and_never_executed(bus: Bus) -> None:
    market = Market()
    async with running(worker_on(bus, market, Switch())):
        await bus.publish(plan(1, age_ns=OLD_NS))
        (result,) = await results_when(bus, 1)
    assert (result.outcome, market.asked_count) == (Outcome.REFUSED, 0)
    assert result.reason.startswith("expired")


async def test_of_three_executors_each_plan_has_one_and_one_result(bus: Bus, nats_url: str) -> None:
    market, gate = Market(), Switch()
    async with (
        connect(nats_url, name="two") as second,
        connect(nats_url, name="three") as third,
        running(worker_on(bus, market, gate, name="one")),
        running(worker_on(second, market, gate, name="two")),
        running(worker_on(third, market, gate, name="three")),
    ):
        for number in range(60):
            await bus.publish(plan(number))
        found = await results_when(bus, 60)
        await until_settled(bus)
    assert {result.plan_id for result in found} == {plan_id(number) for number in range(60)}
    assert len(await results(bus)) == 60
    assert len({result.executor for result in found}) > 1


async def test_an_executor_that_dies_with_a_plan_in_hand_leaves_it_to_the_next(bus: Bus, nats_url: str) -> None:
    held = Market()
    held.lets_go.clear()
    async with connect(nats_url, name="dying") as connection:
        dying = asyncio.create_task(worker_on(connection, held, Switch(), name="dying").run())
        await bus.publish(plan(1))
        await eventually(lambda: held.asked_count == 1)
        await connection.client.close()
        async with running(worker_on(bus, Market(), Switch(), name="next")):
            (result,) = await results_when(bus, 1)
        held.lets_go.set()
        dying.cancel()
        with contextlib.suppress(BaseException):
            await dying
    assert (result.executor, result.outcome) == ("next", Outcome.FILLED)
    assert len(await results(bus)) == 1


async def test_a_plan_that_expired_in_dead_hands_is_abandoned(bus: Bus) -> None:
    old = plan(1, age_ns=OLD_NS)
    await bus.publish(old)
    consumer = Consumer(stream=Stream.PLANNED, name="executor", events=(ExecutionPlan,), ack_wait_ms=ACK_WAIT_MS)
    await consumer.ensure(bus)
    taken = await (await bus.jetstream.pull_subscribe_bind("executor", Stream.PLANNED)).fetch(1)
    assert len(taken) == 1
    async with running(worker_on(bus, Market(), Switch())):
        (result,) = await results_when(bus, 1)
    assert result.outcome is Outcome.ABANDONED


async def test_a_crash_between_result_and_acknowledgement_gives_no_second_result_even_after_the_duplicate_window(
    bus: Bus,
) -> None:
    config = (await bus.jetstream.stream_info(Stream.EXECUTED)).config
    await bus.jetstream.update_stream(config.evolve(duplicate_window=0.1))
    worker = worker_on(bus, Market(), Switch())
    async with running(worker):
        await bus.publish(plan(1))
        (first,) = await results_when(bus, 1)
    # The acknowledgement that a crash would have lost: the consumer is made anew and delivers the plan again.
    await bus.jetstream.delete_consumer(Stream.PLANNED, "executor")
    await asyncio.sleep(0.3)
    again = worker_on(bus, Market(), Switch(), name="again")
    async with running(again):
        await eventually(lambda: again.counts.concluded_elsewhere == 1)
        await until_settled(bus)
    assert await results(bus) == [first]


async def test_a_closed_gate_leaves_plans_alone_and_a_release_concludes_them(bus: Bus) -> None:
    gate, market = Switch(is_open=False), Market()
    async with running(worker_on(bus, market, gate)):
        await bus.publish(plan(1))
        await bus.publish(plan(2, age_ns=OLD_NS))
        await asyncio.sleep(0.2)
        assert await results(bus) == []
        gate.turn(is_open=True)
        found = await results_when(bus, 2)
    assert {result.outcome for result in found} == {Outcome.FILLED, Outcome.REFUSED}


async def test_what_is_in_flight_when_the_gate_closes_is_finished_and_nothing_new_begins(bus: Bus) -> None:
    gate, market = Switch(), Market()
    market.lets_go.clear()
    async with running(worker_on(bus, market, gate)):
        await bus.publish(plan(1))
        await eventually(lambda: market.asked_count == 1)
        gate.turn(is_open=False)
        await bus.publish(plan(2))
        market.lets_go.set()
        (result,) = await results_when(bus, 1)
        assert result.plan_id == plan_id(1)
        await asyncio.sleep(0.2)
        assert market.asked_count == 1
        assert len(await results(bus)) == 1


async def test_what_was_fetched_and_not_begun_is_handed_back_at_once(bus: Bus) -> None:
    gate, market = Switch(), Market()
    market.lets_go.clear()
    async with running(worker_on(bus, market, gate, ack_wait_ms=600_000)):
        for number in range(12):
            await bus.publish(plan(number))
        await eventually(lambda: market.asked_count == 4)
        await asyncio.sleep(0.1)  # the standing pull fetches ahead
        gate.turn(is_open=False)
        await asyncio.sleep(0)
        market.lets_go.set()
        await results_when(bus, 4)
        gate.turn(is_open=True)
        assert len(await results_when(bus, 12)) == 12


async def test_results_survive_the_loss_of_the_server_in_the_middle(nats_server: NatsServer, bus: Bus) -> None:
    market = Market()
    market.lets_go.clear()
    async with running(worker_on(bus, market, Switch())):
        await bus.publish(plan(1))
        await eventually(lambda: market.asked_count == 1)
        nats_server.stop()
        market.lets_go.set()
        nats_server.start()
        await eventually(lambda: bus.is_connected)
        found = await results_when_back(bus)
    assert [result.outcome for result in found] == [Outcome.FILLED]


async def results_when_back(bus: Bus) -> list[ExecutionResult]:
    await bus.wait_for_stream(Stream.EXECUTED)
    return await results_when(bus, 1)


async def test_what_is_no_plan_becomes_a_dead_letter_and_the_next_plan_goes_on(bus: Bus) -> None:
    worker = worker_on(bus, Market(), Switch())
    async with running(worker):
        await bus.publish_bytes("plan.SOL-USDC", b"garbage", {})
        await bus.publish(plan(1))
        await results_when(bus, 1)
        await eventually(lambda: worker.counts.dead == 1)
    dead = [message async for message in read_to_end(bus, Stream.DEAD_LETTERS)]
    assert [message.data for message in dead] == [b"garbage"]


async def test_told_to_stop_it_finishes_what_is_in_hand(bus: Bus) -> None:
    market = Market()
    market.lets_go.clear()
    task = asyncio.create_task(worker_on(bus, market, Switch()).run())
    await bus.publish(plan(1))
    await eventually(lambda: market.asked_count == 1)
    task.cancel()
    market.lets_go.set()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert [result.outcome for result in await results(bus)] == [Outcome.FILLED]
