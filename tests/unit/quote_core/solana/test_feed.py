"""The feed against a node whose connections break, fall silent and come back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from fakes.endpoints import rpc_at
from fakes.fake_clock import FakeClock
from fakes.solana_node import SolanaNode
from fakes.waiting import DEADLINE_S, eventually

from quote_core.dex.pool import Account
from quote_core.solana import AccountFeed, AccountUpdate, Endpoint, FeedEvents, UpdateSource, open_session


class Listener:
    """Keeps what the feed hands over, and lets a test wait for it."""

    def __init__(self) -> None:
        self.updates: list[AccountUpdate] = []
        self.slots: list[int] = []
        self.doubts: list[str | None] = []
        self._changed = asyncio.Event()

    def on_update(self, update: AccountUpdate) -> None:
        self.updates.append(update)
        self._changed.set()

    def on_read(self, updates: Sequence[AccountUpdate]) -> None:
        self.updates += updates
        self._changed.set()

    def on_slot(self, slot: int, parent: int | None, received_mono_ns: int) -> None:
        self.slots.append(slot)
        self._changed.set()

    def on_doubt(self, pubkey: str | None) -> None:
        self.doubts.append(pubkey)
        self._changed.set()

    def on_connect(self) -> None:
        self._changed.set()

    def data(self, pubkey: str) -> list[bytes | None]:
        return [one.account.data if one.account else None for one in self.updates if one.pubkey == pubkey]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


def make_feed(node: SolanaNode, session: aiohttp.ClientSession, listener: Listener, **options: Any) -> AccountFeed:
    clock = FakeClock()
    rpc = rpc_at(node.http_url, session=session, clock=clock)
    return AccountFeed(
        endpoints=rpc.endpoints,
        read=options.pop("read", rpc.get_multiple_accounts),
        events=FeedEvents(
            on_update=listener.on_update,
            on_read=listener.on_read,
            on_slot=listener.on_slot,
            on_doubt=listener.on_doubt,
            on_connect=listener.on_connect,
        ),
        clock=clock,
        **options,
    )


@contextlib.asynccontextmanager
async def running(
    node: SolanaNode, session: aiohttp.ClientSession, listener: Listener, **options: Any
) -> AsyncIterator[AccountFeed]:
    feed = make_feed(node, session, listener, **options)
    task = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def listener() -> Listener:
    return Listener()


async def test_a_watched_account_is_read_and_then_followed(
    node: SolanaNode, session: aiohttp.ClientSession, listener: Listener
) -> None:
    node.accounts["a"] = Account("o", b"first", 1)
    async with running(node, session, listener) as feed:
        feed.watch(["a"])
        await listener.until(lambda: listener.data("a") == [b"first"])
        await node.set_account("a", Account("o", b"second", 1), slot=101)
        await listener.until(lambda: listener.data("a") == [b"first", b"second"])
        await node.tick()
        await listener.until(lambda: feed.followed == {"a"} and feed.is_live)
        assert feed.is_live


async def test_what_changed_while_the_connection_was_gone_is_read_again(
    node: SolanaNode, session: aiohttp.ClientSession, listener: Listener
) -> None:
    node.accounts["a"] = Account("o", b"before", 1)
    async with running(node, session, listener) as feed:
        feed.watch(["a"])
        await listener.until(lambda: bool(listener.updates))
        await node.drop_sockets()
        await node.set_account("a", Account("o", b"missed", 1), slot=105)
        await listener.until(lambda: listener.data("a")[-1] == b"missed")
        await eventually(lambda: node.subscribed() == {"a"})
        await node.set_account("a", Account("o", b"live", 1), slot=106)
        await listener.until(lambda: listener.data("a")[-1] == b"live")
        assert feed.counts.connect_count == 2


async def test_a_node_that_starts_later_is_found(session: aiohttp.ClientSession, listener: Listener) -> None:
    node = SolanaNode()
    await node.start()
    await node.stop()  # the port is known and nobody listens
    async with running(node, session, listener) as feed:
        feed.watch(["a"])
        node.accounts["a"] = Account("o", b"x", 1)
        await node.start()
        await listener.until(lambda: listener.data("a") == [b"x"])
    await node.stop()


async def test_a_connection_without_slots_is_given_up(
    node: SolanaNode, session: aiohttp.ClientSession, listener: Listener
) -> None:
    async with running(node, session, listener, silence_ms_max=60) as feed:
        await eventually(lambda: feed.counts.connect_count >= 3)
        assert not feed.is_live


async def test_accounts_that_go_on_changing_do_not_stand_for_slots(
    node: SolanaNode, session: aiohttp.ClientSession, listener: Listener
) -> None:
    async with running(node, session, listener, silence_ms_max=60) as feed:
        feed.watch(["a"])
        async with asyncio.timeout(DEADLINE_S):
            while feed.counts.connect_count < 3:
                with contextlib.suppress(ConnectionError):  # of the connection that has just been given up
                    await node.set_account("a", Account("o", b"x", 1))
                await asyncio.sleep(0.005)
        assert listener.updates
        assert not feed.is_live


async def test_rubbish_from_the_node_does_not_end_the_feed(
    node: SolanaNode, session: aiohttp.ClientSession, listener: Listener
) -> None:
    async with running(node, session, listener) as feed:
        feed.watch(["a"])
        await eventually(lambda: node.subscribed() == {"a"})
        await node.send_text("rubbish")
        await node.set_account("a", Account("o", b"x", 1), slot=101)
        await listener.until(lambda: b"x" in listener.data("a"))
        assert feed.counts.malformed_count == 1
        assert listener.doubts == [None]
        assert feed.counts.connect_count == 1


async def test_an_account_no_longer_wanted_is_unsubscribed(
    node: SolanaNode, session: aiohttp.ClientSession, listener: Listener
) -> None:
    async with running(node, session, listener) as feed:
        feed.watch(["a", "b"])
        await eventually(lambda: node.subscribed() == {"a", "b"})
        feed.unwatch(["a"])
        await eventually(lambda: node.subscribed() == {"b"})


async def test_an_account_taken_out_and_in_again_during_a_read_is_read_for_the_new_request(
    node: SolanaNode, session: aiohttp.ClientSession, listener: Listener
) -> None:
    """Else the old answer, from before the new subscription stood, would pass for a reading after it."""
    held_back, release = asyncio.Event(), asyncio.Event()
    read_count = 0

    async def read(pubkeys: Sequence[str], *, first: Endpoint) -> list[AccountUpdate]:
        nonlocal read_count
        read_count += 1
        held_back.set()
        if read_count == 1:
            await release.wait()
        return [AccountUpdate(pubkey, 100, None, 0, UpdateSource.ANSWER) for pubkey in pubkeys]

    async with running(node, session, listener, read=read) as feed:
        feed.watch(["a"])
        await held_back.wait()
        feed.unwatch(["a"])
        feed.watch(["a"])
        await eventually(lambda: len(node.subscriptions) == 1 and min(node.subscriptions) > 2)
        await node.tick()
        await listener.until(lambda: bool(listener.slots))
        release.set()
        await listener.until(lambda: len(listener.updates) == 1)
        assert not feed.followed
        await eventually(lambda: feed.followed == {"a"})
        assert read_count == 2


async def test_an_error_in_the_receiver_is_not_swallowed(node: SolanaNode, session: aiohttp.ClientSession) -> None:
    class Broken(Listener):
        def on_read(self, updates: Sequence[AccountUpdate]) -> None:
            raise AssertionError("broken invariant")

    feed = make_feed(node, session, Broken())
    feed.watch(["a"])
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.timeout(DEADLINE_S):
            await feed.run()
    assert caught.group_contains(AssertionError)


async def test_a_handshake_that_is_redirected_is_not_followed(node: SolanaNode) -> None:
    async def move(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": node.ws_url})

    app = web.Application()
    app.router.add_get("/", move)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with open_session("http://127.0.0.1") as session:
            with pytest.raises(aiohttp.ClientError, match="HTTP 302; redirects are not followed"):
                await session.ws_connect(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    finally:
        await runner.cleanup()
    assert node.sockets == []


async def test_what_could_be_read_is_handed_over_though_the_rest_is_refused(
    node: SolanaNode, session: aiohttp.ClientSession
) -> None:
    node.accounts = {f"k{index}": Account("o", b"data") for index in range(150)}

    async def refuse_one(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        if "k149" in call["params"][0]:
            return web.json_response({"id": call["id"], "error": {"code": -32602, "message": "Invalid param"}})
        return None

    node.fault = refuse_one
    listener = Listener()
    async with running(node, session, listener) as feed:
        feed.watch([f"k{index}" for index in range(150)])
        await listener.until(lambda: len(listener.updates) >= 100)
        await node.tick()
        await eventually(lambda: len(feed.followed) >= 100)
        assert "k149" not in feed.followed
