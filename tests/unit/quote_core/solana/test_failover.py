"""Calls over several endpoints of which one does not do its part: counted, never timed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from fakes.endpoints import address, endpoints_at
from fakes.fake_clock import FakeClock
from fakes.solana_node import Fault, SolanaNode
from fakes.waiting import eventually

from quote_core.dex.pool import Account
from quote_core.errors import DeadlinePassed, RateLimited, RpcFailed, RpcUnavailable
from quote_core.rpc_addresses import RpcRole
from quote_core.solana import EndpointState, RpcClient

SECOND_NS = 1_000_000_000


@pytest.fixture
async def other() -> AsyncIterator[SolanaNode]:
    """A second node."""
    other = SolanaNode()
    await other.start()
    yield other
    await other.stop()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def rpc(node: SolanaNode, other: SolanaNode, session: aiohttp.ClientSession, clock: FakeClock) -> RpcClient:
    """Reads from `node` a hundred times as often as from `other`."""
    endpoints = endpoints_at(
        address(node.http_url, number=1, weight=100),
        address(other.http_url, number=2),
        session=session,
        clock=clock,
        lag_slots_max=10,
    )
    return RpcClient(endpoints=endpoints, clock=clock, failover_after_ms=100)


def answering(**response: Any) -> Fault:
    async def answer(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        return web.Response(**response)

    return answer


async def silent(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
    await asyncio.Event().wait()
    return None


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(silent, id="silent"),
        pytest.param(answering(status=503), id="503"),
        pytest.param(answering(status=307, headers={"Location": "http://127.0.0.1:1/"}), id="redirect"),
        pytest.param(answering(text="<html>"), id="rubbish"),
        pytest.param(answering(text='{"id":1,"error":{"code":-32005,"message":"behind"}}'), id="behind"),
    ],
)
async def test_a_read_goes_on_to_the_next_endpoint_at_once(
    node: SolanaNode, other: SolanaNode, rpc: RpcClient, fault: Fault
) -> None:
    node.fault = fault
    other.accounts["a"] = Account("o", b"data", 1)
    (update,) = await rpc.get_multiple_accounts(["a"])
    assert update.account == Account("o", b"data", 1)
    assert (node.methods(), other.methods()) == (["getMultipleAccounts"],) * 2
    first, second = rpc.endpoints
    assert (first.failover_count, second.failover_count) == (1, 0)


async def test_a_killed_endpoint_costs_one_refused_connection_a_call_until_it_is_unhealthy(
    node: SolanaNode, other: SolanaNode, rpc: RpcClient, clock: FakeClock
) -> None:
    await node.stop()
    for _ in range(20):
        assert await rpc.get_slot() == 100
    first, second = rpc.endpoints
    assert first.health.state is EndpointState.UNHEALTHY
    assert (first.attempt_count, second.attempt_count) == (5, 20)
    assert len(other.requests) == 20


async def test_the_last_endpoint_has_the_time_that_is_left(
    node: SolanaNode, other: SolanaNode, session: aiohttp.ClientSession, clock: FakeClock
) -> None:
    node.fault, passed = silent, asyncio.Event()

    async def slow(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        await passed.wait()
        return None

    other.fault = slow
    endpoints = endpoints_at(
        address(node.http_url, number=1, weight=100), address(other.http_url, number=2), session=session, clock=clock
    )
    rpc = RpcClient(endpoints=endpoints, clock=clock, failover_after_ms=1, timeout_ms=60_000)
    asking = asyncio.create_task(rpc.get_slot())
    await eventually(lambda: bool(other.requests))
    await asyncio.sleep(0.05)  # many times what the first had
    assert not asking.done()
    passed.set()
    assert await asking == 100


async def test_where_all_are_silent_the_deadline_is_told_and_each_is_to_blame(
    node: SolanaNode, other: SolanaNode, session: aiohttp.ClientSession, clock: FakeClock
) -> None:
    node.fault = other.fault = silent
    endpoints = endpoints_at(node.http_url, other.http_url, session=session, clock=clock)
    rpc = RpcClient(endpoints=endpoints, clock=clock, failover_after_ms=20, timeout_ms=100)
    for _ in range(5):
        with pytest.raises(DeadlinePassed):
            await rpc.get_slot()
    assert [endpoint.health.state for endpoint in endpoints] == [EndpointState.UNHEALTHY] * 2


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:50 GMT", "Date": "Tue, 14 Nov 2023 22:13:20 GMT"}, 30),
        ({}, 1),
    ],
)
async def test_one_that_wants_fewer_calls_is_left_alone_for_as_long_as_it_says(
    node: SolanaNode, other: SolanaNode, rpc: RpcClient, clock: FakeClock, headers: dict[str, str], wait_s: int
) -> None:
    node.fault = answering(status=429, headers=headers)
    for _ in range(10):
        await rpc.get_slot()
    first, _ = rpc.endpoints
    assert (len(node.requests), len(other.requests)) == (1, 10)
    assert (first.health.state, first.health.pause_ns) == (EndpointState.COOLING, wait_s * SECOND_NS)
    node.fault = None
    clock.advance_ms(wait_s * 1_000)
    assert first.health.state is EndpointState.HEALTHY
    await rpc.get_slot()
    assert len(node.requests) == 2


async def test_a_call_that_one_refuses_is_answered_by_another_and_both_are_well(
    node: SolanaNode, other: SolanaNode, rpc: RpcClient
) -> None:
    async def refuse(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        return web.json_response({"id": call["id"], "error": {"code": -32010, "message": "excluded"}})

    node.fault = refuse
    other.accounts = {"hit": Account("p", b"abc")}
    for _ in range(6):
        assert [one.pubkey for one in await rpc.get_program_accounts("p", [])] == ["hit"]
    assert [endpoint.health.state for endpoint in rpc.endpoints] == [EndpointState.HEALTHY] * 2
    with pytest.raises(RpcFailed) as caught:
        await rpc.call("getNothing", [])
    assert not isinstance(caught.value, RpcUnavailable)


async def test_an_answer_of_one_that_lags_is_not_taken(
    node: SolanaNode, other: SolanaNode, rpc: RpcClient, clock: FakeClock
) -> None:
    for _ in range(20):
        clock.advance_ms(400)
        node.slot += 1
        other.slot += 1
        for endpoint in rpc.endpoints:
            await rpc.watch(endpoint)
    node.slot -= 11
    (update,) = await rpc.get_multiple_accounts(["a"])
    assert update.slot == other.slot
    first, _ = rpc.endpoints
    assert (first.lag_slots, first.failover_count) == (11, 1)
    requests = len(node.requests)
    await rpc.get_multiple_accounts(["a"])
    assert len(node.requests) == requests  # it is not even asked


async def test_where_nobody_may_be_read_from_that_is_said(
    node: SolanaNode, other: SolanaNode, rpc: RpcClient, clock: FakeClock
) -> None:
    first, second = rpc.endpoints
    first.lag_slots = second.lag_slots = 11
    with pytest.raises(RpcUnavailable, match="no endpoint may be asked"):
        await rpc.get_slot()
    assert node.requests == other.requests == []


async def test_a_watched_endpoint_is_asked_alone_and_once_for_its_chain(
    node: SolanaNode, other: SolanaNode, rpc: RpcClient
) -> None:
    node.genesis_hash = other.genesis_hash = "chain"
    first, second = rpc.endpoints
    for _ in range(3):
        await rpc.watch(second)
    assert node.requests == []
    assert other.methods() == ["getSlot", "getGenesisHash", "getSlot", "getSlot"]
    assert (first.genesis_hash, second.genesis_hash) == (None, "chain")


async def test_who_is_unhealthy_is_asked_again_by_the_watch_and_then_read_from(
    node: SolanaNode, other: SolanaNode, rpc: RpcClient, clock: FakeClock
) -> None:
    node.fault = answering(status=500)
    for _ in range(5):
        await rpc.get_slot()
    first, _ = rpc.endpoints
    assert first.health.state is EndpointState.UNHEALTHY
    node.fault = None
    clock.advance_ms(2_000)
    await rpc.watch(first)
    clock.advance_ms(60_001)  # its failures are of another minute
    assert rpc.endpoints.to_ask(RpcRole.READ)[0] is first


async def test_an_error_names_the_endpoint_without_its_key(session: aiohttp.ClientSession, clock: FakeClock) -> None:
    endpoints = endpoints_at("http://127.0.0.1:1/k3y", "http://127.0.0.1:2/?k3y", session=session, clock=clock)
    rpc = RpcClient(endpoints=endpoints, clock=clock, attempt_count_max=1)
    with pytest.raises(RpcFailed, match=r"127\.0\.0\.1:[12]#[12] cannot be reached") as caught:
        await rpc.get_slot()
    assert "k3y" not in str(caught.value)


async def test_where_all_want_no_call_for_long_that_is_said_at_once(
    node: SolanaNode, other: SolanaNode, rpc: RpcClient
) -> None:
    node.fault = other.fault = answering(status=429, headers={"Retry-After": "60"})
    for _ in range(3):
        with pytest.raises(RateLimited):
            await rpc.get_slot()
    assert (len(node.requests), len(other.requests)) == (1, 1)


async def test_a_limit_of_those_that_may_be_asked_is_not_hidden_by_one_that_may_not(
    node: SolanaNode, other: SolanaNode, rpc: RpcClient
) -> None:
    first, second = rpc.endpoints
    first.health.cool(60 * SECOND_NS)
    second.lag_slots = 11
    with pytest.raises(RateLimited) as caught:
        await rpc.get_slot()
    assert caught.value.retry_after_ms == 60_000
    assert node.requests == other.requests == []


async def test_one_that_comes_back_is_asked_for_its_chain_again(
    node: SolanaNode, rpc: RpcClient, clock: FakeClock
) -> None:
    node.genesis_hash = "before"
    first, _ = rpc.endpoints
    await rpc.watch(first)
    for _ in range(5):
        first.health.fail()
    node.genesis_hash = "another"
    clock.advance_ms(2_000)
    await rpc.watch(first)
    assert first.genesis_hash == "another"
