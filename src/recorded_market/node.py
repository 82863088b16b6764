"""The node's two servers: JSON-RPC over HTTP on one port, subscriptions over WebSocket on the next, as validators do.

A WebSocket is taken on the first port too: providers have both on one, and clients make the one address of the other.

Moves bytes only: what to answer is decided in `rpc_methods` and `subscriptions`. A WebSocket client that does not
read fast enough is cut off when its queue is full: it would get the past otherwise, and must read anew anyway.
"""

import asyncio
import contextlib
from functools import partial
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, hdrs, web

from quote_core.serving import CallCounter, count_http, http_logger
from quote_core.units import NS_PER_S
from recorded_market.faults import FaultPlan, RequestedFaults, fault_middleware
from recorded_market.jsonrpc import Call, answer_request
from recorded_market.listening import bind_neighbours
from recorded_market.subscriptions import SubscriptionHub

__all__ = ["Node", "NodeCounters"]

BODY_SIZE_BYTES_MAX = 50 * 1024
"""The limit of a node; 100 addresses need about 5 kB."""
QUEUE_SIZE_BYTES_MAX = 8 << 20
"""Messages waiting for one WebSocket client: about a minute of all accounts of a busy market."""
CONNECTION_COUNT_MAX = 256
STOP_TIMEOUT_S = 0.3


class NodeCounters:
    """What happened since start."""

    def __init__(self) -> None:
        self.requests = 0
        self.websockets = 0
        self.slow_clients_cut = 0


class Node:
    """Serves one market. `start`, then `stop`.

    With a `websocket_life_ns` above 0 every WebSocket connection is dropped at that age, without a word of farewell.
    """

    def __init__(
        self,
        call: Call,
        hub: SubscriptionHub,
        faults: FaultPlan,
        *,
        websocket_life_ns: int = 0,
        calls: CallCounter | None = None,
        requested_faults: RequestedFaults | None = None,
    ) -> None:
        self._calls = calls or CallCounter()
        self._call = call
        self._faults = faults
        self._requested_faults = requested_faults
        self._websocket_life_ns = websocket_life_ns
        self._hub = hub
        self._connections: set[_Connection] = set()
        self._runners: list[web.AppRunner] = []
        self.counters = NodeCounters()
        self.rpc_port = 0
        self.websocket_port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen on `port` and `port + 1`; port 0 takes any two free neighbours.

        Raises:
            ProviderUnavailable: A port cannot be bound.
        """
        self._runners = [self._http_runner(), self._websocket_runner()]
        for runner in self._runners:
            await runner.setup()
        sockets = bind_neighbours(host, port)
        for runner, bound in zip(self._runners, sockets, strict=True):
            await web.SockSite(runner, bound).start()
        self.rpc_port, self.websocket_port = (bound.getsockname()[1] for bound in sockets)

    async def stop(self) -> None:
        """Close every connection and both ports."""
        for connection in list(self._connections):
            connection.close(WSCloseCode.GOING_AWAY)
        await asyncio.gather(*(runner.cleanup() for runner in self._runners))

    @property
    def websocket_count(self) -> int:
        """WebSocket clients connected now."""
        return len(self._connections)

    def _http_runner(self) -> web.AppRunner:
        app = web.Application(
            client_max_size=BODY_SIZE_BYTES_MAX,
            middlewares=[count_http(self._calls), fault_middleware(self._faults, self._requested_faults)],
        )
        app.router.add_post("/", self._post)
        app.router.add_get("/health", self._health)
        app.router.add_get("/", self._upgrade)
        return web.AppRunner(app, access_log=None, shutdown_timeout=STOP_TIMEOUT_S, logger=http_logger())

    def _websocket_runner(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/", self._websocket)
        return web.AppRunner(app, access_log=None, shutdown_timeout=STOP_TIMEOUT_S, logger=http_logger())

    async def _post(self, request: web.Request) -> web.Response:
        self.counters.requests += 1
        if request.content_type != "application/json":
            return web.Response(
                status=415, text="Supplied content type is not allowed. Content-Type: application/json is required\n"
            )
        answer = answer_request(await request.read(), self._call)
        return web.Response(body=answer or b"", content_type="application/json")

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _upgrade(self, request: web.Request) -> web.StreamResponse:
        """A client that makes its WebSocket address of the HTTP one by the scheme alone, as providers allow."""
        if request.headers.get(hdrs.UPGRADE, "").lower() != "websocket":
            raise web.HTTPMethodNotAllowed(request.method, ("POST",))
        return await self._websocket(request)

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        if len(self._connections) >= CONNECTION_COUNT_MAX:
            return web.Response(status=503, text=f"at most {CONNECTION_COUNT_MAX} WebSocket clients\n")
        self.counters.websockets += 1
        connection = _Connection(self.counters, life_s=self._websocket_life_ns / NS_PER_S or None)
        self._connections.add(connection)
        try:
            return await connection.serve(request, self._hub)
        finally:
            self._connections.discard(connection)
            self._hub.forget(connection)


class _Connection:
    """One WebSocket client: reads requests, writes answers and notifications in order."""

    def __init__(self, counters: NodeCounters, *, life_s: float | None) -> None:
        self._counters = counters
        self._life_s = life_s
        self._socket = web.WebSocketResponse(max_msg_size=BODY_SIZE_BYTES_MAX, autoping=True, compress=False)
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._queued_bytes = 0
        self._closing: asyncio.Future[WSCloseCode] = asyncio.get_running_loop().create_future()

    def offer(self, message: bytes) -> None:
        """Queue one message; a client whose queue is full is cut off."""
        if self._closing.done():
            return
        if self._queued_bytes + len(message) > QUEUE_SIZE_BYTES_MAX:
            self._counters.slow_clients_cut += 1
            self.close(WSCloseCode.TRY_AGAIN_LATER)
            return
        self._queued_bytes += len(message)
        self._outbox.put_nowait(message)

    def close(self, code: WSCloseCode) -> None:
        """End the connection soon."""
        if not self._closing.done():
            self._closing.set_result(code)

    async def serve(self, request: web.Request, hub: SubscriptionHub) -> web.StreamResponse:
        """Run until the client goes, is cut off, or the node stops."""
        await self._socket.prepare(request)
        tasks = [asyncio.create_task(self._read(hub)), asyncio.create_task(self._write())]
        endings: list[asyncio.Future[Any]] = [*tasks, self._closing]
        try:
            ended, _ = await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED, timeout=self._life_s)
            if not ended and request.transport is not None:
                request.transport.abort()
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError):
                raise outcome  # a mistake of ours, which the server logs; a client that is gone is none
        code = self._closing.result() if self._closing.done() else WSCloseCode.OK
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._socket.close(code=code)
        return self._socket

    async def _read(self, hub: SubscriptionHub) -> None:
        async for message in self._socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            answer = answer_request(message.data, partial(hub.call, self))
            if answer is not None:
                self.offer(answer)

    async def _write(self) -> None:
        while True:
            message = await self._outbox.get()
            await self._socket.send_str(message.decode())
            self._queued_bytes -= len(message)
