"""A provider's API over real HTTP, told by the test how to behave. What it answers is for each provider to say."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from aiohttp import web

POOL = "HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ"


@dataclass
class FakeApi:
    """Answers every amount at `rate`; `refusals` are answered first, one a request."""

    base: ClassVar[str] = ""
    """Path of the base URL."""
    path: ClassVar[str] = ""

    rate: float = 0.14
    requests: list[dict[str, str]] = field(default_factory=list)
    request_headers: list[Mapping[str, str]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    """Put over the fields of the quote."""
    chunk_bytes: int = 0
    cut_bytes: int = 0
    """So many bytes of the answer are promised and never sent."""
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def api_keys(self) -> list[str | None]:
        """What each request had for a key."""
        return [headers.get("x-api-key") for headers in self.request_headers]

    def quote(self, query: Mapping[str, str], out: str) -> dict[str, Any]:
        """The quote as this API gives it."""
        raise NotImplementedError

    def envelope(self, quote: dict[str, Any]) -> dict[str, Any]:
        """What is around it."""
        return quote

    def answer(self, query: Mapping[str, str]) -> dict[str, Any]:
        """The whole answer."""
        out = str(int(int(query["amount"]) * self.rate))
        return self.envelope(self.quote(query, out) | self.changes)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        self.requests.append(query)
        self.request_headers.append(request.headers)
        self.targets.append(request.raw_path)
        await self.gate.wait()
        if self.refusals:
            status, headers, body = self.refusals.pop(0)
            return web.Response(status=status, headers=headers, body=body)
        body = json.dumps(self.answer(query)).encode()
        response = web.StreamResponse(headers=self.headers | {"Content-Type": "application/json"})
        if self.cut_bytes:
            response.content_length = len(body)
            body = body[: -self.cut_bytes]
        await response.prepare(request)
        step = self.chunk_bytes or len(body)
        for start in range(0, len(body), step):
            await response.write(body[start : start + step])
            await asyncio.sleep(0)
        if self.cut_bytes and request.transport is not None:
            request.transport.close()
        return response


@contextlib.asynccontextmanager
async def serving(api: FakeApi) -> AsyncIterator[str]:
    """Gives the base URL."""
    application = web.Application()
    application.router.add_get(f"{api.base}{api.path}", api.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}{api.base}"
    finally:
        api.gate.set()
        await runner.cleanup()


class FakeJupiter(FakeApi):
    """Jupiter's swap v1."""

    base = "/swap/v1"
    path = "/quote"

    def quote(self, query: Mapping[str, str], out: str) -> dict[str, Any]:
        swap = {
            "ammKey": POOL,
            "label": "Whirlpool",
            "inputMint": query["inputMint"],
            "outputMint": query["outputMint"],
            "inAmount": query["amount"],
            "outAmount": out,
            "feeAmount": "17",
            "feeMint": query["inputMint"],
        }
        return {
            "inputMint": query["inputMint"],
            "inAmount": query["amount"],
            "outputMint": query["outputMint"],
            "outAmount": out,
            "otherAmountThreshold": out,
            "swapMode": "ExactIn",
            "slippageBps": int(query["slippageBps"]),
            "platformFee": None,
            "priceImpactPct": "0.0015",
            "routePlan": [{"swapInfo": swap, "percent": 100}],
            "contextSlot": 4242,
            "timeTaken": 0.01,
        }


class FakeDflow(FakeApi):
    """DFlow's imperative quote."""

    path = "/quote"

    def quote(self, query: Mapping[str, str], out: str) -> dict[str, Any]:
        leg = {
            "venue": "Whirlpools",
            "marketKey": POOL,
            "data": "0;1",
            "inputMint": query["inputMint"],
            "outputMint": query["outputMint"],
            "inAmount": query["amount"],
            "outAmount": out,
            "inputMintDecimals": 9,
            "outputMintDecimals": 6,
        }
        return {
            "inputMint": query["inputMint"],
            "inAmount": query["amount"],
            "outputMint": query["outputMint"],
            "outAmount": out,
            "otherAmountThreshold": out,
            "minOutAmount": out,
            "slippageBps": int(query["slippageBps"]),
            "platformFee": None,
            "priceImpactPct": "0.0015",
            "routePlan": [leg],
            "contextSlot": 4242,
            "simulatedComputeUnits": 90_000,
            "requestId": "r",
        }


class FakeOkx(FakeApi):
    """OKX's aggregator, API v6."""

    path = "/api/v6/dex/aggregator/quote"

    def quote(self, query: Mapping[str, str], out: str) -> dict[str, Any]:
        tokens = {
            "fromToken": {"tokenContractAddress": query["fromTokenAddress"], "tokenSymbol": "SOL", "decimal": "9"},
            "toToken": {"tokenContractAddress": query["toTokenAddress"], "tokenSymbol": "USDC", "decimal": "6"},
        }
        leg = {"dexProtocol": {"dexName": "Whirlpool", "percent": "100"}, **tokens}
        return {
            "chainIndex": "501",
            "contextSlot": 4242,
            "dexRouterList": [leg],
            **tokens,
            "fromTokenAmount": query["amount"],
            "toTokenAmount": out,
            "estimateGasFee": "90000",
            "tradeFee": "0.01",
            "priceImpactPercent": "-0.15",
            "router": "SOL--USDC",
        }

    def envelope(self, quote: dict[str, Any]) -> dict[str, Any]:
        return {"code": "0", "msg": "", "data": [quote]}


class FakeRaydium(FakeApi):
    """Raydium's trade API."""

    path = "/compute/swap-base-in"

    def quote(self, query: Mapping[str, str], out: str) -> dict[str, Any]:
        leg = {
            "poolId": POOL,
            "inputMint": query["inputMint"],
            "outputMint": query["outputMint"],
            "feeMint": query["inputMint"],
            "feeRate": 4,
            "feeAmount": "17",
            "remainingAccounts": [],
            "lastPoolPriceX64": "1",
        }
        return {
            "swapType": "BaseIn",
            "inputMint": query["inputMint"],
            "inputAmount": query["amount"],
            "outputMint": query["outputMint"],
            "outputAmount": out,
            "otherAmountThreshold": out,
            "slippageBps": int(query["slippageBps"]),
            "priceImpactPct": 0.15,
            "referrerAmount": "0",
            "routePlan": [leg],
        }

    def envelope(self, quote: dict[str, Any]) -> dict[str, Any]:
        return {"id": "i", "success": True, "version": "V1", "data": quote}
