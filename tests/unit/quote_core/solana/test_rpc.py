"""The client against a node that behaves, fails and babbles."""

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from fakes.fake_clock import FakeClock
from fakes.solana_node import SolanaNode

from quote_core.dex.pool import Account
from quote_core.errors import DeadlinePassed, RateLimited, RpcFailed
from quote_core.quotes import Provenance
from quote_core.solana import RpcClient, UpdateSource


def client(node: SolanaNode, session: aiohttp.ClientSession, **options: Any) -> RpcClient:
    return RpcClient(url=node.http_url, session=session, clock=FakeClock(), **options)


async def test_accounts_come_with_slot_and_absent_ones_as_none(
    node: SolanaNode, session: aiohttp.ClientSession
) -> None:
    node.accounts["a"] = Account("owner", b"data", 5)
    there, absent = await client(node, session).get_multiple_accounts(["a", "b"])
    assert (there.account, there.slot, there.source) == (Account("owner", b"data", 5), 100, UpdateSource.ANSWER)
    assert absent.account is None


async def test_accounts_are_asked_for_a_hundred_at_a_time(node: SolanaNode, session: aiohttp.ClientSession) -> None:
    updates = await client(node, session).get_multiple_accounts([f"k{index}" for index in range(201)])
    assert [update.pubkey for update in updates] == [f"k{index}" for index in range(201)]
    assert [len(params[0]) for _, params in node.requests] == [100, 100, 1]


async def test_a_program_search_sends_its_filters_and_reads_the_hits(
    node: SolanaNode, session: aiohttp.ClientSession
) -> None:
    node.accounts = {"hit": Account("p", b"abc"), "short": Account("p", b"ab"), "other": Account("q", b"abc")}
    found = await client(node, session).get_program_accounts("p", [{"dataSize": 3}])
    assert [(one.pubkey, one.account.data, one.slot) for one in found] == [("hit", b"abc", 100)]


async def test_an_ordinary_node_means_chain_for_all_and_is_asked_once(
    node: SolanaNode, session: aiohttp.ClientSession
) -> None:
    rpc = client(node, session)
    assert await rpc.get_provenance(["a", "b"]) == {"a": Provenance.CHAIN, "b": Provenance.CHAIN}
    assert await rpc.get_provenance(["c"]) == {"c": Provenance.CHAIN}
    assert node.methods() == ["getProvenance"]


async def test_a_recorded_node_tells_the_origin_of_what_it_has(
    node: SolanaNode, session: aiohttp.ClientSession
) -> None:
    node.provenance = {"a": "recorded", "b": "synthetic", "c": "patched"}
    origins = await client(node, session).get_provenance(["a", "b", "c", "unknown"])
    assert origins == {"a": Provenance.RECORDED, "b": Provenance.SYNTHETIC, "c": Provenance.PATCHED}


async def test_a_node_that_fails_in_passing_is_asked_again(node: SolanaNode, session: aiohttp.ClientSession) -> None:
    answers = [web.Response(status=503), web.json_response({"error": {"code": -32005, "message": "behind"}})]

    async def fail_twice(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        return answers.pop(0) if answers else None

    node.fault = fail_twice
    assert await client(node, session).get_slot() == 100
    assert node.methods() == ["getSlot"] * 3


async def test_attempts_are_bounded(node: SolanaNode, session: aiohttp.ClientSession) -> None:
    async def always(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        return web.Response(status=500)

    node.fault = always
    with pytest.raises(RpcFailed, match="HTTP 500"):
        await client(node, session, attempt_count_max=3).get_slot()
    assert len(node.requests) == 3


async def test_what_will_not_pass_is_not_asked_again(node: SolanaNode, session: aiohttp.ClientSession) -> None:
    with pytest.raises(RpcFailed) as caught:
        await client(node, session).call("getNothing", [])
    assert caught.value.rpc_code == -32601
    assert len(node.requests) == 1


async def test_a_rate_limit_is_waited_out_within_the_deadline(node: SolanaNode, session: aiohttp.ClientSession) -> None:
    async def limited(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        return web.Response(status=429, headers={"Retry-After": "30"})

    node.fault = limited
    with pytest.raises(DeadlinePassed):
        await client(node, session, timeout_ms=100).get_slot()
    assert len(node.requests) == 1
    with pytest.raises(RateLimited) as caught:
        await client(node, session, attempt_count_max=1).get_slot()
    assert caught.value.retry_after_ms == 30_000


async def test_a_node_that_hangs_meets_the_deadline(node: SolanaNode, session: aiohttp.ClientSession) -> None:
    released = asyncio.Event()

    async def hang(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        await released.wait()
        return None

    node.fault = hang
    with pytest.raises(DeadlinePassed, match="getSlot"):
        await client(node, session, timeout_ms=50).get_slot()
    released.set()


async def test_a_node_that_is_gone_is_an_rpc_failure_without_its_key(session: aiohttp.ClientSession) -> None:
    rpc = RpcClient(url="http://127.0.0.1:1/?api-key=secret", session=session, clock=FakeClock(), attempt_count_max=2)
    with pytest.raises(RpcFailed, match="cannot be reached") as caught:
        await rpc.get_slot()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("result", [None, 5, {"value": 1}, {"context": {"slot": 1}, "value": [None, None]}])
async def test_an_answer_of_another_shape_is_refused(
    node: SolanaNode, session: aiohttp.ClientSession, result: object
) -> None:
    async def babble(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        return web.json_response({"id": call["id"], "result": result})

    node.fault = babble
    rpc = client(node, session)
    for asked in (rpc.get_multiple_accounts(["a"]), rpc.get_program_accounts("p", [])):
        with pytest.raises(RpcFailed):
            await asked
