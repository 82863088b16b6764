"""Bad days on purpose: a server that is slow, fails, answers nonsense or hangs up, for tests of those who call it."""

import asyncio
import enum
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from quote_core.units import NS_PER_S

__all__ = ["FaultPlan", "fault_middleware"]

RETRY_AFTER_S = "1"


class Fault(enum.Enum):
    """What goes wrong with one request."""

    UNAVAILABLE = "unavailable"
    RATE_LIMITED = "rate_limited"
    GARBAGE = "garbage"
    HANG_UP = "hang_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """How bad it is. With a failure fraction of 0 and no latency nothing is done to a request."""

    latency_ns: int
    failure_fraction: float
    seed: int

    def draws(self) -> Callable[[], Fault | None]:
        """A function that tells for one request after another what goes wrong; the same for the same seed."""
        random = Random(f"faults/{self.seed}")

        def draw() -> Fault | None:
            fails = random.random() < self.failure_fraction
            return random.choice(list(Fault)) if fails else None

        return draw


def fault_middleware(plan: FaultPlan) -> Middleware:
    """Apply `plan` to every request of an aiohttp application."""
    draw = plan.draws()

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = draw()
        if plan.latency_ns:
            await asyncio.sleep(plan.latency_ns / NS_PER_S)
        if fault is Fault.UNAVAILABLE:
            return web.Response(status=503, text="Service Unavailable")
        if fault is Fault.RATE_LIMITED:
            return web.Response(status=429, text="Too Many Requests", headers={"Retry-After": RETRY_AFTER_S})
        if fault is Fault.GARBAGE:
            return web.Response(body=b"<html>\xff\x00{", content_type="application/json")
        if fault is Fault.HANG_UP and request.transport is not None:
            request.transport.close()
        return await handler(request)

    return middleware
