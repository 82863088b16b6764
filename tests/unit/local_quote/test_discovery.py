"""Finding pools on a node that has real ones, and rubbish beside them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from fakes.endpoints import rpc_at
from fakes.golden_pools import golden_accounts
from fakes.held_market import JITOSOL, REGISTRY, SOL, SSOL, USDC, HeldMarket, clock_update
from fakes.solana_node import SolanaNode
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey as SoldersPubkey

from local_quote.discovery import Discovery, questions_of
from local_quote.market import WantedChange
from local_quote.pool_depth import DepthReader
from local_quote.pool_lists import PoolListFile, PoolLists
from local_quote.pool_ranking import DropReason, RankingLimits
from local_quote.pool_reader import PoolReader
from quote_core.dex.layout import key_bytes
from quote_core.dex.pool import Account, Dex
from quote_core.dex.programs import BY_DEX
from quote_core.quotes import Provenance
from quote_core.solana import CLOCK_SYSVAR
from quote_core.tokens import Pair, TokenRegistry
from quote_core.units import Pubkey

AMM_V4 = "58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2"
S = 1_000_000_000
CPMM = "7JuwJuNU88gurFnyWeiyGKbFmExMWcmRZntn9imEzdny"


@pytest.fixture
async def node() -> AsyncIterator[SolanaNode]:
    node = SolanaNode()
    node.accounts |= golden_accounts("raydium_amm_v4/sol_usdc_58oQChx4")
    node.accounts |= golden_accounts("raydium_cpmm/sol_usdc_7JuwJuNU")
    await node.start()
    yield node
    await node.stop()


class Search:
    """A discovery over the node, and what it came to want."""

    def __init__(self, node: SolanaNode, held: HeldMarket, session: aiohttp.ClientSession, **options: Any) -> None:
        self.wanted: list[WantedChange] = []
        limits = RankingLimits(
            floor_lamports=options.pop("floor_lamports", 0),
            per_pair_and_dex_max=options.pop("per_pair_and_dex_max", 10),
            count_max=options.pop("pool_count_max", 10),
        )
        wishes = {"named_pools": (), "is_searching": True, "interval_s": 60.0, "rerank_ns": 600 * S, **options}
        self.lists = PoolLists(wishes.pop("lists", ()))
        rpc = rpc_at(node.http_url, session=session, clock=held.clock, attempt_count_max=1)
        self.reader = PoolReader(rpc=rpc, store=held.market.store)
        self.discovery = Discovery(
            rpc=rpc,
            market=held.market,
            depths=DepthReader(self.reader, held.market.lamports_per_unit),
            lists=self.lists,
            limits=limits,
            clock=held.clock,
            on_wanted=self.wanted.append,
            **wishes,
        )


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_pools_of_the_watched_pairs_are_found_once(
    node: SolanaNode, held: HeldMarket, session: aiohttp.ClientSession
) -> None:
    search = Search(node, held, session)
    assert await search.discovery.search_once()
    assert await search.discovery.search_once()
    assert [entry.pool.address for entry in held.market.store.of_pair(SOL.mint, USDC.mint)] == [AMM_V4, CPMM]
    assert search.discovery.counts.found_count == 2
    assert len(search.wanted) == 2
    assert all(change.gained for change in search.wanted)


async def test_a_pool_is_no_better_than_the_worst_of_its_accounts(
    node: SolanaNode, held: HeldMarket, session: aiohttp.ClientSession
) -> None:
    node.provenance = dict.fromkeys(node.accounts, "recorded")
    await Search(node, held, session, is_searching=False, named_pools=[AMM_V4]).discovery.search_once()
    entry = held.market.store.entry(AMM_V4)
    assert entry is not None
    assert entry.provenance is Provenance.RECORDED
    node.provenance[next(need.pubkey for need in entry.pool.accounts_needed())] = "synthetic"
    again = HeldMarket()
    await Search(node, again, session, is_searching=False, named_pools=[AMM_V4]).discovery.search_once()
    (entry,) = again.market.store
    assert entry.provenance is Provenance.SYNTHETIC


async def test_named_pools_are_read_without_a_search(
    node: SolanaNode, held: HeldMarket, session: aiohttp.ClientSession
) -> None:
    search = Search(node, held, session, is_searching=False, named_pools=[CPMM, SOL.mint, "absent"])
    assert await search.discovery.search_once()
    assert [entry.pool.address for entry in held.market.store] == [CPMM]
    assert "getProgramAccounts" not in node.methods()


async def test_what_is_no_pool_is_counted_and_passed_over(
    node: SolanaNode, held: HeldMarket, session: aiohttp.ClientSession
) -> None:
    genuine = node.accounts[CPMM]
    data = bytearray(genuine.data)
    data[72:104] = data[104:136]  # both vaults the same: no pool of the program is like that
    node.accounts["spoilt"] = Account(genuine.owner, bytes(data[:600]), 1)
    search = Search(node, held, session, named_pools=["spoilt"])
    assert await search.discovery.search_once()
    assert "spoilt" not in held.market.store
    assert search.discovery.counts.unreadable_count == 1
    assert len(held.market.store) == 2


async def test_pools_beyond_the_limit_are_counted_and_left_out(
    node: SolanaNode, held: HeldMarket, session: aiohttp.ClientSession
) -> None:
    search = Search(node, held, session, pool_count_max=1)
    assert await search.discovery.search_once()
    assert len(held.market.store) == 1
    assert search.discovery.counts.left_out_count == 1


def dust(number: int) -> dict[str, Account]:
    """An AMM V4 pool of SOL and USDC with a millionth of the real one's reserves, and vaults of its own."""
    genuine = golden_accounts("raydium_amm_v4/sol_usdc_58oQChx4")
    address = Pubkey(str(SoldersPubkey(bytes([1, number]) + bytes(30))))
    pool = bytearray(genuine[AMM_V4].data)
    pool[192:208] = bytes(16)  # what its owner has earned of far more
    accounts = {}
    for offset, which in ((336, 2), (368, 3)):
        vault = Pubkey(str(SoldersPubkey(bytes(pool[offset : offset + 32]))))
        own = SoldersPubkey(bytes([which, number]) + bytes(30))
        pool[offset : offset + 32] = bytes(own)
        held = bytearray(genuine[vault].data)
        held[64:72] = (int.from_bytes(held[64:72], "little") // 1_000_000).to_bytes(8, "little")
        accounts[str(own)] = Account(genuine[vault].owner, bytes(held), 1)
    return {address: Account(genuine[AMM_V4].owner, bytes(pool), 1), **accounts}


DUST = tuple(dust(number) for number in range(30))
DUST_POOLS = {next(iter(one)) for one in DUST}


@pytest.fixture
def dusty(node: SolanaNode) -> SolanaNode:
    """A node that answers with dust before the pools that matter."""
    genuine = node.accounts
    node.accounts = {}
    for one in DUST:
        node.accounts |= one
    node.accounts |= genuine
    now = clock_update(slot=100, unix_timestamp=1_790_000_000).account
    assert now is not None
    node.accounts[CLOCK_SYSVAR] = now
    return node


async def read_all(search: Search, held: HeldMarket, node: SolanaNode) -> None:
    """What the refresher does with what came to be wanted, on a chain that has gone on."""
    held.tick()
    node.slot = held.slot
    groups = [entry.accounts for entry in held.market.store]
    held.market.apply(await search.reader.read_groups(groups))


@pytest.mark.parametrize(
    ("limits", "kept", "reason"),
    [
        ({"pool_count_max": 2}, {AMM_V4, CPMM}, DropReason.NO_ROOM),
        ({"per_pair_and_dex_max": 1, "pool_count_max": 100}, {AMM_V4, CPMM}, DropReason.OUTRANKED),
        ({"floor_lamports": 10**9, "pool_count_max": 100}, {AMM_V4}, DropReason.SHALLOW),
    ],
)
async def test_dust_that_was_found_first_keeps_no_deep_pool_out(
    dusty: SolanaNode,
    held: HeldMarket,
    session: aiohttp.ClientSession,
    limits: dict[str, int],
    kept: set[str],
    reason: DropReason,
) -> None:
    search = Search(dusty, held, session, **limits)
    assert await search.discovery.search_once()
    assert {entry.pool.address for entry in held.market.store} == kept
    dropped = search.discovery.dropped
    assert dropped.keys() == (DUST_POOLS | {AMM_V4, CPMM}) - kept
    assert {dropped[pool_id].reason for pool_id in DUST_POOLS} == {reason}
    assert search.discovery.counts.left_out_count == len(dropped)
    depths = [dropped[pool_id].candidate.depth_lamports for pool_id in DUST_POOLS]
    assert all(depth is not None and 0 < depth < 10**7 for depth in depths)


async def test_a_pool_that_has_become_dust_is_let_go_when_depths_are_measured_anew(
    dusty: SolanaNode, held: HeldMarket, session: aiohttp.ClientSession
) -> None:
    search = Search(dusty, held, session, per_pair_and_dex_max=1, rerank_ns=600 * S)
    await search.discovery.search_once()
    await read_all(search, held, dusty)
    (row,) = held.register((SOL, USDC, 1_000_000))
    assert row.quote is not None
    deep, *vaults = DUST[7]
    for vault in vaults:
        data = bytearray(dusty.accounts[vault].data)
        data[64:72] = (int.from_bytes(data[64:72], "little") * 10_000_000).to_bytes(8, "little")
        dusty.accounts[vault] = Account(dusty.accounts[vault].owner, bytes(data), 1)
    await search.discovery.search_once()
    assert AMM_V4 in held.market.store, "its depth still counts"
    held.clock.advance_ms(600_000)
    held.slot += 1_500
    await read_all(search, held, dusty)
    search.wanted.clear()
    await search.discovery.search_once()
    assert {entry.pool.address for entry in held.market.store} == {deep, CPMM}
    assert search.discovery.dropped[AMM_V4].reason is DropReason.OUTRANKED
    assert search.discovery.counts.let_go_count == 1
    assert any(AMM_V4 in change.lost for change in search.wanted)
    assert row.quote is None or row.quote.swap.entry.pool.address != AMM_V4
    await read_all(search, held, dusty)
    assert row.quote is not None
    assert row.quote.swap.entry.pool.address in (deep, CPMM)


async def test_named_pools_are_held_whatever_their_depth(
    dusty: SolanaNode, held: HeldMarket, session: aiohttp.ClientSession
) -> None:
    named = next(iter(DUST[3]))
    search = Search(dusty, held, session, floor_lamports=10**9, named_pools=[named], pool_count_max=2)
    assert await search.discovery.search_once()
    assert {entry.pool.address for entry in held.market.store} == {named, AMM_V4}


async def test_a_node_that_refuses_searches_is_helped_by_a_list(
    dusty: SolanaNode, held: HeldMarket, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    listed = tmp_path / "pools.txt"
    listed.write_text(f"# deep\n{AMM_V4}\n\n{next(iter(DUST[0]))}  # not so\n{SOL.mint}\n")
    search = Search(dusty, held, session, is_searching=False, lists=[PoolListFile(listed)], per_pair_and_dex_max=1)
    assert await search.discovery.search_once()
    assert [entry.pool.address for entry in held.market.store] == [AMM_V4]
    assert search.discovery.dropped.keys() == {next(iter(DUST[0]))}
    assert search.discovery.counts.unreadable_count == 1  # a mint is no pool
    listed.write_text("no address\n")
    assert await search.discovery.search_once()
    assert "line 1" in search.lists.fault


async def test_a_node_that_fails_ends_the_round_at_once_and_the_next_one_completes_it(
    node: SolanaNode, held: HeldMarket, session: aiohttp.ClientSession
) -> None:
    async def fail(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        return web.Response(status=500)

    node.fault = fail
    search = Search(node, held, session)
    assert not await search.discovery.search_once()
    assert "HTTP 500" in search.discovery.fault
    assert len(node.requests) <= 4  # those already under way
    node.fault = None
    assert await search.discovery.search_once()
    assert search.discovery.fault == ""
    assert len(held.market.store) == 2


async def test_what_was_kept_from_before_the_start_and_a_whole_round_does_not_find_is_let_go(
    node: SolanaNode, held: HeldMarket, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async def fail(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        return web.Response(status=500)

    listed = tmp_path / "pools.txt"
    search = Search(node, held, session, lists=[PoolListFile(listed)])
    listed.write_text("")
    assert await search.discovery.search_once()
    search.discovery.restored(AMM_V4, None)
    search.discovery.restored(CPMM, 5)
    assert search.discovery.depth_lamports(CPMM) == 5
    del node.accounts[CPMM]
    node.fault = fail
    assert not await search.discovery.search_once()
    node.fault = None
    listed.write_text("no address")  # it may have named the pool
    assert await search.discovery.search_once()
    listed.write_text(CPMM)
    assert await search.discovery.search_once()
    assert {entry.pool.address for entry in held.market.store} == {AMM_V4, CPMM}
    search.discovery.restored(AMM_V4, None)
    search.discovery.restored(CPMM, 5)
    listed.write_text("")
    search.wanted.clear()
    assert await search.discovery.search_once()
    assert [entry.pool.address for entry in held.market.store] == [AMM_V4]
    assert any(CPMM in change.lost for change in search.wanted)


async def test_a_search_the_node_refuses_leaves_the_others(
    node: SolanaNode, held: HeldMarket, session: aiohttp.ClientSession
) -> None:
    refused_program = node.accounts[AMM_V4].owner

    async def refuse(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        if call["method"] == "getProgramAccounts" and call["params"][0] == refused_program:
            return web.json_response({"id": call["id"], "error": {"code": -32010, "message": "excluded from indexes"}})
        return None

    node.fault = refuse
    search = Search(node, held, session)
    assert not await search.discovery.search_once()
    assert [entry.pool.address for entry in held.market.store] == [CPMM]
    assert "excluded from indexes" in search.discovery.fault
    assert search.discovery.counts.search_refused_count > 0


@pytest.mark.parametrize("code", [-32600, -32602, -32000, 403])
async def test_a_node_that_refuses_to_tell_origins_is_searched_all_the_same(
    node: SolanaNode, held: HeldMarket, session: aiohttp.ClientSession, code: int
) -> None:
    async def refuse(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        if call["method"] == "getProvenance":
            return web.json_response({"id": call["id"], "error": {"code": code, "message": "no"}})
        return None

    node.fault = refuse
    assert await Search(node, held, session).discovery.search_once()
    assert {entry.pool.address: entry.provenance for entry in held.market.store} == {
        AMM_V4: Provenance.CHAIN,
        CPMM: Provenance.CHAIN,
    }


def pool_of(mint_a: str, mint_b: str) -> Account:
    """An AMM V4 account of two mints, as far as a question reads it."""
    data = bytearray(golden_accounts("raydium_amm_v4/sol_usdc_58oQChx4")[AMM_V4].data)
    data[400:432], data[432:464] = key_bytes(Pubkey(mint_a)), key_bytes(Pubkey(mint_b))
    return Account(min(BY_DEX[Dex.RAYDIUM_AMM_V4].layout.owners), bytes(data), 1)


tokens = st.sampled_from([SOL, USDC, JITOSOL, SSOL, *list(REGISTRY)[-5:]])
pairs = st.lists(st.tuples(tokens, tokens).filter(lambda two: two[0] is not two[1]).map(lambda two: Pair(*two)))


@given(pairs)
def test_the_questions_find_every_pair_in_either_order_and_are_no_more_than_pair_by_pair(watched: list[Pair]) -> None:
    questions = questions_of(watched)
    for pair in watched:
        for one, other in pair.directions():
            assert any(question.matches(pool_of(one.mint, other.mint)) for question in questions)
    different = {frozenset(pair.directions()[0]) for pair in watched}
    assert len(questions) <= 14 * len(different)


def test_a_token_of_many_pairs_is_asked_for_once_unless_half_of_all_pools_hold_it() -> None:
    lsts = [token for token in REGISTRY if token.category == "lst"]
    every_pair = [Pair(one, other) for position, one in enumerate(lsts) for other in lsts[:position]]
    assert len(questions_of(every_pair)) == 14 * (len(lsts) - 1)
    of_sol = [Pair(SOL, other) for other in (USDC, *lsts)]
    assert len(questions_of(of_sol)) == 14 * len(of_sol)
    assert not any(question.matches(pool_of(SOL.mint, "1" * 32)) for question in questions_of(of_sol + every_pair))


async def test_pools_of_a_token_with_one_that_is_not_watched_beside_it_are_passed_over(
    node: SolanaNode, session: aiohttp.ClientSession
) -> None:
    registry = TokenRegistry([SOL, USDC, JITOSOL, SSOL], [Pair(SOL, JITOSOL), Pair(JITOSOL, SSOL)])
    node.accounts["stranger"] = pool_of(JITOSOL.mint, "1" * 32)
    node.accounts["unwatched"] = pool_of(JITOSOL.mint, USDC.mint)
    node.accounts["1" * 31 + "2"] = pool_of(SSOL.mint, JITOSOL.mint)
    held = HeldMarket()
    held.market.registry = registry
    search = Search(node, held, session)
    assert await search.discovery.search_once()
    assert [entry.pool.address for entry in held.market.store] == ["1" * 31 + "2"]
    assert search.discovery.counts.unreadable_count == 0


async def test_a_pool_heard_of_is_ranked_and_held_without_another_round(
    node: SolanaNode, held: HeldMarket, session: aiohttp.ClientSession
) -> None:
    cpmm = node.accounts.pop(CPMM)
    search = Search(node, held, session)
    assert await search.discovery.search_once()
    node.accounts[CPMM] = cpmm
    for pool_id in (AMM_V4, CPMM, SOL.mint, "absent"):  # held, new, no pool, gone again
        search.discovery.hear(Pubkey(pool_id))
    await search.discovery.look_at_heard()
    assert [entry.pool.address for entry in held.market.store.of_pair(SOL.mint, USDC.mint)] == [AMM_V4, CPMM]
    assert search.discovery.counts.unreadable_count == 0
    reads_before = len(node.requests)
    for pool_id in (AMM_V4, CPMM, SOL.mint):  # known: nothing is read again
        search.discovery.hear(Pubkey(pool_id))
    await search.discovery.look_at_heard()
    assert len(node.requests) == reads_before


async def test_a_pool_heard_of_is_held_to_the_same_limits(
    node: SolanaNode, held: HeldMarket, session: aiohttp.ClientSession
) -> None:
    cpmm = node.accounts.pop(CPMM)
    search = Search(node, held, session, pool_count_max=1)
    assert await search.discovery.search_once()
    node.accounts[CPMM] = cpmm
    search.discovery.hear(Pubkey(CPMM))
    await search.discovery.look_at_heard()
    assert len(held.market.store) == 1
    assert len(search.discovery.dropped) == 1
