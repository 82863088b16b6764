"""The page's routes, and the work behind them: begun for the first viewer, ended some seconds after the last."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, Protocol

import orjson
import structlog
from aiohttp import hdrs, web

from aggregator.page.assets import HEADERS, INDEX, build_of, load_assets
from aggregator.page.board import Board
from aggregator.page.guard import why_not_ours, why_not_posted_by_us
from aggregator.page.switch import Asked, ManagerSwitch
from quote_core.cancellation import heed_cancellation
from quote_core.clock import Clock
from quote_core.errors import InvalidField
from quote_core.json_dialect import error_answer, json_text
from quote_core.units import LAMPORTS_PER_SOL, NS_PER_MS
from quote_core.web.admission import may_go_on

__all__ = ["Page", "Panel"]

_FRAME_S_MIN: Final = 0.1
"""A viewer gets at most ten frames a second."""
_PULSE_S: Final = 1.0
_RETRY_S: Final = 5.0

_UNHELD: Final = {hdrs.CACHE_CONTROL: "no-store", "X-Accel-Buffering": "no"}
"""A proxy in between passes on what comes as it comes."""

_log: Final = structlog.get_logger(part="page")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Panel(Protocol):
    """Fills some topics."""

    async def run(self, board: Board) -> None:
        """Put them until cancelled."""
        ...


class Page:
    """Serves the page.

    Args:
        panels: What is on it.
        switch: One of them, and the way to the manager.
        version: Of the platform.
        amounts: The sizes a viewer may look at, smallest units of a pair's base token.
        size: The index of the one shown at first.
        hosts: See `guard`.
        viewer_count_max: See `Board`.
        clock: For the time of day.
        send_s_max: A browser that takes nothing for so long is sent away.
        linger_s: How long the work goes on after the last viewer: one that loads the page again finds all of it.
    """

    def __init__(
        self,
        panels: Sequence[Panel],
        switch: ManagerSwitch,
        *,
        version: str,
        amounts: Sequence[int],
        size: int,
        hosts: Collection[str],
        viewer_count_max: int,
        clock: Clock,
        send_s_max: float = 10.0,
        linger_s: float = 10.0,
    ) -> None:
        self._panels = (*panels, switch)
        self._switch = switch
        self._hosts = hosts
        self._clock = clock
        self._send_s_max = send_s_max
        self._linger_s = linger_s
        self._assets = load_assets()
        self._size = size
        self._size_count = len(amounts)
        self._hello = {
            "version": version,
            "build": build_of(self._assets),
            "sizes": [amount / LAMPORTS_PER_SOL for amount in amounts],
            "size": size,
        }
        self.board = Board(viewer_count_max=viewer_count_max)

    def routes(self) -> list[web.RouteDef]:
        """All that is the page's."""
        return [
            web.get("/", self._guarded(self._index)),
            web.get("/page/live", self._guarded(self._live), allow_head=False),
            web.post("/page/switch", self._guarded(self._change)),
            web.get("/page/{name}", self._guarded(self._asset)),
        ]

    async def run(self) -> None:
        """Work while there are viewers, for ever."""
        while True:
            await self.board.watched()
            self.board.put("hello", self._hello)
            working = [asyncio.create_task(self._keep(panel)) for panel in self._panels]
            working.append(asyncio.create_task(self._pulse()))
            try:
                await self.board.deserted(for_s=self._linger_s)
            finally:
                for task in working:
                    task.cancel()
                await asyncio.gather(*working, return_exceptions=True)
            self.board.clear()

    async def _keep(self, panel: Panel) -> None:
        """Run a panel; whatever is wrong with it is its own matter, and not the quotes'."""
        while True:
            try:
                await panel.run(self.board)
            except Exception as error:  # noqa: BLE001  # see above
                _log.error("a panel of the page failed", panel=type(panel).__name__, exc_info=error)
                heed_cancellation()
            await asyncio.sleep(_RETRY_S)

    async def _pulse(self) -> None:
        while True:
            self.board.put("pulse", {"unix_ms": self._clock.unix_ns() // NS_PER_MS, "viewer_count": len(self.board)})
            await asyncio.sleep(_PULSE_S)

    def _guarded(self, handler: _Handler) -> _Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            reason = why_not_ours(request.headers, hosts=self._hosts)
            if reason:
                return _refused(reason, "PERMISSION_DENIED", HTTPStatus.FORBIDDEN)
            return await handler(request)

        return guarded

    async def _index(self, request: web.Request) -> web.Response:
        return self._file(request, INDEX)

    async def _asset(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._assets:
            raise web.HTTPNotFound
        return self._file(request, name)

    def _file(self, request: web.Request, name: str) -> web.Response:
        asset = self._assets[name]
        headers = {**HEADERS, hdrs.CACHE_CONTROL: "no-cache", hdrs.ETAG: f'"{asset.etag}"'}
        if any(tag.value == asset.etag for tag in request.if_none_match or ()):
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        return web.Response(body=asset.body, content_type=asset.content_type, charset="utf-8", headers=headers)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        """Every topic once, then what is new of any, as it is by then."""
        with self.board.viewer(self._wanted_size(request)) as viewer:
            response = web.StreamResponse(headers={**HEADERS, **_UNHELD})
            response.content_type = "text/event-stream"
            await response.prepare(request)
            try:
                while (frame := await self.board.frame(viewer)) is not None and may_go_on(request):
                    async with asyncio.timeout(self._send_s_max):
                        await response.write(frame)
                    await asyncio.sleep(_FRAME_S_MIN)
            except (TimeoutError, ConnectionError):  # it takes nothing, or is gone
                request.protocol.force_close()
            return response

    def _wanted_size(self, request: web.Request) -> int:
        text = request.query.get("size", str(self._size))
        if not (text.isascii() and text.isdecimal() and int(text) < self._size_count):
            raise InvalidField("size", f"must be the index of a size, 0 to {self._size_count - 1}")
        return int(text)

    async def _change(self, request: web.Request) -> web.Response:
        reason = why_not_posted_by_us(request.headers)
        if reason:
            return _refused(reason, "PERMISSION_DENIED", HTTPStatus.FORBIDDEN)
        try:
            content = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            raise InvalidField("body", "is not JSON") from None  # not a word of it: it may hold the token
        answered = await self._switch.change(Asked.model_validate(content))
        return _json(answered.content, answered.status)

    def close(self) -> None:
        """Send the viewers away."""
        self.board.close()


def _refused(sentence: str, code: str, status: int) -> web.Response:
    return _json(error_answer(sentence, code), status)


def _json(content: Mapping[str, Any], status: int) -> web.Response:
    headers = {**HEADERS, hdrs.CACHE_CONTROL: "no-store"}
    return web.json_response(content, status=status, headers=headers, dumps=json_text)
