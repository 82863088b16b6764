"""Bad days on purpose: a server that is slow, fails, answers nonsense or hangs up, for tests of those who call it."""

import asyncio
import enum
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from quote_core.units import NS_PER_S

__all__ = ["Fault", "FaultPlan", "RequestedFaults", "fault_middleware"]

RETRY_AFTER_S = "1"


class Fault(enum.Enum):
    """What goes wrong with one request."""

    UNAVAILABLE = "unavailable"
    RATE_LIMITED = "rate_limited"
    GARBAGE = "garbage"
    HANG_UP = "hang_up"
    SILENCE = "silence"


_DRAWN: Final = (Fault.UNAVAILABLE, Fault.RATE_LIMITED, Fault.GARBAGE, Fault.HANG_UP)


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
            return random.choice(_DRAWN) if fails else None

        return draw


class RequestedFaults:
    """What is to go wrong with the next requests, because somebody asked for it."""

    def __init__(self) -> None:
        self._fault = Fault.UNAVAILABLE
        self._left_count = 0
        self._retry_after = ""

    def request(self, fault: Fault, count: int, retry_after: str) -> None:
        """Let the next `count` requests end so, a 429 with this `Retry-After`; what was asked for before is over."""
        self._fault, self._left_count, self._retry_after = fault, count, retry_after

    def take(self) -> tuple[Fault | None, str]:
        """What goes wrong with one request, and its `Retry-After`."""
        if not self._left_count:
            return None, ""
        self._left_count -= 1
        return self._fault, self._retry_after


def fault_middleware(plan: FaultPlan, requested: RequestedFaults | None = None) -> Middleware:
    """Apply `plan`, and what is `requested`, to every request of an aiohttp application."""
    draw = plan.draws()

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        fault, retry_after = (None, "") if requested is None else requested.take()
        fault = fault or draw()
        if plan.latency_ns:
            await asyncio.sleep(plan.latency_ns / NS_PER_S)
        if fault is Fault.UNAVAILABLE:
            return web.Response(status=503, text="Service Unavailable")
        if fault is Fault.RATE_LIMITED:
            return web.Response(
                status=429, text="Too Many Requests", headers={"Retry-After": retry_after or RETRY_AFTER_S}
            )
        if fault is Fault.GARBAGE:
            return web.Response(body=b"<html>\xff\x00{", content_type="application/json")
        if fault is Fault.HANG_UP and request.transport is not None:
            request.transport.close()
        if fault is Fault.SILENCE:
            await asyncio.Event().wait()  # until the client has enough, or the server ends
        return await handler(request)

    return middleware
