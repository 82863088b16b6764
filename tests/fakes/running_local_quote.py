"""The real local quote service inside a test's event loop, on a port of its own."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
from fakes.ports import free_port
from fakes.tested_source import START_DEADLINE_S, TESTED_SOURCE, running_service
from fakes.waiting import DEADLINE_S
from grpc_health.v1 import health_pb2, health_pb2_grpc

from local_quote.app import run
from local_quote.settings import LocalQuoteSettings
from quote_core.generated.solquote.v1 import local_quote_pb2_grpc, quotes_pb2


@dataclass(frozen=True)
class RunningLocalQuote:
    address: str
    channel: grpc.aio.Channel
    stub: "local_quote_pb2_grpc.LocalQuoteServiceAsyncStub"

    async def is_serving(self) -> bool:
        """What `grpc.health.v1` says."""
        answer = await health_pb2_grpc.HealthStub(self.channel).Check(health_pb2.HealthCheckRequest())
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    async def until_serving(self, *, serving: bool = True) -> None:
        """Wait for `grpc.health.v1` to say so."""
        until = time.monotonic() + DEADLINE_S
        while await self.is_serving() is not serving:
            assert time.monotonic() < until, f"serving never became {serving}"
            await asyncio.sleep(0.02)

    async def figure(self, name: str) -> float:
        """One figure of `Health`."""
        health = await self.stub.Health(quotes_pb2.HealthRequest())
        return float(health.figures[name])

    async def until_figure(self, name: str, value: float) -> None:
        """Wait for a figure of `Health`."""
        until = time.monotonic() + DEADLINE_S
        while (seen := await self.figure(name)) != value:
            assert time.monotonic() < until, f"{name} is {seen}, never became {value}"
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def local_quote(
    *,
    rpc_url: str = "",
    rpc_ws_url: str = "",
    rpc_urls: Sequence[str] = (),
    tokens_path: Path | None = None,
    nats_url: str = "",
    rpc_slot_lag_max: int = 10,
    **settings: object,
) -> AsyncIterator[RunningLocalQuote]:
    """Run the service with `settings` against a node, or several, until the context ends."""
    port = free_port()
    one: dict[str, object] = {"rpc_url": rpc_url, "rpc_ws_url": rpc_ws_url}
    own: dict[str, object] = {} if TESTED_SOURCE else {"warm_start": False}  # all share the user's data folder
    own |= {} if nats_url or TESTED_SOURCE else {"market_events": False}  # nobody else's bus hears of a test
    several: dict[str, object] = {"rpc_urls": " ".join(rpc_urls), "rpc_slot_lag_max": rpc_slot_lag_max}
    platform = several if rpc_urls else one
    if tokens_path is not None:
        platform["tokens_path"] = tokens_path
    if nats_url:
        platform["nats_url"] = nats_url
    async with (
        running_service(run, LocalQuoteSettings, platform=platform, own={"grpc_port": port, **own, **settings}),
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        async with asyncio.timeout(START_DEADLINE_S):
            await channel.channel_ready()
        yield RunningLocalQuote(f"127.0.0.1:{port}", channel, local_quote_pb2_grpc.LocalQuoteServiceStub(channel))
