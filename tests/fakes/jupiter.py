"""Jupiter's swap v1 quote over HTTP, told by the test how to behave."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

POOL = "HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ"


@dataclass
class FakeJupiter:
    """Answers every amount at `rate`; `refusals` are answered first, one a request."""

    rate: float = 0.14
    requests: list[dict[str, str]] = field(default_factory=list)
    api_keys: list[str | None] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    chunk_bytes: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def quote(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        self.requests.append(query)
        self.api_keys.append(request.headers.get("x-api-key"))
        await self.gate.wait()
        if self.refusals:
            status, headers, body = self.refusals.pop(0)
            return web.Response(status=status, headers=headers, body=body)
        out = str(int(int(query["amount"]) * self.rate))
        answer = {
            "inputMint": query["inputMint"],
            "inAmount": query["amount"],
            "outputMint": query["outputMint"],
            "outAmount": out,
            "otherAmountThreshold": out,
            "swapMode": "ExactIn",
            "slippageBps": int(query["slippageBps"]),
            "platformFee": None,
            "priceImpactPct": "0.0015",
            "routePlan": [
                {
                    "swapInfo": {
                        "ammKey": POOL,
                        "label": "Whirlpool",
                        "inputMint": query["inputMint"],
                        "outputMint": query["outputMint"],
                        "inAmount": query["amount"],
                        "outAmount": out,
                        "feeAmount": "17",
                        "feeMint": query["inputMint"],
                    },
                    "percent": 100,
                }
            ],
            "contextSlot": 4242,
            "timeTaken": 0.01,
        }
        if not self.chunk_bytes:
            return web.json_response(answer | self.changes, headers=self.headers)
        response = web.StreamResponse(headers=self.headers)
        await response.prepare(request)
        body = json.dumps(answer | self.changes).encode()
        for start in range(0, len(body), self.chunk_bytes):
            await response.write(body[start : start + self.chunk_bytes])
            await asyncio.sleep(0)
        return response


@contextlib.asynccontextmanager
async def serving_jupiter(jupiter: FakeJupiter) -> AsyncIterator[str]:
    """Gives the base URL."""
    application = web.Application()
    application.router.add_get("/swap/v1/quote", jupiter.quote)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/swap/v1"
    finally:
        jupiter.gate.set()
        await runner.cleanup()
