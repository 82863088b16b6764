"""The real aggregator inside a test's event loop, on ports of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import aiohttp
import grpc.aio
from fakes.ports import free_port
from fakes.quote_services import FakeExternalService, FakeLocalService, serving
from fakes.tested_source import START_DEADLINE_S, running_service
from fakes.waiting import DEADLINE_S

from aggregator.app import run
from aggregator.settings import AggregatorSettings
from shm import CONTRACT, TableCounts


@dataclass(frozen=True)
class RunningAggregator:
    grpc_address: str
    http_url: str
    shm_dir: Path
    channel: grpc.aio.Channel


UNHURRIED = {"local_timeout": "10s", "external_timeout": "20s"}
"""What a test does not say of time must not decide it: a busy machine takes longer than the delivered 10 and 100 ms."""


async def until_serving(running: RunningAggregator) -> None:
    """Wait for the first quotes: without them single quotes are asked for, within time-outs a busy machine may miss."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(DEADLINE_S):
        while True:
            async with session.get(f"{running.http_url}/v1/health") as answer:  # of anybody, with a token or without
                if answer.status == HTTPStatus.OK:
                    return
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def aggregator_between(
    shm_dir: Path,
    *,
    local: FakeLocalService,
    external: FakeExternalService,
    platform: Mapping[str, object] | None = None,
) -> AsyncIterator[RunningAggregator]:
    """An aggregator that serves already, of these two services."""
    async with (
        serving(local=local) as local_address,
        serving(external=external) as external_address,
        aggregator(
            shm_dir, local_address=local_address, external_address=external_address, platform=platform
        ) as running,
    ):
        await until_serving(running)
        yield running


@contextlib.asynccontextmanager
async def aggregator(
    shm_dir: Path,
    *,
    local_address: str,
    external_address: str,
    counts: TableCounts = CONTRACT,
    platform: Mapping[str, object] | None = None,
    **settings: object,
) -> AsyncIterator[RunningAggregator]:
    grpc_port, http_port = free_port(), free_port()
    of_platform = {
        "shm_entry_count": counts.entries,
        "shm_slot_count": counts.slots,
        "shm_dir": shm_dir,
        "local_quote_address": local_address,
        "external_quote_address": external_address,
        "data_dir": shm_dir / "data",
        "nats_url": f"nats://127.0.0.1:{free_port()}",  # nobody is there
        **(platform or {}),
    }
    own = {"grpc_port": grpc_port, "http_port": http_port, **UNHURRIED, **settings}
    address = f"127.0.0.1:{grpc_port}"
    async with (
        running_service(run, AggregatorSettings, platform=of_platform, own=own) as service,
        grpc.aio.insecure_channel(address) as channel,
    ):
        await _listening(channel, service)
        await _connectable(http_port)
        yield RunningAggregator(address, f"http://127.0.0.1:{http_port}", shm_dir, channel)


async def _listening(channel: grpc.aio.Channel, task: "asyncio.Future[None]") -> None:
    ready = asyncio.create_task(channel.channel_ready())
    await asyncio.wait({ready, task}, timeout=START_DEADLINE_S, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    assert ready.done()


async def _connectable(port: int) -> None:
    """Its HTTP listener comes a little after that of gRPC."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            with contextlib.suppress(ConnectionError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.005)
