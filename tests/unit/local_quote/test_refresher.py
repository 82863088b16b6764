"""The loops that keep the market current, against a node in the same event loop."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import structlog
from aiohttp import web
from fakes.endpoints import address, rpc_at
from fakes.held_market import SOL, USDC, HeldMarket
from fakes.plain_pool import OWNER, PlainPool, vault_account
from fakes.solana_node import SolanaNode
from fakes.waiting import eventually

from local_quote.companions import Companions
from local_quote.poll_plan import PollPlan
from local_quote.pool_reader import PoolReader
from local_quote.refresh import MarketRefresher
from quote_core.dex.pool import Account, ChainClock, Dex, Direction
from quote_core.quotes import Provenance
from quote_core.solana import CLOCK_SYSVAR, AccountFeed
from quote_core.solana.sysvar import SYSVAR_OWNER
from quote_core.units import Pubkey

HOUR_NS = 3_600_000_000_000
LARGE_AMOUNT = 123_456_789_012
AHEAD_SLOTS = 5
"""How far the node that is read from is ahead of the one that is followed, where there are two."""


class Loops:
    """A refresher over a fake node; polls of pools happen only when new, hurried, or after an hour."""

    def __init__(self, node: SolanaNode, session: aiohttp.ClientSession, read_node: SolanaNode | None = None) -> None:
        self.node = node
        self.read_node = read_node or node
        self.held = HeldMarket(slot=148)
        market, clock = self.held.market, self.held.clock
        reading = address(self.read_node.http_url, ws_url=node.ws_url)
        rpc = rpc_at(reading, session=session, clock=clock, attempt_count_max=1)
        reader = PoolReader(rpc=rpc, store=market.store)
        self.plan = PollPlan(amm_interval_ns=HOUR_NS, clmm_interval_ns=HOUR_NS, clmm_event_driven_interval_ns=HOUR_NS)
        self.refresher = MarketRefresher(
            market=market,
            rpc=rpc,
            reader=reader,
            make_feed=lambda events: AccountFeed(
                endpoints=rpc.endpoints, read=reader.read_accounts, events=events, clock=clock
            ),
            companions=Companions(store=market.store, settle_ns=0, wait_ns_max=0),
            plan=self.plan,
            clock=clock,
            basic_interval_s=0.05,
            sweep_interval_s=0.05,
        )
        self.feed = self.refresher.feed

    async def live(self) -> None:
        """Time passes and slots with it, as on any chain, until told otherwise."""
        while True:
            self.held.clock.advance_ms(40)
            await self.node.tick()
            if self.read_node is not self.node:
                self.read_node.slot = self.node.slot + AHEAD_SLOTS
            await asyncio.sleep(0.02)

    def find(self, pool: PlainPool, amount_a: int, amount_b: int) -> None:
        """The pool exists on the node and discovery has found it."""
        self.hold(pool, amount_a, amount_b)
        own, *_ = self.held.updates(pool, amount_a, amount_b)
        self.refresher.wanted_changed(self.held.market.add_pool(pool, own, Provenance.CHAIN))

    def hold(self, pool: PlainPool, amount_a: int, amount_b: int) -> None:
        for node in (self.node, self.read_node):
            node.accounts[pool.address] = Account(OWNER, b"pool")
            node.accounts[pool.vault_a] = vault_account(amount_a)
            node.accounts[pool.vault_b] = vault_account(amount_b)

    def due(self) -> list[str]:
        """Pools to be read at the next opportunity."""
        entries = self.plan.due(self.held.market.store, self.held.clock.mono_ns(), event_driven=True)
        return [entry.pool.address for entry in entries]

    def output(self) -> int:
        return self.held.market.quoter.best(SOL, USDC, 10**9).output_amount

    def reads_of(self, pubkey: str) -> int:
        return sum(
            method == "getMultipleAccounts" and pubkey in params[0] for method, params in self.read_node.requests
        )


@contextlib.asynccontextmanager
async def started_node() -> AsyncIterator[SolanaNode]:
    node = SolanaNode()
    node.accounts[CLOCK_SYSVAR] = Account(SYSVAR_OWNER, struct.pack("<QqQQq", 150, 0, 1, 2, 1_700_000_100))
    node.slot = 150
    await node.start()
    try:
        yield node
    finally:
        await node.stop()


@contextlib.asynccontextmanager
async def running(*, reads_elsewhere: bool = False) -> AsyncIterator[Loops]:
    async with contextlib.AsyncExitStack() as stack:
        node = await stack.enter_async_context(started_node())
        read_node = await stack.enter_async_context(started_node()) if reads_elsewhere else None
        async with aiohttp.ClientSession() as session:
            loops = Loops(node, session, read_node)
            refreshing, living = asyncio.create_task(loops.refresher.run()), asyncio.create_task(loops.live())
            try:
                yield loops
            finally:
                for task in (living, refreshing):
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task


async def test_a_found_pool_is_loaded_followed_and_repriced_when_it_changes() -> None:
    async with running() as loops:
        pool = PlainPool("p", SOL.mint, USDC.mint)
        loops.find(pool, 10**12, 80 * 10**9)
        await eventually(lambda: loops.held.market.directions_quoted()[0] == 2)
        before = loops.output()
        await eventually(lambda: {"p", pool.vault_a, pool.vault_b} <= loops.node.subscribed())
        await loops.node.set_account(pool.vault_b, vault_account(90 * 10**9))
        await eventually(lambda: loops.output() > before)


async def test_the_depth_that_a_row_tells_follows_the_pool_without_anybody_asking() -> None:
    async with running() as loops:
        pool, market = PlainPool("p", SOL.mint, USDC.mint), loops.held.market
        loops.find(pool, 10**12, 80 * 10**9)
        (row,) = market.register([(SOL, USDC, 10**9)])

        def depth() -> int:
            quote = market.table.row(row).quote
            return 0 if quote is None else quote.swap.depth_amount

        await eventually(lambda: depth() > 0)
        before = depth()
        await eventually(lambda: {"p", pool.vault_a, pool.vault_b} <= loops.node.subscribed())
        await loops.node.set_account(pool.vault_a, vault_account(4 * 10**12))
        await loops.node.set_account(pool.vault_b, vault_account(320 * 10**9))
        await eventually(lambda: depth() > 3 * before)


async def test_accounts_that_come_to_be_wanted_are_read_and_followed_and_left_when_not() -> None:
    async with running() as loops:
        pool = PlainPool("p", SOL.mint, USDC.mint, extra=["array-1"])
        loops.find(pool, 10**12, 80 * 10**9)
        await eventually(lambda: "array-1" in loops.node.subscribed())
        pool.extra = ["array-2"]
        await loops.node.set_account(pool.vault_b, vault_account(1))
        await eventually(lambda: "array-2" in loops.node.subscribed() and "array-1" not in loops.node.subscribed())
        await eventually(lambda: loops.reads_of("array-2") > 0)


class RunningOut(PlainPool):
    """One of which `LARGE_AMOUNT` wants an account more than others, as it would of tick or bin arrays."""

    def ladder(self, direction: Direction, amounts_in: Sequence[int], clock: ChainClock) -> Sequence[int]:
        if LARGE_AMOUNT in amounts_in:
            self.extra = [Pubkey("array-1")]
        return super().ladder(direction, amounts_in, clock)


async def test_a_pool_that_never_changes_gets_what_an_amount_asked_for_later_runs_out_of() -> None:
    async with running() as loops:
        pool = RunningOut("p", SOL.mint, USDC.mint)
        loops.find(pool, 10**12, 80 * 10**9)
        await eventually(lambda: loops.held.market.directions_quoted()[0] == 2)
        assert "array-1" not in loops.feed.followed
        loops.held.subscribe((SOL, USDC, LARGE_AMOUNT))
        await eventually(lambda: "array-1" in loops.node.subscribed() and loops.reads_of("array-1") > 0)


async def test_a_quote_of_an_old_pool_has_it_read_ahead_of_its_turn() -> None:
    async with running() as loops:
        pool = PlainPool("p", SOL.mint, USDC.mint, dex=Dex.RAYDIUM_CLMM)
        loops.find(pool, 10**12, 80 * 10**9)
        await eventually(lambda: loops.held.market.directions_quoted()[0] == 2)
        await eventually(lambda: loops.feed.followed >= {"p", pool.vault_a, pool.vault_b})
        await eventually(lambda: not loops.due())
        reads = loops.reads_of("p")
        loops.held.clock.advance_ms(501)
        loops.refresher.hurry(SOL.mint, USDC.mint)
        await eventually(lambda: loops.reads_of("p") > reads)


async def test_a_damaged_notification_makes_its_pool_stale_and_has_it_read_again() -> None:
    async with running() as loops:
        pool = PlainPool("p", SOL.mint, USDC.mint)
        loops.find(pool, 10**12, 80 * 10**9)
        await eventually(lambda: loops.feed.followed >= {"p", pool.vault_a, pool.vault_b})
        await eventually(lambda: not loops.due())
        (row,) = loops.held.register((SOL, USDC, 10**9))
        assert not row.is_stale
        loops.node.accounts[pool.vault_b] = vault_account(90 * 10**9)
        await loops.node.send_text('{"method":"accountNotification","params":{"subscription":')
        await eventually(lambda: row.version > 1 and not row.is_stale)
        assert row.quote is not None
        assert row.quote.swap.output_amount > 88 * 10**6


async def test_a_lost_notification_is_found_by_the_next_read_and_told() -> None:
    async with running() as loops:
        pool = PlainPool("p", SOL.mint, USDC.mint)
        loops.find(pool, 10**12, 80 * 10**9)
        await eventually(lambda: loops.feed.followed >= {"p", pool.vault_a, pool.vault_b})
        await eventually(lambda: not loops.due())
        loops.node.accounts[pool.vault_b] = vault_account(90 * 10**9)
        assert not loops.refresher.is_feed_lossy
        loops.plan.hurry("p")
        await eventually(lambda: loops.refresher.is_feed_lossy)
        assert loops.refresher.gap_count == 1


async def test_a_change_that_is_read_before_the_feed_comes_to_its_slot_is_not_lost() -> None:
    async with running(reads_elsewhere=True) as loops:
        pool = PlainPool("p", SOL.mint, USDC.mint)
        loops.find(pool, 10**12, 80 * 10**9)
        await eventually(lambda: loops.feed.followed >= {"p", pool.vault_a, pool.vault_b})
        await eventually(lambda: not loops.due())
        before = loops.output()
        loops.read_node.accounts[pool.vault_b] = vault_account(90 * 10**9)
        loops.plan.hurry("p")
        await eventually(lambda: loops.output() > before)
        shown_slot, shown_mono_ns = loops.read_node.slot, loops.held.clock.mono_ns()
        # Where both were at one slot, it would be late after a second.
        await eventually(lambda: loops.held.clock.mono_ns() > shown_mono_ns + 1_500_000_000)
        assert not loops.refresher.is_feed_lossy
        await loops.node.set_account(pool.vault_b, vault_account(90 * 10**9), slot=shown_slot)
        await eventually(lambda: loops.held.clock.mono_ns() > shown_mono_ns + 4_000_000_000)
        assert not loops.refresher.is_feed_lossy
        assert loops.refresher.gap_count == 0


async def test_a_node_of_another_chain_is_begun_anew_with() -> None:
    async with running() as loops:
        pool = PlainPool("p", SOL.mint, USDC.mint)
        loops.node.genesis_hash = "one"
        loops.find(pool, 10**12, 80 * 10**9)
        await eventually(lambda: loops.held.market.directions_quoted()[0] == 2)
        await eventually(lambda: "getGenesisHash" in loops.node.methods())
        loops.node.genesis_hash, loops.node.slot = "another", 5
        loops.node.accounts[CLOCK_SYSVAR] = Account(SYSVAR_OWNER, struct.pack("<QqQQq", 5, 0, 1, 2, 1_700_000_100))
        loops.hold(pool, 10**12, 70 * 10**9)
        await eventually(lambda: 0 < loops.held.market.progress.slot < 100)
        await eventually(lambda: loops.held.market.directions_quoted()[0] == 2)
        assert loops.output() < 70 * 10**6


async def test_a_node_of_another_chain_than_the_one_expected_is_begun_anew_with() -> None:
    async with running() as loops:
        with structlog.testing.capture_logs() as logs:
            loops.refresher.expect_chain("one")
            loops.node.genesis_hash = "another"
            await eventually(lambda: loops.refresher.genesis_hash == "another")
        assert [line["before"] for line in logs if line["event"] == "the node serves another chain"] == ["one"]
        loops.refresher.expect_chain("one")
        assert loops.refresher.genesis_hash == "another", "what the node says stands"


async def test_a_node_that_does_not_answer_is_told_and_forgotten_once_it_does() -> None:
    async with running() as loops:
        await eventually(lambda: loops.refresher.counts.poll_count > 0)

        async def fail(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
            return web.Response(status=500)

        loops.node.fault = fail
        await eventually(lambda: "HTTP 500" in loops.refresher.counts.poll_fault)
        loops.node.fault = None
        await eventually(lambda: loops.refresher.counts.poll_fault == "")
        assert loops.refresher.counts.poll_failed_count > 0
