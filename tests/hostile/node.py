"""A hostile node: a proxy before a real one that answers and notifies as the fault it was last told says.

As a process it takes names of faults on standard input, one a line, and writes JSON lines: where it listens, each slot
of the node behind it with the time it came (CLOCK_MONOTONIC), and each fault with the time it began. A slot's time is
taken before anything of that slot is shown to anybody, so nothing shown is newer than the times say. A fork is told
before the first of its slots is, and when it is over, how many forks the fault has left. A second node of the process,
on a port of its own, shows the same chain and never lies: for a service that has two.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from random import Random
from typing import Any, Final

import aiohttp
import orjson
from aiohttp import WSMsgType, web
from hostile.chain import Recorder, ShownChain
from hostile.faults import (
    DAMAGED_SHARE,
    FAULTS,
    FORKS_APART_SLOTS,
    HEALTHY,
    Fault,
    Feed,
    damaged,
    spoiled_notifications,
)

from quote_core.units import Pubkey
from recorded_market.jsonrpc import answer_request
from recorded_market.recording import load_recording
from recorded_market.rpc_methods import RpcMethods
from recorded_market.subscriptions import SubscriptionHub

__all__ = ["HostileNode"]

VERSION: Final = "hostile"
_STOP_TIMEOUT_S: Final = 0.3
_SILENCE_S: Final = 30.0
"""Longer than anybody waits for an answer."""
_ACCOUNT_METHODS: Final = {"getMultipleAccounts", "getAccountInfo", "getProgramAccounts"}


class HostileNode:
    """Serves HTTP and WebSocket on one port of its own."""

    def __init__(self, recorder: Recorder, *, upstream_url: str, seed: int) -> None:
        assert recorder.history is not None
        self._history = recorder.history
        self._upstream_url = upstream_url
        self._random = Random(f"hostile/{seed}")
        self._salt = 0
        self._http = ShownChain(self._history)
        self._feed = ShownChain(self._history)
        self._hub = SubscriptionHub(version=VERSION)
        self._connections: set[_Connection] = set()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self.fault = HEALTHY
        self.port = 0

    async def start(self) -> None:
        """Listen on a free port."""
        self._session = aiohttp.ClientSession()
        app = web.Application(client_max_size=1 << 20)
        app.router.add_post("/", self._post)
        app.router.add_get("/", self._websocket)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_TIMEOUT_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close everything."""
        assert self._runner is not None
        assert self._session is not None
        self._hang_up()
        await self._runner.cleanup()
        await self._session.close()

    def begin(self, fault: Fault) -> None:
        """Misbehave in this way from now on."""
        before, self.fault = self.fault, fault
        self._salt = self._random.getrandbits(32)
        self._http.begin(fault.http)
        self._feed.begin(fault.feed)
        self._show()
        if before.hangs_up or before.switches or fault.hangs_up or fault.switches:
            self._hang_up()

    def slot_came(self) -> None:
        """The history has one more slot: show of it what the fault lets through."""
        self._show()
        if self.fault.feed_brings is Feed.SAME_SLOT:
            self._tell_slot(self._feed.slot)

    def spoil(self, pubkey: str, value: Any) -> Any:
        """An account as answers show it."""
        damage = self.fault.http_damage
        return value if damage is None or not self.is_damaged(pubkey) else damaged(value, damage, self._random)

    def is_damaged(self, pubkey: str) -> bool:
        """Whether an account is among those damaged while this fault lasts."""
        return Random(f"{self._salt}/{pubkey}").random() < DAMAGED_SHARE

    def notified(self, message: bytes, *, pubkey: str, old: list[bytes]) -> Sequence[bytes]:
        """What goes out instead of one notification."""
        spoiled = spoiled_notifications(
            message, self.fault, is_damaged=self.is_damaged(pubkey), old=old, random=self._random
        )
        return list(spoiled)

    def _show(self) -> None:
        for _ in self._http.follow(self.fault.http):
            pass
        for reached in self._feed.follow(self.fault.feed, tells_reverts=self.fault.tells_reverts):
            self._hub.publish(reached)

    def _tell_slot(self, slot: int) -> None:
        result = {"parent": slot - 1, "root": slot - 31, "slot": slot}
        for connection in self._connections:
            connection.offer_slot(result)

    def _hang_up(self) -> None:
        for connection in list(self._connections):
            connection.abort()

    async def _post(self, request: web.Request) -> web.Response:
        body = await request.read()
        fault = self.fault
        answer = await self._forwarded(body) if b'"getProvenance"' in body else answer_request(body, self._call)
        is_unanswered = self._random.random() < fault.http_silence_fraction
        delay_s = fault.http_delay_s + fault.http_jitter_s * self._random.random()
        await asyncio.sleep(_SILENCE_S if is_unanswered else delay_s)  # held after it was made: what comes late is old
        if (fault.hangs_up or is_unanswered) and request.transport is not None:
            request.transport.abort()
        is_failing = (
            fault.http_status != 200 or fault.http_body
        ) and self._random.random() < fault.http_failure_fraction
        if is_failing:
            headers = {"Retry-After": fault.retry_after} if fault.http_status == 429 else {}
            return web.Response(status=fault.http_status, text=fault.http_body, headers=headers)
        return web.Response(body=answer or b"", content_type="application/json")

    async def _forwarded(self, body: bytes) -> bytes:
        assert self._session is not None
        headers = {"Content-Type": "application/json"}
        async with self._session.post(self._upstream_url, data=body, headers=headers) as response:
            return await response.read()

    def _call(self, method: str, params: Sequence[Any]) -> Any:
        result = RpcMethods(self._http.ledger, {}, version=VERSION).call(method, params)
        if method not in _ACCOUNT_METHODS:
            return result
        if self.fault.http_damage is not None:
            result = self._spoiled(method, params, result)
        if self.fault.http_slot is not None and isinstance(result, Mapping):
            result["context"]["slot"] = self.fault.http_slot  # type: ignore[index]
        return result

    def _spoiled(self, method: str, params: Sequence[Any], result: Any) -> Any:
        if method == "getProgramAccounts":
            found = result["value"] if isinstance(result, Mapping) else result
            spoiled = [one | {"account": self.spoil(one["pubkey"], one["account"])} for one in found]
            kept = [one for one in spoiled if one["account"] is not None]
            return result | {"value": kept} if isinstance(result, Mapping) else kept
        if method == "getAccountInfo":
            return result | {"value": self.spoil(params[0], result["value"])}
        pairs = zip(params[0], result["value"], strict=True)
        return result | {"value": [self.spoil(pubkey, value) for pubkey, value in pairs]}

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        if self.fault.refuses_feed:
            return web.Response(status=429, text="slow down")
        if self.fault.hangs_up:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        connection = _Connection(self)
        self._connections.add(connection)
        try:
            return await connection.serve(request, self._hub)
        finally:
            self._connections.discard(connection)
            self._hub.forget(connection)


class _Connection:
    """One subscriber: what the hub offers goes through the fault, then out, in order and not before it is due."""

    def __init__(self, node: HostileNode) -> None:
        self._node = node
        self._socket = web.WebSocketResponse(autoping=True, compress=False)
        self._outbox: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._pubkeys: dict[int, str] = {}
        self._slot_number: int | None = None
        self._old: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def offer(self, message: bytes) -> None:
        """Take a notification from the hub."""
        number = int(message[message.rindex(b":") + 1 : -2])
        if number not in self._pubkeys and number != self._slot_number:
            self._send(message)  # addresses of a program's accounts: nothing in them to spoil
            return
        for spoiled in self._node.notified(message, pubkey=self._pubkeys.get(number, ""), old=self._old):
            self._send(spoiled)

    def offer_slot(self, result: Mapping[str, int]) -> None:
        """Tell a slot whatever the hub has told."""
        if self._slot_number is not None:
            params = {"result": result, "subscription": self._slot_number}
            self._send(orjson.dumps({"jsonrpc": "2.0", "method": "slotNotification", "params": params}))

    def abort(self) -> None:
        """End the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    async def serve(self, request: web.Request, hub: SubscriptionHub) -> web.StreamResponse:
        """Run until the client goes or the connection is aborted."""
        await self._socket.prepare(request)
        self._transport = request.transport
        writing = asyncio.create_task(self._write())
        try:
            async for message in self._socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    answer = answer_request(message.data, partial(self._call, hub))
                    if answer is not None:
                        self._send(answer)
        finally:
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await writing
        return self._socket

    def _call(self, hub: SubscriptionHub, method: str, params: Sequence[Any]) -> Any:
        result = hub.call(self, method, params)
        if method == "accountSubscribe":
            self._pubkeys[result] = params[0]
        elif method == "slotSubscribe":
            self._slot_number = result
        return result

    def _send(self, message: bytes) -> None:
        self._outbox.put_nowait((time.monotonic() + self._node.fault.feed_delay_s, message))

    async def _write(self) -> None:
        while True:
            due_s, message = await self._outbox.get()
            wait_s = due_s - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            await self._socket.send_str(message.decode())


def _tell(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def _commands(node: HostileNode, recorder: Recorder) -> None:
    """Take faults from standard input until it ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    by_name = {fault.name: fault for fault in (HEALTHY, *FAULTS)}
    async with asyncio.TaskGroup() as forking:
        async for line in reader:
            fault = by_name[line.decode().strip()]
            _tell(fault=fault.name, mono_ns=time.monotonic_ns())
            node.begin(fault)
            if fault.forks:
                forking.create_task(_fork(recorder, fault.forks))


async def _fork(recorder: Recorder, lengths: Sequence[int]) -> None:
    """Let the chain fork once for each length, one after the other."""
    assert recorder.history is not None
    for left_count, slot_count in reversed(list(enumerate(reversed(lengths)))):
        taken_back_slot = await recorder.fork(
            slot_count, lambda slot, slot_count: _tell(fork_slot=slot, slot_count=slot_count)
        )
        while recorder.history.newest_slot < taken_back_slot + FORKS_APART_SLOTS:  # noqa: ASYNC110 - a slot takes longer
            await asyncio.sleep(0.01)
        _tell(forks_left=left_count)


async def _run(*, http_url: str, ws_url: str, seed: int) -> None:
    owners = {Pubkey(account.owner) for account in load_recording().accounts.values()}
    recorder = Recorder(http_url=http_url, ws_url=ws_url, owners=sorted(owners))
    nodes: list[HostileNode] = []
    began = asyncio.Event()

    def on_slot(slot: int, received_mono_ns: int) -> None:
        _tell(slot=slot, mono_ns=received_mono_ns)
        began.set()
        for node in nodes:
            node.slot_came()

    async with asyncio.TaskGroup() as tasks:
        recording = tasks.create_task(recorder.run(on_slot))
        await began.wait()
        hostile, steady = (HostileNode(recorder, upstream_url=http_url, seed=seed) for _ in range(2))
        nodes += [hostile, steady]
        for node in nodes:
            await node.start()
        _tell(port=hostile.port, steady_port=steady.port)
        try:
            await _commands(hostile, recorder)
        finally:
            for node in nodes:
                await node.stop()
            recording.cancel()


def main() -> None:
    """Stand before a node until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--http", required=True, help="JSON-RPC of the node behind")
    parser.add_argument("--ws", required=True, help="its WebSocket")
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn")
    arguments = parser.parse_args()
    asyncio.run(_run(http_url=arguments.http, ws_url=arguments.ws, seed=arguments.seed))


if __name__ == "__main__":
    main()
