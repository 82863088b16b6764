"""A subscription that is lost, or falls behind, goes on at another endpoint, and what may have been missed is read."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from fakes.endpoints import address, endpoints_at
from fakes.fake_clock import FakeClock
from fakes.solana_node import SolanaNode
from fakes.waiting import eventually

from quote_core.dex.pool import Account
from quote_core.solana import AccountFeed, AccountUpdate, Endpoints, FeedEvents, RpcClient


@pytest.fixture
async def other() -> AsyncIterator[SolanaNode]:
    """A second node."""
    other = SolanaNode()
    await other.start()
    yield other
    await other.stop()


class Following:
    """A feed over two nodes, the first of which is the heavier, and what it told."""

    def __init__(self, node: SolanaNode, other: SolanaNode, session: aiohttp.ClientSession) -> None:
        self.clock = FakeClock()
        self.endpoints: Endpoints = endpoints_at(
            address(node.http_url, number=1, weight=2),
            address(other.http_url, number=2),
            session=session,
            clock=self.clock,
        )
        rpc = RpcClient(endpoints=self.endpoints, clock=self.clock, attempt_count_max=1)
        self.updates: list[AccountUpdate] = []
        self.slots: list[tuple[int, int | None]] = []
        self.connect_count = 0
        self.feed = AccountFeed(
            endpoints=self.endpoints,
            read=rpc.get_multiple_accounts,
            events=FeedEvents(
                on_update=self.updates.append,
                on_read=self.updates.extend,
                on_slot=lambda slot, parent, _: self.slots.append((slot, parent)),
                on_doubt=lambda _: None,
                on_connect=self._connected,
            ),
            clock=self.clock,
        )

    def _connected(self) -> None:
        self.connect_count += 1

    def data(self) -> list[bytes]:
        return [update.account.data for update in self.updates if update.account is not None]

    @property
    def subscribed(self) -> list[str]:
        return [endpoint.name for endpoint in self.endpoints if endpoint.is_subscribed]


@contextlib.asynccontextmanager
async def following(node: SolanaNode, other: SolanaNode, session: aiohttp.ClientSession) -> AsyncIterator[Following]:
    following = Following(node, other, session)
    task = asyncio.create_task(following.feed.run())
    following.feed.watch(["a"])
    try:
        await eventually(lambda: following.feed.followed == {"a"})
        await node.tick()
        await eventually(lambda: following.feed.is_live)
        yield following
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_lost_subscription_moves_and_what_changed_meanwhile_is_read_from_where_it_moved(
    node: SolanaNode, other: SolanaNode, session: aiohttp.ClientSession
) -> None:
    node.accounts["a"] = other.accounts["a"] = Account("o", b"before", 1)
    async with following(node, other, session) as one:
        assert other.requests == []
        other.accounts["a"] = Account("o", b"missed", 1)
        await node.stop()
        await eventually(lambda: other.subscribed() == {"a"} and one.feed.followed == {"a"})
        assert one.data() == [b"before", b"missed"]
        await other.tick()
        await eventually(lambda: one.feed.is_live)
        assert one.subscribed == [f"127.0.0.1:{other.port}#2"]
        assert one.connect_count == 2
        await other.set_account("a", Account("o", b"after", 1), slot=200)
        await eventually(lambda: one.data() == [b"before", b"missed", b"after"])


async def test_a_subscription_whose_slots_others_have_long_passed_moves(
    node: SolanaNode, other: SolanaNode, session: aiohttp.ClientSession
) -> None:
    async with following(node, other, session) as one:
        _, second = one.endpoints
        for slot in range(101, 121):
            one.clock.advance_ms(400)
            one.endpoints.told_slot(second, slot)  # as the watch hears it
        await eventually(lambda: other.subscribed() == {"a"})
        assert node.sockets[0].closed or not node.subscribed()
        assert one.connect_count == 2


async def test_a_single_slot_behind_moves_nothing(
    node: SolanaNode, other: SolanaNode, session: aiohttp.ClientSession
) -> None:
    async with following(node, other, session) as one:
        _, second = one.endpoints
        for slot in range(92, 112):  # the subscription told 101
            one.clock.advance_ms(400)
            one.endpoints.told_slot(second, slot)
        assert one.endpoints.is_feed_in_step(one.feed.counts.slot)
        assert one.connect_count == 1
        assert one.slots == [(101, 100)]
