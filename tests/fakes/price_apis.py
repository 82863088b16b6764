"""Outside sources of prices over real HTTP, told by the test how to behave: Pyth's Hermes, and Jupiter's price API."""

import asyncio
import contextlib
import enum
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from fakes.provider_api import FakeApi

SLOT = 400_000_000


class Ending(enum.Enum):
    """What becomes of a stream once its chunks are out."""

    HELD = "held"
    ENDED = "ended"
    CUT = "cut"


@dataclass
class Script:
    """One answer to one connection."""

    chunks: tuple[bytes, ...] = ()
    ending: Ending = Ending.HELD
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "text/event-stream"


def hermes_price(feed_id: str, price: object, *, publish_time: object, **changes: object) -> dict[str, object]:
    """One of an event's prices, in 10^-8 dollars."""
    told = {"price": price, "conf": "5000000", "expo": -8, "publish_time": publish_time} | changes
    return {"id": feed_id, "price": told, "ema_price": told, "metadata": {"slot": 1, "proof_available_time": 1}}


def hermes_event(*prices: object) -> bytes:
    """One server-sent event."""
    told = {"binary": {"encoding": "base64", "data": ["UE5BVQ=="]}, "parsed": list(prices)}
    return b"data:" + json.dumps(told).encode() + b"\n\n"


class FakeHermes:
    """Answers each connection by the next of `scripts`, and those after the last by a stream that stays open."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.targets: list[str] = []
        self.open: list[web.StreamResponse] = []
        self._over = asyncio.Event()

    @property
    def connect_count(self) -> int:
        return len(self.targets)

    async def say(self, chunk: bytes) -> None:
        """To everybody who is connected."""
        for response in self.open:
            with contextlib.suppress(ConnectionError):
                await response.write(chunk)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.targets.append(request.raw_path)
        script = self.scripts.pop(0) if self.scripts else Script()
        response = web.StreamResponse(
            status=script.status, headers=dict(script.headers) | {"Content-Type": script.content_type}
        )
        response.enable_chunked_encoding()
        await response.prepare(request)
        for chunk in script.chunks:
            await response.write(chunk)
            await asyncio.sleep(0)
        if script.ending is Ending.CUT and request.transport is not None:
            request.transport.close()
        elif script.ending is Ending.HELD:
            self.open.append(response)
            try:
                await self._over.wait()
            finally:
                self.open.remove(response)
        return response

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Gives the base URL."""
        application = web.Application()
        application.router.add_get("/v2/updates/price/stream", self.handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            self._over.set()
            await runner.cleanup()


@dataclass
class FakeJupiterPrices(FakeApi):
    """Jupiter's price API, version 3: knows what is in `usd`, by mint; `changes` go over each of them."""

    base = "/price/v3"
    path = ""

    usd: dict[str, float] = field(default_factory=dict)
    slot: int | None = SLOT

    def answer(self, query: Mapping[str, str]) -> dict[str, Any]:
        asked = query["ids"].split(",")
        return {
            mint: {"usdPrice": self.usd[mint], "blockId": self.slot, "priceChange24h": 1.5} | self.changes
            for mint in asked
            if mint in self.usd
        }
