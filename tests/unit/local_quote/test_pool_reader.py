"""Accounts of one pool are read in one request, with the chain's clock."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from fakes.endpoints import rpc_at
from fakes.held_market import HeldMarket
from fakes.solana_node import SolanaNode

from local_quote.pool_reader import PoolReader
from quote_core.errors import RpcUnavailable
from quote_core.solana import CLOCK_SYSVAR, PartlyRead


@pytest.fixture
async def node() -> AsyncIterator[SolanaNode]:
    node = SolanaNode()
    await node.start()
    yield node
    await node.stop()


async def test_an_account_is_read_with_its_whole_pool_and_others_alone(node: SolanaNode, held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)
    async with aiohttp.ClientSession() as session:
        rpc = rpc_at(node.http_url, session=session, clock=held.clock)
        updates = await PoolReader(rpc=rpc, store=held.market.store).read_accounts(["p-vault-b", "elsewhere", "p"])
    assert [update.pubkey for update in updates] == [CLOCK_SYSVAR, "p", "p-vault-a", "p-vault-b", "elsewhere"]
    assert len(node.requests) == 1


async def test_no_pool_is_split_between_requests(node: SolanaNode, held: HeldMarket) -> None:
    for number in range(50):
        held.add(f"p{number}", 10**12, 80 * 10**9)
    groups = [entry.accounts for entry in held.market.store]
    async with aiohttp.ClientSession() as session:
        rpc = rpc_at(node.http_url, session=session, clock=held.clock)
        updates = await PoolReader(rpc=rpc, store=held.market.store).read_groups(groups)
    assert len(updates) == 152
    requests = [set(params[0]) for _, params in node.requests]
    assert [len(request) for request in requests] == [100, 52]
    assert all(CLOCK_SYSVAR in request for request in requests)
    for group in groups:
        assert any(set(group) <= request for request in requests)


async def test_one_refused_request_of_twenty_costs_only_its_own_pools(node: SolanaNode, held: HeldMarket) -> None:
    for number in range(640):
        held.add(f"p{number}", 10**12, 80 * 10**9)

    async def refuse_one(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        if "p5" in call["params"][0]:
            return web.json_response({"id": call["id"], "error": {"code": -32602, "message": "Invalid param"}})
        return None

    node.fault = refuse_one
    async with aiohttp.ClientSession() as session:
        rpc = rpc_at(node.http_url, session=session, clock=held.clock)
        reader = PoolReader(rpc=rpc, store=held.market.store)
        with pytest.raises(PartlyRead, match="Invalid param") as partly:
            await reader.read_groups([entry.accounts for entry in held.market.store])
    assert len(node.requests) == 20
    read = {update.pubkey for update in partly.value.updates}
    pools_read = [entry for entry in held.market.store if set(entry.accounts) <= read]
    assert len(pools_read) == 640 - 33


async def test_when_no_request_is_answered_it_is_the_nodes_failure(node: SolanaNode, held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)

    async def fail(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        return web.Response(status=500)

    node.fault = fail
    async with aiohttp.ClientSession() as session:
        rpc = rpc_at(
            node.http_url,
            session=session,
            clock=held.clock,
            attempt_count_max=1,
        )
        with pytest.raises(RpcUnavailable, match="HTTP 500"):
            await PoolReader(rpc=rpc, store=held.market.store).read_accounts(["p"])
