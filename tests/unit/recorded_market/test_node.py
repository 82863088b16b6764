"""The node's connections: what a client that does not read costs, and how many there may be."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import aiohttp
import orjson
import pytest
from fakes.waiting import DEADLINE_S

from quote_core.dex.pool import Account
from quote_core.units import Pubkey
from recorded_market import node as node_module
from recorded_market.faults import FaultPlan
from recorded_market.ledger import AccountLedger, Block
from recorded_market.node import Node
from recorded_market.rpc_methods import RpcMethods
from recorded_market.subscriptions import SubscriptionHub

OWNER = Pubkey("11111111111111111111111111111111")
KEY = Pubkey("So11111111111111111111111111111111111111112")
NO_FAULTS = FaultPlan(latency_ns=0, failure_fraction=0.0, seed=1)


class Served:
    """A node over a ledger that the test moves."""

    def __init__(self, *, websocket_life_ns: int = 0) -> None:
        self.hub = SubscriptionHub(version="1")
        self.ledger = AccountLedger(Block(1, {KEY: Account(OWNER, b"")}))
        call = RpcMethods(self.ledger, {}, version="1").call
        self.node = Node(call, self.hub, NO_FAULTS, websocket_life_ns=websocket_life_ns)

    @property
    def websocket_url(self) -> str:
        return f"ws://127.0.0.1:{self.node.websocket_port}"

    def play(self, data: bytes) -> None:
        self.hub.publish(self.ledger.advance({KEY: Account(OWNER, data)}))


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    served = Served()
    await served.node.start("127.0.0.1", 0)
    yield served
    await served.node.stop()


@contextlib.asynccontextmanager
async def connected(served: Served) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        asyncio.timeout(DEADLINE_S),
        aiohttp.ClientSession() as session,
        session.ws_connect(served.websocket_url) as socket,
    ):
        yield socket


async def eventually(condition: Callable[[], bool]) -> None:
    """Let other tasks work until `condition` holds."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - the node has no event for it, and needs none
            await asyncio.sleep(0)


async def subscribe(socket: aiohttp.ClientWebSocketResponse) -> int:
    params = [KEY, {"encoding": "base64", "commitment": "processed"}]
    await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": "accountSubscribe", "params": params})
    number: int = (await socket.receive_json())["result"]
    return number


async def test_a_client_that_does_not_read_is_cut_off_and_counted_and_the_rest_go_on(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_module, "QUEUE_SIZE_BYTES_MAX", 100_000)
    async with aiohttp.ClientSession() as session, asyncio.timeout(DEADLINE_S):
        slow = await session.ws_connect(served.websocket_url)
        good = await session.ws_connect(served.websocket_url)
        await subscribe(slow)
        number = await subscribe(good)
        assert slow._conn is not None
        slow._conn.protocol.pause_reading()
        heard = 0
        while served.node.counters.slow_clients_cut == 0:
            served.play(bytes(8_000))
            assert orjson.loads((await good.receive()).data)["params"]["subscription"] == number
            heard += 1
        assert heard > 5
        await eventually(lambda: served.hub.subscription_count == 1)
        served.play(b"last")
        assert (await good.receive()).type is aiohttp.WSMsgType.TEXT
        assert served.node.websocket_count == 1


async def test_a_client_that_leaves_is_forgotten(served: Served) -> None:
    async with connected(served) as socket:
        await subscribe(socket)
        assert (served.hub.subscription_count, served.node.websocket_count) == (1, 1)
    await eventually(lambda: (served.hub.subscription_count, served.node.websocket_count) == (0, 0))


async def test_clients_over_the_bound_are_turned_away(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "CONNECTION_COUNT_MAX", 1)
    async with connected(served) as first:
        await subscribe(first)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            async with connected(served):
                pass
        assert refusal.value.status == 503


async def test_what_is_no_json_on_a_socket_gets_a_parse_error_and_the_socket_lives(served: Served) -> None:
    async with connected(served) as socket:
        await socket.send_str("{")
        assert (await socket.receive_json())["error"]["code"] == -32700
        await subscribe(socket)


async def test_account_methods_are_for_http_and_subscriptions_for_the_socket(served: Served) -> None:
    async with connected(served) as socket:
        await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": "getSlot"})
        assert (await socket.receive_json())["error"]["code"] == -32601


async def test_a_mistake_of_the_node_itself_ends_the_connection_and_is_logged(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(served.hub, "call", broken)
    async with connected(served) as socket:
        await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": "slotSubscribe"})
        assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    await eventually(lambda: "ZeroDivisionError" in caplog.text)


async def test_stopping_closes_the_sockets_of_clients(served: Served) -> None:
    async with connected(served) as socket:
        await subscribe(socket)
        stopping = asyncio.create_task(served.node.stop())
        message = await socket.receive()
        assert message.type is aiohttp.WSMsgType.CLOSE
        assert message.data == aiohttp.WSCloseCode.GOING_AWAY
        await socket.close()
        await stopping


async def test_a_socket_with_a_life_is_dropped_without_a_farewell() -> None:
    mortal = Served(websocket_life_ns=50_000_000)
    await mortal.node.start("127.0.0.1", 0)
    async with connected(mortal) as socket:
        await subscribe(socket)
        message = await socket.receive()
        assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        assert socket.close_code != aiohttp.WSCloseCode.OK
    await eventually(lambda: mortal.hub.subscription_count == 0)
    await mortal.node.stop()


async def test_a_websocket_may_be_opened_on_the_http_port(served: Served) -> None:
    url = f"127.0.0.1:{served.node.rpc_port}"
    async with asyncio.timeout(DEADLINE_S), aiohttp.ClientSession() as session:
        async with session.ws_connect(f"ws://{url}") as socket:
            number = await subscribe(socket)
            served.play(b"new")
            told = orjson.loads(await socket.receive_str())
        assert told["params"]["subscription"] == number
        async with session.get(f"http://{url}/") as plain:
            assert (plain.status, plain.headers["Allow"]) == (405, "POST")
