"""Asks every one of several endpoints for its slot now and again, so that those not read from are known, too.

One endpoint alone is not watched: whoever reads from it learns the same.
"""

import asyncio
import contextlib
import random
from typing import Final

import structlog

from quote_core.errors import UpstreamError
from quote_core.solana.endpoint_health import EndpointState
from quote_core.solana.endpoints import Endpoint
from quote_core.solana.rpc import RpcClient

__all__ = ["EndpointWatch"]

_NO_DIGITS: Final = str.maketrans("", "", "0123456789")


class EndpointWatch:
    """Watches the endpoints of `rpc`, and logs when one comes to stand otherwise."""

    def __init__(self, rpc: RpcClient, *, interval_s: float) -> None:
        self._rpc = rpc
        self._interval_s = interval_s
        self._told: dict[str, str] = {}
        self._log = structlog.get_logger(part="endpoints")

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for endpoint in self._rpc.endpoints if len(self._rpc.endpoints) > 1 else ():
                tasks.create_task(self._watch(endpoint))
            await asyncio.Event().wait()

    async def _watch(self, endpoint: Endpoint) -> None:
        while True:
            if endpoint.health.state is not EndpointState.COOLING:
                with contextlib.suppress(UpstreamError):
                    await self._rpc.watch(endpoint)
            self._tell(endpoint)
            await asyncio.sleep(self._interval_s * random.uniform(0.9, 1.1))

    def _tell(self, endpoint: Endpoint) -> None:
        standing = self._rpc.endpoints.standing(endpoint)
        kind = standing.translate(_NO_DIGITS)  # how far and how long is no other standing
        if kind == self._told.get(endpoint.name, ""):
            return
        self._told[endpoint.name] = kind
        if standing:
            self._log.warning("endpoint is not well", endpoint=endpoint.name, standing=standing)
        else:
            self._log.info("endpoint is well again", endpoint=endpoint.name)
