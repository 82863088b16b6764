"""Where webhooks end: a real HTTP server that keeps what it is posted, and answers as the test says."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from fakes.ports import HOST, free_port


@dataclass
class HookServer:
    """`refusals` are answered first, one a request; then each is taken as the services take it, by path."""

    url: str = ""
    posted: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    refusals: list[tuple[int, Mapping[str, str], bytes]] = field(default_factory=list)
    refuses_always: int = 0
    refuses_content: tuple[str, str] = ("", "")
    """A path's beginning and a text: what is posted there with that in it is answered with 400."""

    def contents(self, path: str) -> list[Mapping[str, Any]]:
        """What was posted to a path."""
        return [content for where, content in self.posted if where.startswith(path)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        content = json.loads(await request.read())
        assert request.content_type == "application/json"
        where, text = self.refuses_content
        is_wrong = bool(text) and request.path.startswith(where) and text in json.dumps(content)
        if self.refuses_always or is_wrong:
            return web.Response(status=self.refuses_always or 400)
        if self.refusals:
            status, headers, body = self.refusals.pop(0)
            return web.Response(status=status, headers=headers, body=body)
        self.posted.append((request.path, content))
        match request.path.split("/")[1]:
            case "services":  # Slack
                return web.Response(text="ok")
            case "api":  # Discord
                return web.Response(status=204)
            case "v2":  # PagerDuty
                told = {"status": "success", "message": "Event processed", "dedup_key": content["dedup_key"]}
                return web.json_response(told, status=202)
        return web.json_response({"ok": True, "result": {"message_id": 1}})  # Telegram


@contextlib.asynccontextmanager
async def hook_server(port: int | None = None) -> AsyncIterator[HookServer]:
    """Serve."""
    server = HookServer()
    application = web.Application()
    application.router.add_post("/{path:.*}", server.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    port = port or free_port()
    await web.TCPSite(runner, HOST, port).start()
    server.url = f"http://{HOST}:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()


@contextlib.contextmanager
def hook_server_beside() -> Iterator[HookServer]:
    """The same for a test that is not asyncio's: on a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    serving = hook_server()
    try:
        server = asyncio.run_coroutine_threadsafe(serving.__aenter__(), loop).result()
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(serving.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
