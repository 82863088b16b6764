"""The Jupiter stand-in over HTTP: `GET /quote`, `GET /program-id-to-label`, error bodies and rate limit headers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from quote_core.clock import Clock
from quote_core.dex.pool import ChainClock, Pool
from quote_core.dex.programs import program_labels
from quote_core.quotes import Provenance, worst_provenance
from quote_core.serving import CallCounter, count_http, http_logger
from quote_core.units import NS_PER_S, Pubkey
from recorded_market.faults import FaultPlan, fault_middleware
from recorded_market.jupiter import price_quote
from recorded_market.jupiter_request import JupiterRefusal, read_quote_request
from recorded_market.listening import bind
from recorded_market.rate_window import RateReading, RateWindow

__all__ = ["JupiterServer"]

API_PREFIX = "/swap/v1"
"""The path on Jupiter's own host; the stand-in answers with and without it."""
STOP_TIMEOUT_S = 0.3


class JupiterServer:
    """Answers quotes from the market's pools. `start`, then `stop`."""

    def __init__(
        self,
        market: Callable[[], tuple[ChainClock, Sequence[Pool]]],
        *,
        provenance: Mapping[Pubkey, Provenance],
        middle_mint: Pubkey,
        rate: RateWindow,
        faults: FaultPlan,
        clock: Clock,
        calls: CallCounter | None = None,
    ) -> None:
        self._calls = calls or CallCounter()
        self._market = market
        self._provenance = provenance
        self._middle_mint = middle_mint
        self._rate = rate
        self._faults = faults
        self._clock = clock
        self._runner: web.AppRunner | None = None
        self.port = 0
        self.request_count = 0
        self.limited_count = 0

    async def start(self, host: str, port: int) -> None:
        """Listen on `port`, 0 for any free one.

        Raises:
            ProviderUnavailable: The port cannot be bound.
        """
        app = web.Application(middlewares=[count_http(self._calls), fault_middleware(self._faults)])
        for prefix in ("", API_PREFIX):
            app.router.add_get(f"{prefix}/quote", self._quote)
            app.router.add_get(f"{prefix}/program-id-to-label", self._labels)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_TIMEOUT_S, logger=http_logger())
        await self._runner.setup()
        bound = bind(host, port)
        await web.SockSite(self._runner, bound).start()
        self.port = bound.getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _quote(self, request: web.Request) -> web.Response:
        started_ns = self._clock.mono_ns()
        self.request_count += 1
        reading = self._rate.take(started_ns)
        headers = self._rate_headers(reading)
        if not reading.is_allowed:
            self.limited_count += 1
            headers["Retry-After"] = str(-(-reading.frees_in_ns // NS_PER_S))
            return _json(429, {"error": "Too many requests", "errorCode": "RATE_LIMITED"}, headers)
        try:
            chain_clock, pools = self._market()
            answer = price_quote(read_quote_request(request.query), pools, chain_clock, middle_mint=self._middle_mint)
        except JupiterRefusal as refusal:
            return _json(400, refusal.body(), headers)
        self._tell_origins(answer, pools)
        answer["timeTaken"] = (self._clock.mono_ns() - started_ns) / NS_PER_S
        return _json(200, answer, headers)

    def _tell_origins(self, answer: Mapping[str, Any], pools: Sequence[Pool]) -> None:
        """Where each pool of the route is from, as `getProvenance` has it: Jupiter's own answer has no such field."""
        held = {pool.address: pool for pool in pools}
        for step in answer["routePlan"]:
            pool = held[step["swapInfo"]["ammKey"]]
            accounts = (pool.address, *(need.pubkey for need in pool.accounts_needed()))
            known = [origin for origin in map(self._provenance.get, accounts) if origin is not None]
            step["swapInfo"]["provenance"] = worst_provenance(known).name.lower()

    async def _labels(self, _request: web.Request) -> web.Response:
        return _json(200, program_labels(), {})

    def _rate_headers(self, reading: RateReading) -> dict[str, str]:
        frees_unix_s = (self._clock.unix_ns() + reading.frees_in_ns) // NS_PER_S
        return {
            "x-ratelimit-current": str(reading.current_count),
            "x-ratelimit-remaining": str(reading.remaining_count),
            "x-ratelimit-reset": str(frees_unix_s),
        }


def _json(status: int, body: object, headers: dict[str, str]) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json", headers=headers)
