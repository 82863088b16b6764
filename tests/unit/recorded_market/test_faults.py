import asyncio

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout, web
from aiohttp.test_utils import TestServer

from recorded_market.faults import Fault, FaultPlan, RequestedFaults, fault_middleware

NO_FAULTS = FaultPlan(latency_ns=0, failure_fraction=0.0, seed=1)


async def hello(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


async def outcomes(plan: FaultPlan, count: int) -> list[str]:
    """What a client sees of `count` requests, one after another."""
    app = web.Application(middlewares=[fault_middleware(plan)])
    app.router.add_get("/", hello)
    seen = []
    async with TestServer(app) as server, ClientSession() as session:
        for _ in range(count):
            try:
                async with session.get(server.make_url("/")) as response:
                    body = await response.read()
                    garbage = "garbage" if body != b"hello" else "ok"
                    seen.append(garbage if response.status == 200 else str(response.status))
                    assert response.status != 429 or response.headers["Retry-After"] == "1"
            except ClientError:
                seen.append("hang-up")
    return seen


def draw_many(plan: FaultPlan, count: int) -> list[Fault | None]:
    draw = plan.draws()
    return [draw() for _ in range(count)]


async def test_without_faults_every_request_is_answered() -> None:
    assert await outcomes(NO_FAULTS, 5) == ["ok"] * 5


async def test_a_client_sees_every_kind_of_failure() -> None:
    plan = FaultPlan(latency_ns=0, failure_fraction=0.9, seed=3)
    assert set(await outcomes(plan, 60)) == {"ok", "429", "503", "garbage", "hang-up"}


def test_the_same_seed_fails_the_same_requests() -> None:
    plan = FaultPlan(latency_ns=0, failure_fraction=0.3, seed=5)
    assert draw_many(plan, 100) == draw_many(plan, 100)


@pytest.mark.parametrize("fraction", [0.0, 0.25, 1.0])
def test_about_the_wanted_share_fails(fraction: float) -> None:
    drawn = draw_many(FaultPlan(latency_ns=0, failure_fraction=fraction, seed=1), 4_000)
    assert sum(fault is not None for fault in drawn) / 4_000 == pytest.approx(fraction, abs=0.03)


async def test_latency_delays_the_answer() -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    await outcomes(FaultPlan(latency_ns=50_000_000, failure_fraction=0.0, seed=1), 1)
    assert loop.time() - started >= 0.05


async def test_what_is_requested_happens_to_so_many_requests_with_its_retry_after() -> None:
    requested = RequestedFaults()
    requested.request(Fault.RATE_LIMITED, 2, "Tue, 14 Nov 2023 22:13:50 GMT")
    app = web.Application(middlewares=[fault_middleware(NO_FAULTS, requested)])
    app.router.add_get("/", hello)
    seen = []
    async with TestServer(app) as server, ClientSession() as session:
        for _ in range(3):
            async with session.get(server.make_url("/")) as response:
                seen.append((response.status, response.headers.get("Retry-After")))
        requested.request(Fault.SILENCE, 1, "")
        with pytest.raises(TimeoutError):
            await session.get(server.make_url("/"), timeout=ClientTimeout(total=0.05))
        async with session.get(server.make_url("/")) as response:
            assert await response.text() == "hello"
    assert seen == [(429, "Tue, 14 Nov 2023 22:13:50 GMT")] * 2 + [(200, None)]
