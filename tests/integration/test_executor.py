"""Executors against a real server: one result a plan, whoever dies, and none while trading is stopped."""

import asyncio
import contextlib
import errno
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import nats.errors
import pytest
import structlog.testing
from fakes.background import running
from fakes.executors import ACK_WAIT_MS, Market, Switch, executor
from fakes.nats_server import NatsServer
from fakes.plans import plan, plan_id
from fakes.waiting import DEADLINE_S, eventually
from nats.js.api import ConsumerInfo

from pipeline.executor.guards import Guards
from pipeline.executor.result_log import ResultLog
from pipeline.executor.worker import Worker
from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from quote_core.bus import Bus, Consumer, connect
from quote_core.bus.follow import read_to_end
from quote_core.clock import NO_MOMENT, Moment, SystemClock
from quote_core.events import Claim, ExecutionPlan, ExecutionResult, Outcome, Stream, decode, encode
from quote_core.freshness import FRESH_NS_MAX, Freshness

pytestmark = pytest.mark.integration
OLD_NS = 6_000_000_000
MakeWorker = Callable[..., Worker]


@pytest.fixture
def worker_on(tmp_path: Path) -> Iterator[MakeWorker]:
    """Makes executors of one host, each with a log of its own."""
    with contextlib.ExitStack() as logs:
        yield lambda bus, market, gate, **options: executor(
            bus, logs.enter_context(ResultLog(tmp_path / "executor")), market, gate, **options
        )


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
    info = await consumer_info(bus)
    return info is not None and info.num_pending == 0 and info.num_ack_pending == 0


async def until_settled(bus: Bus) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await settled(bus):  # noqa: ASYNC110  # what is awaited happens in the server
            await asyncio.sleep(0.02)


async def until_pulling(bus: Bus, count: int) -> None:
    """Wait until so many executors have a pull request standing, so that each gets its share."""
    await Consumer(stream=Stream.PLANNED, name="executor", events=(ExecutionPlan,), ack_wait_ms=ACK_WAIT_MS).ensure(bus)
    async with asyncio.timeout(DEADLINE_S):
        while (await waiting_count(bus)) < count:  # noqa: ASYNC110  # what is awaited happens in the server
            await asyncio.sleep(0.02)


async def until_delivered(bus: Bus, count: int) -> None:
    """Wait until so many plans are out and have come: the executors' next pull requests stand behind them."""
    async with asyncio.timeout(DEADLINE_S):
        while (await out_count(bus)) < count:  # noqa: ASYNC110  # what is awaited happens in the server
            await asyncio.sleep(0.02)


async def out_count(bus: Bus) -> int:
    info = await consumer_info(bus)
    return (info and info.num_ack_pending) or 0


async def waiting_count(bus: Bus) -> int:
    info = await consumer_info(bus)
    return (info and info.num_waiting) or 0


async def consumer_info(bus: Bus) -> ConsumerInfo | None:
    """Of the executors; None when a busy server does not answer in time."""
    try:
        return await bus.jetstream.consumer_info(Stream.PLANNED, "executor")
    except nats.errors.TimeoutError:
        return None


async def test_a_plan_is_filled_and_its_profit_is_net_of_every_cost(worker_on: MakeWorker, bus: Bus) -> None:
    async with running(worker_on(bus, Market(), Switch())):
        await bus.publish(plan(1))
        (result,) = await results_when(bus, 1)
    assert (result.outcome, result.plan_id) == (Outcome.FILLED, plan_id(1))
    assert result.profit_lamports == 8_000_000 - 500_000 - 10_000 - 10_000
    assert (result.expected_profit_lamports, result.header.slot) == (9_480_000, 7)


async def test_less_than_the_least_output_fails_and_costs_the_network_fee(worker_on: MakeWorker, bus: Bus) -> None:
    market = Market()
    market.amount_out = 1_004_999_999
    async with running(worker_on(bus, market, Switch())):
        await bus.publish(plan(1))
        (result,) = await results_when(bus, 1)
    assert (result.outcome, result.profit_lamports, result.tip_lamports) == (Outcome.FAILED, -10_000, 0)
    assert result.reason.startswith("slippage")


async def test_an_old_plan_is_refused_as_expired_and_never_executed(worker_on: MakeWorker, bus: Bus) -> None:
    market = Market()
    async with running(worker_on(bus, market, Switch())):
        await bus.publish(plan(1, age_ns=OLD_NS))
        (result,) = await results_when(bus, 1)
    assert (result.outcome, market.asked_count) == (Outcome.REFUSED, 0)
    assert result.reason.startswith("expired")


async def test_of_three_executors_each_plan_has_one_and_one_result(
    worker_on: MakeWorker, bus: Bus, nats_url: str
) -> None:
    market, gate = Market(), Switch()
    market.lets_go.clear()
    async with (
        connect(nats_url, name="two") as second,
        connect(nats_url, name="three") as third,
        running(worker_on(bus, market, gate, name="one")),
        running(worker_on(second, market, gate, name="two")),
        running(worker_on(third, market, gate, name="three")),
    ):
        for number in range(60):
            await bus.publish(plan(number))
        await eventually(lambda: market.asked_count > 4)  # so many one has in hand at once: another one has some, too
        market.lets_go.set()
        found = await results_when(bus, 60)
        await until_settled(bus)
    assert {result.plan_id for result in found} == {plan_id(number) for number in range(60)}
    assert len(await results(bus)) == 60
    assert len({result.executor for result in found}) > 1


async def test_a_plan_begun_by_an_executor_that_dies_is_abandoned_and_never_begun_again(
    worker_on: MakeWorker, bus: Bus, nats_url: str
) -> None:
    held, other = Market(), Market()
    held.lets_go.clear()
    async with connect(nats_url, name="dying") as connection:
        dying = asyncio.create_task(worker_on(connection, held, Switch(), name="dying").run())
        await bus.publish(plan(1))
        await eventually(lambda: held.asked_count == 1)
        await connection.client.close()
        async with running(worker_on(bus, other, Switch(), name="next", in_flight_ns=500_000_000)):
            (result,) = await results_when(bus, 1)
        held.lets_go.set()
        dying.cancel()
        with contextlib.suppress(BaseException):
            await dying
    assert (result.executor, result.outcome, other.asked_count) == ("next", Outcome.ABANDONED, 0)
    assert result.reason == "begun by dying, which did not finish it"
    assert len(await results(bus)) == 1


async def test_a_plan_only_delivered_and_handed_back_is_refused_when_it_is_too_old_and_not_abandoned(
    worker_on: MakeWorker, bus: Bus
) -> None:
    await bus.publish(plan(1, age_ns=OLD_NS))
    consumer = Consumer(stream=Stream.PLANNED, name="executor", events=(ExecutionPlan,), ack_wait_ms=ACK_WAIT_MS)
    await consumer.ensure(bus)
    (taken,) = await (await bus.jetstream.pull_subscribe_bind("executor", Stream.PLANNED)).fetch(1)
    await taken.nak()
    async with running(worker_on(bus, Market(), Switch())):
        (result,) = await results_when(bus, 1)
    assert result.outcome is Outcome.REFUSED
    assert result.reason.startswith("expired")


async def test_a_crash_between_result_and_acknowledgement_gives_no_second_result_even_after_the_duplicate_window(
    worker_on: MakeWorker,
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


async def test_of_plans_that_wait_for_a_hand_the_less_risky_is_begun_first(worker_on: MakeWorker, bus: Bus) -> None:
    market, gate = Market(), Switch()
    market.lets_go.clear()
    async with running(worker_on(bus, market, gate)):
        for number in range(4):  # as many as there are hands
            await bus.publish(plan(number))
        await eventually(lambda: market.asked_count == 4)
        risks = {4: 0.4, 5: 0.1, 6: 0.3}  # with these the wait is as long as may be: what is more is not taken yet
        for number, risk in risks.items():
            await bus.publish(replace(plan(number), risk_score=risk))
        await until_delivered(bus, 7)
        market.lets_go.set()
        await results_when(bus, 7)
        claims = [decode(message.data) async for message in read_to_end(bus, Stream.CLAIMS)]
    begun = [claim.plan_id for claim in claims if isinstance(claim, Claim)]
    assert begun[4:] == [plan_id(5), plan_id(6), plan_id(4)]


async def test_a_closed_gate_leaves_plans_alone_and_a_release_concludes_them(worker_on: MakeWorker, bus: Bus) -> None:
    gate, market = Switch(is_open=False), Market()
    async with running(worker_on(bus, market, gate)):
        await bus.publish(plan(1))
        await bus.publish(plan(2, age_ns=OLD_NS))
        await asyncio.sleep(0.2)
        assert await results(bus) == []
        gate.turn(is_open=True)
        found = await results_when(bus, 2)
    assert {result.outcome for result in found} == {Outcome.FILLED, Outcome.REFUSED}


async def test_what_is_in_flight_when_the_gate_closes_is_finished_and_nothing_new_begins(
    worker_on: MakeWorker, bus: Bus
) -> None:
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


async def test_what_was_fetched_and_not_begun_is_handed_back_at_once(worker_on: MakeWorker, bus: Bus) -> None:
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


async def test_results_survive_the_loss_of_the_server_in_the_middle(
    worker_on: MakeWorker, nats_server: NatsServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the patience of the tests' bus: a second, as delivered, is when storing is tried again
    market = Market()
    market.lets_go.clear()
    async with connect(nats_server.url, name="one") as of_worker, running(worker_on(of_worker, market, Switch())):
        await bus.publish(plan(1))
        await eventually(lambda: market.asked_count == 1)
        market.lets_go.set()  # it goes on when the server is back already, over a connection that it believes in
        await nats_server.restart_under(bus)
        found = await results_when_back(bus)
    assert [result.outcome for result in found] == [Outcome.FILLED]


async def results_when_back(bus: Bus) -> list[ExecutionResult]:
    await bus.wait_for_stream(Stream.EXECUTED)
    return await results_when(bus, 1)


async def test_what_is_no_plan_becomes_a_dead_letter_and_the_next_plan_goes_on(worker_on: MakeWorker, bus: Bus) -> None:
    worker = worker_on(bus, Market(), Switch())
    async with running(worker):
        await bus.publish_bytes("plan.SOL-USDC", b"garbage", {})
        await bus.publish(plan(1))
        await results_when(bus, 1)
        await eventually(lambda: worker.counts.dead == 1)
    dead = [message async for message in read_to_end(bus, Stream.DEAD_LETTERS)]
    assert [message.data for message in dead] == [b"garbage"]


async def test_told_to_stop_it_finishes_what_is_in_hand(worker_on: MakeWorker, bus: Bus) -> None:
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


async def test_a_fill_known_when_the_bus_went_away_is_stored_as_a_fill_however_long_it_was_away(
    worker_on: MakeWorker, nats_server: NatsServer, bus: Bus, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the patience of the tests' bus: a second, as delivered, is when storing is tried again
    market, other_market = Market(), Market()
    market.lets_go.clear()
    async with connect(nats_url, name="one") as first, connect(nats_url, name="other") as second:
        one = worker_on(first, market, Switch(), name="one", in_flight_ns=500_000_000)
        other = worker_on(second, other_market, Switch(is_open=False), name="other", in_flight_ns=500_000_000)
        other_gate = other._gate
        assert isinstance(other_gate, Switch)
        async with running(one), running(other):
            await bus.publish(plan(1))
            await eventually(lambda: market.asked_count == 1)
            nats_server.stop()
            market.lets_go.set()
            other_gate.turn(is_open=True)
            await asyncio.sleep(1.5)  # longer than a plan may be in hand
            nats_server.start()
            await eventually(lambda: bus.is_connected and first.is_connected and second.is_connected)
            found = await results_when_back(bus)
            await until_settled(bus)
    assert [(result.outcome, result.executor) for result in found] == [(Outcome.FILLED, "one")]
    assert (other_market.asked_count, one.counts.filled + one.counts.concluded_elsewhere) == (0, one.counts.filled)
    assert len(await results(bus)) == 1


async def test_a_fill_that_comes_too_late_is_a_dead_letter_and_the_plan_keeps_its_one_result(
    worker_on: MakeWorker, bus: Bus, nats_url: str
) -> None:
    market, gate = Market(), Switch()
    market.lets_go.clear()
    async with connect(nats_url, name="slow") as second:
        slow = worker_on(second, market, gate, name="slow", in_flight_ns=60_000_000_000)
        async with running(slow):
            await bus.publish(plan(1))
            await eventually(lambda: market.asked_count == 1)
            gate.turn(is_open=False)  # it goes on with what it has in hand, and takes nothing more
            async with running(worker_on(bus, Market(), Switch(), name="hasty", in_flight_ns=100_000_000)):
                (result,) = await results_when(bus, 1)
            market.lets_go.set()
            await eventually(lambda: slow.counts.concluded_elsewhere == 1)
    assert (result.outcome, len(await results(bus))) == (Outcome.ABANDONED, 1)
    (late,) = [decode(message.data) async for message in read_to_end(bus, Stream.DEAD_LETTERS)]
    assert isinstance(late, ExecutionResult)
    assert (late.outcome, late.executor, late.plan_id) == (Outcome.FILLED, "slow", plan_id(1))


@pytest.mark.parametrize(("is_reducing", "outcome"), [(True, Outcome.FILLED), (False, Outcome.REFUSED)])
async def test_a_plan_in_hand_is_finished_when_reducing_and_refused_when_halted(
    worker_on: MakeWorker, bus: Bus, monkeypatch: pytest.MonkeyPatch, is_reducing: bool, outcome: Outcome
) -> None:
    gate = Switch()
    worker = worker_on(bus, Market(), gate)
    begin = worker._claims.begin

    async def begin_while_trading_stops(taken: ExecutionPlan) -> object:
        answer = await begin(taken)
        if is_reducing:
            gate.reduce()
        else:
            gate.turn(is_open=False)
        return answer

    monkeypatch.setattr(worker._claims, "begin", begin_while_trading_stops)
    async with running(worker):
        await bus.publish(plan(1))
        (result,) = await results_when(bus, 1)
    assert result.outcome is outcome


async def test_of_two_executors_exactly_one_takes_an_opportunity(
    worker_on: MakeWorker, bus: Bus, nats_url: str
) -> None:
    market, gate, count = Market(), Switch(), 40
    async with (
        connect(nats_url, name="two") as second,
        running(worker_on(bus, market, gate, name="one")),
        running(worker_on(second, market, gate, name="two")),
    ):
        await until_pulling(bus, 2)
        for number in range(count):
            for copy in range(2):
                twin = plan(1_000 * copy + number)
                await bus.publish(replace(twin, opportunity_id=plan(number).opportunity_id))
        found = await results_when(bus, 2 * count)
    filled = [result for result in found if result.outcome is Outcome.FILLED]
    assert len({result.opportunity_id for result in filled}) == len(filled) == count
    assert {result.reason.split(":")[0] for result in found} == {"", "duplicate"}
    assert len({result.executor for result in filled}) == 2


async def test_of_two_executors_exactly_one_trades_a_pool_within_its_rest(
    worker_on: MakeWorker, bus: Bus, nats_url: str
) -> None:
    market, gate, rest_ns = Market(), Switch(), 60_000_000_000
    async with (
        connect(nats_url, name="two") as second,
        running(worker_on(bus, market, gate, name="one", pool_rest_ns=rest_ns)),
        running(worker_on(second, market, gate, name="two", pool_rest_ns=rest_ns)),
    ):
        await until_pulling(bus, 2)
        for number in range(30):
            await bus.publish(plan(number))
        found = await results_when(bus, 30)
    assert len({result.executor for result in found}) == 2
    assert sorted(result.outcome.name for result in found) == ["FILLED"] + ["REFUSED"] * 29
    async with running(worker_on(bus, market, gate, name="three", pool_rest_ns=rest_ns)):
        await bus.publish(plan(99))
        *_, last = await results_when(bus, 31)
    assert (last.executor, last.outcome) == ("three", Outcome.REFUSED)
    assert last.reason.startswith("duplicate: pool")


async def test_no_claims_no_trades(worker_on: MakeWorker, bus: Bus) -> None:
    market = Market()
    worker = worker_on(bus, market, Switch(), in_flight_ns=1_000_000_000)
    async with running(worker):
        await bus.publish(plan(0))
        await results_when(bus, 1)
        await bus.jetstream.delete_stream(Stream.CLAIMS)
        await bus.publish(plan(1))
        await asyncio.sleep(2.0)  # nothing may happen, so there is nothing to wait for
        assert (market.asked_count, len(await results(bus))) == (1, 1)
        await repair(bus, STREAMS)
        await results_when(bus, 2)
    assert market.asked_count == 2


async def test_endings_that_wait_for_the_stream_keep_no_plan_from_being_begun(worker_on: MakeWorker, bus: Bus) -> None:
    config = (await bus.jetstream.stream_info(Stream.EXECUTED)).config
    await bus.jetstream.update_stream(config.evolve(max_msg_size=1))  # no ending can be stored
    market, count = Market(), 4 * 3  # three times what is executed at once
    async with running(worker_on(bus, market, Switch())):
        for number in range(count):
            await bus.publish(plan(number))
        await eventually(lambda: market.asked_count == count)
        assert await results(bus) == []
        await bus.jetstream.update_stream(config)
        assert {result.plan_id for result in await results_when(bus, count)} == {plan_id(n) for n in range(count)}
        await until_settled(bus)
    assert market.asked_count == count


async def test_no_more_plans_are_executed_at_once_than_told(worker_on: MakeWorker, bus: Bus) -> None:
    market = Market()
    market.lets_go.clear()
    async with running(worker_on(bus, market, Switch())):
        for number in range(12):
            await bus.publish(plan(number))
        await eventually(lambda: market.asked_count == 4)
        market.lets_go.set()
        await results_when(bus, 12)
    assert market.asked_at_once_max == 4


async def test_a_plan_of_another_host_is_as_old_as_the_stream_says(worker_on: MakeWorker, bus: Bus) -> None:
    market = Market()
    gate = Switch(is_open=False)
    elsewhere = Moment(77, 2**64 - 1, 2**64 - 1)
    async with running(worker_on(bus, market, gate)):
        told = {"created": elsewhere, "freshness": Freshness(elsewhere.earlier_by(1_000_000), 3)}
        await bus.publish(replace(plan(1), **told))
        await asyncio.sleep(5.5)  # it grows old
        await bus.publish(replace(plan(2), **told))
        gate.turn(is_open=True)
        found = {result.plan_id: result for result in await results_when(bus, 2)}
    assert found[plan_id(1)].reason.startswith("expired")
    assert found[plan_id(2)].outcome is Outcome.FILLED
    assert market.asked_count == 1


async def test_a_plan_on_state_that_is_not_fresh_any_more_is_refused_by_name(worker_on: MakeWorker, bus: Bus) -> None:
    market = Market()
    async with running(worker_on(bus, market, Switch())):
        for number, state_age_ns in ((1, FRESH_NS_MAX + 1), (2, 2_000_000)):
            made = plan(number)
            await bus.publish(replace(made, freshness=Freshness(made.created.earlier_by(state_age_ns), 3)))
        found = {result.plan_id: result for result in await results_when(bus, 2)}
    assert found[plan_id(1)].outcome is Outcome.REFUSED
    assert found[plan_id(1)].reason.startswith("stale: its pool state was vouched for 5")
    assert found[plan_id(2)].outcome is Outcome.FILLED
    assert market.asked_count == 1


@pytest.mark.parametrize("step_s", [-3_600, -60, 3_600])
async def test_a_step_of_the_wall_clock_changes_no_verdict(worker_on: MakeWorker, bus: Bus, step_s: int) -> None:
    clock = SteppedClock()
    async with running(worker_on(bus, Market(), Switch(), clock=clock)):
        await bus.publish(plan(1))
        await bus.publish(plan(2, age_ns=20_000_000_000))
        await results_when(bus, 2)
        clock.step_ns = step_s * 1_000_000_000
        await bus.publish(plan(3, clock=clock))
        await bus.publish(plan(4))
        await bus.publish(plan(5, age_ns=20_000_000_000))
        await bus.publish(plan(6, clock=clock, age_ns=20_000_000_000))
        found = {result.plan_id: result.outcome for result in await results_when(bus, 6)}
    assert {number for number in range(1, 7) if found[plan_id(number)] is Outcome.FILLED} == {1, 3, 4}


class SteppedClock(SystemClock):
    """The system's, its wall clock set by a test."""

    step_ns = 0

    def unix_ns(self) -> int:
        return super().unix_ns() + self.step_ns


async def test_an_executor_that_cannot_keep_an_ending_stores_it_and_ends(
    worker_on: MakeWorker, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(ResultLog, "keep", no_room)
    working = asyncio.create_task(worker_on(bus, Market(), Switch()).run())
    await bus.publish(plan(1))
    with pytest.raises(OSError, match="no space left"):
        await asyncio.wait_for(working, DEADLINE_S)
    (result,) = await results(bus)
    assert result.outcome is Outcome.FILLED


async def test_a_plan_on_which_the_executor_itself_always_fails_becomes_a_dead_letter(
    worker_on: MakeWorker, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Guards, "refusal", fault)
    worker = worker_on(bus, Market(), Switch())
    with structlog.testing.capture_logs():  # printing a traceback takes longer than a publish may
        async with running(worker):
            await bus.publish(plan(1))
            await eventually(lambda: worker.counts.dead == 1, deadline_s=DEADLINE_S)
            await until_settled(bus)
    (dead,) = [message async for message in read_to_end(bus, Stream.DEAD_LETTERS)]
    assert decode(dead.data).header.event_id == plan_id(1)
    assert await results(bus) == []


async def test_any_plan_at_all_ends_in_exactly_one_result_or_dead_letter(worker_on: MakeWorker, bus: Bus) -> None:
    published = 0
    async with running(worker_on(bus, Market(), Switch())):
        extreme = {"tip_lamports": 2**64 - 1, "signature_fee_lamports": 2**64 - 1, "flash_fee_lamports": 2**64 - 1}
        header = replace(plan(0).header, created_unix_ns=2**64 - 1)
        plans = [
            replace(plan(0), **extreme, header=header, expires_unix_ns=2**64 - 1),
            replace(plan(1), **extreme),
            replace(plan(2), tip_lamports=1_000 * 10**9),
            replace(plan(3), pair="no token"),
            replace(plan(4), hops=()),
            replace(plan(5), created=NO_MOMENT),
            *(any_plan(number) for number in range(60)),
        ]
        for one in plans:
            await bus.publish_bytes("plan.SOL-USDC", encode(one), {})
            published += 1
        await eventually_settled(bus, published)
        ended = [*await results(bus), *[m async for m in read_to_end(bus, Stream.DEAD_LETTERS)]]
    assert len(ended) == published
    assert all(result.profit_lamports >= 0 for result in ended if isinstance(result, ExecutionResult))


def any_plan(number: int) -> ExecutionPlan:
    """A plan whose numbers are each an extreme or a good plan's, by a seed."""
    chance = random.Random(number)
    good = plan(1_000 + number)
    numbers = {
        name: chance.choice([0, 1, 2**63 - 1])
        for name in (
            "amount_in", "expected_amount_out", "min_amount_out", "net_profit_lamports", "tip_lamports",
            "flash_fee_lamports", "signature_fee_lamports", "priority_fee_lamports", "expires_unix_ns",
        )
        if chance.random() < 0.3
    }  # fmt: skip
    return replace(good, **numbers)


async def eventually_settled(bus: Bus, count: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await settled(bus) or (await bus.jetstream.stream_info(Stream.PLANNED)).state.messages < count:  # noqa: ASYNC110  # what is awaited happens in the server
            await asyncio.sleep(0.02)
