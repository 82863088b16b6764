"""A Solana node in a test's own event loop: accounts it holds, subscriptions it serves, faults it is told to show."""

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import zstandard
from aiohttp import web

from quote_core.dex.pool import Account
from quote_core.units import Pubkey

Fault = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse | None]]


class SolanaNode:
    """Listens on one free port for both HTTP and WebSocket."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.provenance: dict[str, str] | None = None
        self.genesis_hash: str | None = None
        self.slot = 100
        self.requests: list[tuple[str, list[Any]]] = []
        self.fault: Fault | None = None
        self.is_silent = False
        self.sockets: list[web.WebSocketResponse] = []
        self.subscriptions: dict[int, tuple[web.WebSocketResponse, str]] = {}
        self.slot_listeners: list[web.WebSocketResponse] = []
        self.program_listeners: dict[int, web.WebSocketResponse] = {}
        self.refuses_programs = False
        self._numbers = 0
        self._runner: web.AppRunner | None = None
        self.port = 0

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/", self._post)
        app.router.add_get("/", self._websocket)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self.drop_sockets()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def notify_program(self, pubkey: str) -> None:
        """Tell every program subscriber of an account, without its data."""
        for number, socket in self.program_listeners.items():
            value = {"pubkey": pubkey, "account": {"data": ["", "base64"]}}
            await _notify(socket, "programNotification", number, {"context": {"slot": self.slot}, "value": value})

    async def drop_sockets(self) -> None:
        """Close every WebSocket, as a node that restarts does."""
        sockets, self.sockets = self.sockets, []
        self.subscriptions.clear()
        self.slot_listeners.clear()
        for socket in sockets:
            await socket.close()

    def methods(self) -> list[str]:
        return [method for method, _ in self.requests]

    def subscribed(self) -> set[str]:
        return {pubkey for _, pubkey in self.subscriptions.values()}

    async def set_account(self, pubkey: str, account: Account | None, *, slot: int | None = None) -> None:
        """Change an account and notify whoever subscribed to it."""
        self.slot = max(self.slot, slot or 0)
        if account is None:
            self.accounts.pop(pubkey, None)
        else:
            self.accounts[pubkey] = account
        value = _account_json(account or Account(Pubkey("1" * 32), b"", 0), "base64")
        result = {"context": {"slot": slot or self.slot}, "value": value}
        for number, (socket, subscribed) in list(self.subscriptions.items()):
            if subscribed == pubkey:
                await _notify(socket, "accountNotification", number, result)

    async def tick(self) -> None:
        """Begin the next slot."""
        self.slot += 1
        for socket in self.slot_listeners:
            await _notify(socket, "slotNotification", 0, {"slot": self.slot, "parent": self.slot - 1, "root": 1})

    async def send_text(self, text: str) -> None:
        """Say something to every listener, whatever it is."""
        for socket in self.sockets:
            await socket.send_str(text)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        call = await request.json()
        self.requests.append((call["method"], call["params"]))
        if self.fault is not None:
            answer = await self.fault(request, call)
            if answer is not None:
                return answer
        return web.json_response({"jsonrpc": "2.0", "id": call["id"], **self._answer(call["method"], call["params"])})

    def _answer(self, method: str, params: list[Any]) -> dict[str, Any]:
        context = {"slot": self.slot, "apiVersion": "2.0"}
        if method == "getSlot":
            return {"result": self.slot}
        if method == "getMultipleAccounts":
            values = [self._held(pubkey, params[1]["encoding"]) for pubkey in params[0]]
            return {"result": {"context": context, "value": values}}
        if method == "getProgramAccounts":
            found = [
                {"pubkey": pubkey, "account": self._held(pubkey, params[1]["encoding"])}
                for pubkey, account in self.accounts.items()
                if account.owner == params[0] and _matches(account, params[1]["filters"])
            ]
            return {"result": {"context": context, "value": found}}
        if method == "getGenesisHash" and self.genesis_hash is not None:
            return {"result": self.genesis_hash}
        if method == "getProvenance" and self.provenance is not None:
            return {"result": [self.provenance.get(pubkey) for pubkey in params[0]]}
        return {"error": {"code": -32601, "message": "Method not found"}}

    def _held(self, pubkey: str, encoding: str) -> dict[str, Any] | None:
        account = self.accounts.get(pubkey)
        return None if account is None else _account_json(account, encoding)

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT and not self.is_silent:
                await self._told(socket, json.loads(message.data))
        return socket

    async def _told(self, socket: web.WebSocketResponse, call: dict[str, Any]) -> None:
        self.requests.append((call["method"], call["params"]))
        self._numbers += 1
        result: Any = self._numbers
        if call["method"] == "slotSubscribe":
            self.slot_listeners.append(socket)
        elif call["method"] == "accountSubscribe":
            self.subscriptions[self._numbers] = socket, call["params"][0]
        elif call["method"] == "programSubscribe" and self.refuses_programs:
            error = {"code": -32601, "message": "Method not found"}
            await socket.send_str(json.dumps({"jsonrpc": "2.0", "id": call["id"], "error": error}))
            return
        elif call["method"] == "programSubscribe":
            self.program_listeners[self._numbers] = socket
        elif call["method"] == "accountUnsubscribe":
            result = self.subscriptions.pop(call["params"][0], None) is not None
        await socket.send_str(json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": result}))


async def _notify(socket: web.WebSocketResponse, method: str, number: int, result: object) -> None:
    message = {"jsonrpc": "2.0", "method": method, "params": {"subscription": number, "result": result}}
    await socket.send_str(json.dumps(message))


def _account_json(account: Account, encoding: str) -> dict[str, Any]:
    data = zstandard.compress(account.data) if encoding == "base64+zstd" else account.data
    return {
        "lamports": account.lamports,
        "owner": account.owner,
        "executable": False,
        "rentEpoch": 2**64 - 1,
        "space": len(account.data),
        "data": [base64.b64encode(data).decode(), encoding],
    }


def _matches(account: Account, filters: list[dict[str, Any]]) -> bool:
    for one in filters:
        if "dataSize" in one and len(account.data) != one["dataSize"]:
            return False
        if "memcmp" in one:
            wanted = base64.b64decode(one["memcmp"]["bytes"])
            if not account.data.startswith(wanted, one["memcmp"]["offset"]):
                return False
    return True
