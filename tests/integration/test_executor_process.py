"""Executor, system manager and NATS as processes, killed at any moment: one result a plan, and a stop that stays."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import grpc.aio
import pytest
from fakes.metrics_pages import families_of, page_of
from fakes.nats_server import NatsServer
from fakes.plans import USDC_BACK, plan, plan_id
from fakes.ports import free_port
from fakes.results import result as ended
from fakes.vouched import freshness_message
from fakes.waiting import DEADLINE_S
from fakes.wall_clock import COMPILER, WallClocks

from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from quote_core.bus import Bus, connect
from quote_core.bus.follow import read_to_end
from quote_core.events import Event, ExecutionResult, Outcome, ServiceHealth, Stream, decode
from quote_core.generated.solquote.v1 import local_quote_pb2 as messages
from quote_core.generated.solquote.v1 import local_quote_pb2_grpc as services
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.units import LAMPORTS_PER_SOL, NS_PER_S

pytestmark = pytest.mark.integration
CONCURRENCY = 8


class Quotes(services.LocalQuoteServiceServicer):
    """A local quote service that gives 1 % on every round trip, each hop slowly enough to be killed in."""

    def __init__(self) -> None:
        self.asked_count = 0
        self.lets_go = asyncio.Event()
        self.lets_go.set()

    async def SimulateRoute(self, request: Any, context: Any) -> Any:  # noqa: N802  # gRPC's name
        self.asked_count += 1
        await asyncio.sleep(0.02)
        await self.lets_go.wait()
        amounts = [request.input_amount, USDC_BACK, request.input_amount * 101 // 100]
        route = [
            quotes_pb2.RouteHop(
                pool_id=hop.pool_id,
                input_mint=hop.input_mint,
                output_mint=hop.output_mint,
                input_amount=amounts[i],
                output_amount=amounts[i + 1],
                provenance=quotes_pb2.PROVENANCE_SYNTHETIC,
            )
            for i, hop in enumerate(request.hops)
        ]
        return messages.SimulateRouteResponse(
            route=route,
            output_amount=amounts[2],
            slot=5,
            price_impacts=[0.0, 0.0],
            depth_amounts=[1, 1],
            freshness=freshness_message(),
        )


@dataclass
class Platform:
    """What runs around the executor, and how to start processes in it."""

    bus: Bus
    quotes: Quotes
    environment: dict[str, str]
    folder: Path
    http_port: int
    processes: list[subprocess.Popen[bytes]]

    def start(self, module: str, environ: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        environment = {**self.environment, **(environ or {})}
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen([sys.executable, "-m", module], env=environment, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    async def switch(self, verb: str) -> dict[str, Any]:
        token = (self.folder / "kill-switch.token").read_text().strip()
        url = f"http://127.0.0.1:{self.http_port}/api/killswitch/{verb}"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, headers={"Authorization": f"Bearer {token}"}) as answer,
        ):
            assert answer.status == 200, await answer.text()
            shown: dict[str, Any] = await answer.json()
            return shown

    async def look(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.http_port}/api/killswitch"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            shown: dict[str, Any] = await answer.json()
            return shown

    async def answers(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self.http_port}/api/health") as answer,
            ):
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def results(self) -> list[ExecutionResult]:
        events = [decode(message.data) async for message in read_to_end(self.bus, Stream.EXECUTED)]
        return [event for event in events if isinstance(event, ExecutionResult)]


@pytest.fixture
async def platform(nats_url: str, tmp_path: Path) -> AsyncIterator[Platform]:
    async with running_platform(nats_url, tmp_path) as platform:
        yield platform


@asynccontextmanager
async def running_platform(nats_url: str, folder: Path) -> AsyncIterator[Platform]:
    async with AsyncExitStack() as stack:
        quotes = grpc.aio.server()
        servicer = Quotes()
        services.add_LocalQuoteServiceServicer_to_server(servicer, quotes)
        quotes_port = quotes.add_insecure_port("127.0.0.1:0")
        await quotes.start()
        stack.push_async_callback(quotes.stop, None)
        bus = await stack.enter_async_context(connect(nats_url, name="test"))
        await repair(bus, STREAMS)
        http_port = free_port()
        environment = {
            **os.environ,
            "SOLQUOTE_NATS_URL": nats_url,
            "SOLQUOTE_DATA_DIR": str(folder),
            "SOLQUOTE_LOCAL_QUOTE_ADDRESS": f"127.0.0.1:{quotes_port}",
            "SOLQUOTE_SYSTEM_MANAGER_HTTP_PORT": str(http_port),
            "SOLQUOTE_EXECUTOR_IN_FLIGHT_MAX": "2s",
            "SOLQUOTE_EXECUTOR_PLAN_AGE_MAX": "60s",
            "SOLQUOTE_EXECUTOR_STATE_AGE_MAX": "60s",
            "SOLQUOTE_EXECUTOR_SIMULATION_TIMEOUT": "20s",
            "SOLQUOTE_EXECUTOR_POOL_REST": "0s",
            "SOLQUOTE_EXECUTOR_PAPER_NAIVE": "true",
        }
        platform = Platform(bus, servicer, environment, folder, http_port, [])
        stack.callback(end, platform.processes)
        yield platform


def end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(DEADLINE_S)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await condition():  # noqa: ASYNC110  # what is awaited happens in other processes
            await asyncio.sleep(0.05)


async def test_executors_killed_in_the_middle_leave_exactly_one_result_a_plan(platform: Platform) -> None:
    platform.start("pipeline.system_manager")
    executors = [platform.start("pipeline.executor") for _ in range(2)]
    published = 0
    for _ in range(4):
        goal = len(await platform.results()) + 10
        for _ in range(40):
            await platform.bus.publish(plan(published))
            published += 1

        async def has_begun(goal: int = goal) -> bool:
            return len(await platform.results()) >= goal

        await until(has_begun)
        victim = executors.pop(0)
        victim.kill()
        victim.wait()
        executors.append(platform.start("pipeline.executor"))

    async def all_concluded() -> bool:
        info = await platform.bus.jetstream.consumer_info(Stream.PLANNED, "executor")
        return info.num_pending == 0 and info.num_ack_pending == 0

    await until(all_concluded)
    results = await platform.results()
    assert len(results) == published
    assert {result.plan_id for result in results} == {plan_id(number) for number in range(published)}
    assert {result.outcome for result in results} <= {Outcome.FILLED, Outcome.ABANDONED}
    abandoned = [result for result in results if result.outcome is Outcome.ABANDONED]
    assert len(abandoned) <= 4 * CONCURRENCY  # what four that were killed had in hand
    assert len({result.executor for result in results}) > 2


async def test_nothing_is_published_after_a_kill_nor_after_restarts_and_a_release_resumes(
    nats_server: NatsServer, platform: Platform
) -> None:
    manager, executor = platform.start("pipeline.system_manager"), platform.start("pipeline.executor")

    async def count_is(expected: int) -> bool:
        return len(await platform.results()) == expected

    await platform.bus.publish(plan(0))
    await until(lambda: count_is(1))
    assert (await platform.switch("enable"))["state"] == "HALTED"
    await platform.bus.publish(plan(1))

    for process in (manager, executor):
        process.kill()
        process.wait()
    nats_server.stop()
    nats_server.start()
    platform.start("pipeline.system_manager")
    platform.start("pipeline.executor")
    await until(platform.answers)
    await platform.bus.wait_for_stream(Stream.PLANNED)
    await platform.bus.publish(plan(2))
    await asyncio.sleep(1.5)  # nothing may happen, so there is nothing to wait for
    assert await count_is(1)

    assert (await platform.switch("disable"))["state"] == "ACTIVE"
    await until(lambda: count_is(3))
    assert {result.plan_id for result in await platform.results()} == {plan_id(n) for n in range(3)}


async def test_an_executor_acknowledges_each_switch_and_the_manager_tells_who_has_not(platform: Platform) -> None:
    platform.start("pipeline.system_manager")
    executors = [platform.start("pipeline.executor") for _ in range(2)]
    await until(platform.answers)

    async def executors_current(count: int) -> bool:
        shown = await platform.look()
        told = [each for each in shown["acknowledgements"] if each["service"] == "executor"]
        current = [each for each in told if each["isCurrent"] and each["revision"] == shown["revision"]]
        return len(current) == len(told) == count

    await until(lambda: executors_current(2))
    for verb in ("enable", "disable"):
        await platform.switch(verb)
        await until(lambda: executors_current(2))
    executors[0].send_signal(signal.SIGSTOP)
    try:
        await platform.switch("enable")
        late = f"executor {socket.gethostname()}/{executors[0].pid}"

        async def only_one_is_late() -> bool:
            missing = (await platform.look())["unacknowledged"]
            return [name for name in missing if name.startswith("executor")] == [late]

        await until(only_one_is_late)
    finally:
        executors[0].send_signal(signal.SIGCONT)
    await until(lambda: executors_current(2))


async def test_two_executors_take_an_opportunity_once_and_no_plan_makes_them_pay_any_tip(platform: Platform) -> None:
    platform.start("pipeline.system_manager")
    for _ in range(2):
        platform.start("pipeline.executor")
    first = [plan(number) for number in range(10)]
    again = [replace(plan(100 + each), opportunity_id=one.opportunity_id) for each, one in enumerate(first)]
    dear = replace(plan(200), tip_lamports=1_000 * LAMPORTS_PER_SOL)
    for one in (*first, *again, dear):
        await platform.bus.publish(one)

    async def all_ended() -> bool:
        return len(await platform.results()) == len(first) + len(again) + 1

    await until(all_ended)
    results = await platform.results()
    filled = [result.opportunity_id for result in results if result.outcome is Outcome.FILLED]
    lost = [result.profit_lamports for result in results if result.profit_lamports < 0]
    assert (len(filled), lost) == (len(first), [])
    assert set(filled) == {one.opportunity_id for one in first}


async def test_executors_together_begin_no_more_trades_a_minute_than_the_hard_stop_allows(platform: Platform) -> None:
    platform.start("pipeline.system_manager")
    for _ in range(2):
        platform.start("pipeline.executor", {"SOLQUOTE_EXECUTOR_TRADES_PER_MINUTE_MAX": "3"})
    for number in range(20):
        await platform.bus.publish(plan(number))

    async def all_ended() -> bool:
        return len(await platform.results()) == 20

    await until(all_ended)
    results = await platform.results()
    assert sum(result.outcome is Outcome.FILLED for result in results) == 3
    refused = [result for result in results if result.outcome is Outcome.REFUSED]
    assert {result.reason.partition(":")[0] for result in refused} == {"rate"}


async def test_executors_together_put_no_more_into_a_pair_than_the_hard_stop_allows(platform: Platform) -> None:
    platform.start("pipeline.system_manager")
    metrics_ports = [free_port() for _ in range(2)]
    for port in metrics_ports:
        most = {"SOLQUOTE_EXECUTOR_PAIR_EXPOSURE_MAX_LAMPORTS": str(LAMPORTS_PER_SOL * 3 // 2)}
        platform.start("pipeline.executor", {**most, "SOLQUOTE_EXECUTOR_METRICS_PORT": str(port)})
    platform.quotes.lets_go.clear()
    await platform.bus.publish(plan(0))

    async def is_simulating() -> bool:
        return platform.quotes.asked_count == 1

    async def count_is(expected: int) -> bool:
        return len(await platform.results()) == expected

    await until(is_simulating)
    for number in range(1, 7):
        await platform.bus.publish(plan(number))
    await until(lambda: count_is(6))
    assert {result.reason.partition(":")[0] for result in await platform.results()} == {"exposure"}
    name, label = "solquote_executor_refusals_total", frozenset({("guard", "exposure")})
    pages = [await asyncio.to_thread(page_of, f"http://127.0.0.1:{port}/metrics") for port in metrics_ports]
    assert sum(families_of(page)[name][name, label] for page in pages) == 6
    platform.quotes.lets_go.set()
    await until(lambda: count_is(7))
    await platform.bus.publish(plan(7))
    await until(lambda: count_is(8))
    filled = {result.plan_id for result in await platform.results() if result.outcome is Outcome.FILLED}
    assert filled == {plan_id(0), plan_id(7)}


async def test_a_loss_of_this_day_of_whatever_run_stops_an_executor_that_starts_behind_it(platform: Platform) -> None:
    now_unix_ns = time.time_ns()
    for number, finished_unix_ns in enumerate((now_unix_ns, now_unix_ns + 3_600 * NS_PER_S)):  # midnight may come
        lost = ended(-LAMPORTS_PER_SOL, number=100 + number, finished_unix_ns=finished_unix_ns)
        await platform.bus.publish(replace(lost, run_id="another"))
    platform.start("pipeline.system_manager")
    most = {"SOLQUOTE_EXECUTOR_DAILY_LOSS_MAX_LAMPORTS": str(LAMPORTS_PER_SOL)}
    stopped = platform.start("pipeline.executor", most)
    await platform.bus.publish(plan(0))

    async def count_is(expected: int) -> bool:
        return len(await platform.results()) == expected

    await until(lambda: count_is(3))
    (refused,) = [each for each in await platform.results() if each.plan_id == plan_id(0)]
    assert (refused.outcome, refused.reason.partition(":")[0]) == (Outcome.REFUSED, "daily loss")
    stopped.terminate()
    platform.start("pipeline.executor")
    await platform.bus.publish(plan(1))
    await until(lambda: count_is(4))
    (filled,) = [each for each in await platform.results() if each.plan_id == plan_id(1)]
    assert filled.outcome is Outcome.FILLED


async def test_told_to_stop_a_trade_in_flight_is_finished_however_long_the_market_takes(platform: Platform) -> None:
    platform.start("pipeline.system_manager")
    executor = platform.start("pipeline.executor", {"SOLQUOTE_EXECUTOR_IN_FLIGHT_MAX": "60s"})
    platform.quotes.lets_go.clear()
    await platform.bus.publish(plan(0))

    async def is_simulating() -> bool:
        return platform.quotes.asked_count == 1

    await until(is_simulating)
    executor.terminate()
    await platform.bus.publish(plan(1))
    await asyncio.sleep(3.0)  # longer than endings known wait for the stream; nothing may happen meanwhile
    assert (executor.poll(), await platform.results()) == (None, [])
    platform.quotes.lets_go.set()
    assert await asyncio.to_thread(executor.wait, DEADLINE_S) == 0
    (result,) = await platform.results()
    assert (result.plan_id, result.outcome) == (plan_id(0), Outcome.FILLED)
    assert platform.quotes.asked_count == 1


async def test_a_second_signal_ends_an_executor_at_once_and_each_plan_still_has_one_result(platform: Platform) -> None:
    platform.start("pipeline.system_manager")
    executor = platform.start("pipeline.executor")
    platform.quotes.lets_go.clear()
    await platform.bus.publish(plan(0))

    async def is_simulating() -> bool:
        return platform.quotes.asked_count == 1

    async def count_is(expected: int) -> bool:
        return len(await platform.results()) == expected

    await until(is_simulating)
    for number in (signal.SIGTERM, signal.SIGINT):  # two of the same would be one, where the process is slow to take it
        executor.send_signal(number)
    assert await asyncio.to_thread(executor.wait, DEADLINE_S) in {128 + signal.SIGTERM, 128 + signal.SIGINT}
    assert await count_is(0)
    platform.quotes.lets_go.set()
    platform.start("pipeline.executor")
    await platform.bus.publish(plan(1))
    await until(lambda: count_is(2))
    outcomes = {result.plan_id: result.outcome for result in await platform.results()}
    assert outcomes == {plan_id(0): Outcome.ABANDONED, plan_id(1): Outcome.FILLED}


async def test_a_fill_outlasts_the_loss_of_the_bus_and_a_kill_before_it_was_stored(
    nats_server: NatsServer, platform: Platform
) -> None:
    platform.start("pipeline.system_manager")
    executor = platform.start("pipeline.executor")
    platform.quotes.lets_go.clear()
    await platform.bus.publish(plan(0))

    async def is_simulating() -> bool:
        return platform.quotes.asked_count == 1

    async def is_on_disk() -> bool:
        return any(path.stat().st_size > 0 for path in (platform.folder / "executor").glob("results-*.log"))

    await until(is_simulating)
    nats_server.stop()
    platform.quotes.lets_go.set()
    await until(is_on_disk)
    executor.kill()
    executor.wait()
    await asyncio.sleep(2.5)  # longer than a plan may be in hand
    nats_server.start()
    platform.start("pipeline.executor")

    async def is_stored() -> bool:
        return platform.bus.is_connected and len(await platform.results()) == 1

    await until(is_stored)
    (result,) = await platform.results()
    assert (result.outcome, result.profit_lamports > 0) == (Outcome.FILLED, True)
    assert platform.quotes.asked_count == 1


@pytest.mark.skipif(shutil.which(COMPILER) is None, reason="needs a C compiler")
async def test_a_wall_clock_set_back_or_forward_is_told_and_changes_no_verdict(
    platform: Platform, tmp_path: Path
) -> None:
    clocks = await asyncio.to_thread(WallClocks, tmp_path)
    platform.start("pipeline.system_manager")
    executor = platform.start(
        "pipeline.executor",
        {
            **clocks.environ,
            "SOLQUOTE_EXECUTOR_PLAN_AGE_MAX": "10s",
            "SOLQUOTE_EXECUTOR_STATE_AGE_MAX": "10s",
            "SOLQUOTE_EXECUTOR_POOL_REST": "1ms",
        },
    )
    told: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, ServiceHealth) and event.service == "executor":
            told.append(event.detail)

    await platform.bus.listen("metrics.health.executor", hear)
    outcomes: dict[int, Outcome] = {}

    async def concluded(number: int, *, age_ns: int = 0) -> Outcome:
        await platform.bus.publish(plan(number, age_ns=age_ns))

        async def is_there() -> bool:
            for result in await platform.results():
                if result.plan_id == plan_id(number):
                    outcomes[number] = result.outcome
            return number in outcomes

        await until(is_there)
        return outcomes[number]

    async def is_up() -> bool:
        return bool(told) and await platform.answers()

    await until(is_up)
    assert await concluded(0) is Outcome.FILLED
    for number, seconds in ((10, -3_600), (20, -3_660), (30, 0)):
        before = len(told)
        clocks.step(executor.pid, seconds)

        async def is_told(before: int = before) -> bool:
            return any("the wall clock was set by" in detail for detail in told[before:])

        await until(is_told)
        assert await concluded(number) is Outcome.FILLED
        assert await concluded(number + 1, age_ns=20_000_000_000) is Outcome.REFUSED
