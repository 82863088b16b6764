import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.nats_server import NatsServer
from fakes.pipeline_process import pipeline_process, until
from fakes.waiting import DEADLINE_S
from nats.js.api import StorageType, StreamConfig

from pipeline.initializer.repair import Repairs, repair
from pipeline.initializer.sizing import shortened
from pipeline.initializer.streams import STREAMS
from quote_core.bus import Bus, connect
from quote_core.bus.lease_bucket import LEASE_STREAM
from quote_core.errors import ProviderUnavailable
from quote_core.events import Stream

pytestmark = pytest.mark.integration


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    async with connect(nats_url, name="test") as connected:
        yield connected


async def stream_names(bus: Bus) -> set[str]:
    return {str(info.config.name) for info in await bus.jetstream.streams_info()}


async def test_streams_are_made_once_and_a_second_pass_changes_nothing(bus: Bus) -> None:
    assert await repair(bus, STREAMS) == Repairs(made=(*(plan.stream.value for plan in STREAMS), LEASE_STREAM))
    assert await repair(bus, STREAMS) == Repairs()
    assert await stream_names(bus) == {*Stream, LEASE_STREAM}


async def test_a_stream_that_differs_is_brought_to_the_plan_and_keeps_its_messages(bus: Bus) -> None:
    await bus.jetstream.add_stream(
        StreamConfig(name="PLANNED", subjects=["plan.SOL-USDC"], max_age=60, storage=StorageType.FILE, max_msgs=9)
    )
    await bus.publish_bytes("plan.SOL-USDC", b"kept", {})
    assert (await repair(bus, STREAMS)).changed == ("PLANNED",)
    info = await bus.jetstream.stream_info("PLANNED")
    assert (info.config.subjects, info.config.max_age) == (["plan.>"], 86_400)
    assert (info.state.messages, info.config.max_msgs) == (1, 9)


async def test_a_stream_in_the_wrong_storage_is_named_and_left_alone(bus: Bus) -> None:
    await bus.jetstream.add_stream(StreamConfig(name="SYSTEM", subjects=["system.>"], storage=StorageType.MEMORY))
    await bus.publish_bytes("system.kill_switch", b"kept", {})
    with pytest.raises(ProviderUnavailable, match=r"SYSTEM.*storage"):
        await repair(bus, STREAMS)
    assert (await bus.jetstream.stream_info("SYSTEM")).state.messages == 1


async def test_it_runs_once_and_exits_when_told_not_to_watch(nats_url: str, bus: Bus, tmp_path: Path) -> None:
    environ = {"SOLQUOTE_NATS_URL": nats_url, "SOLQUOTE_INITIALIZER_WATCH": "false"}
    async with pipeline_process("initializer", tmp_path, environ) as initializer, asyncio.timeout(DEADLINE_S):
        assert await initializer.process.wait() == 0
    assert await stream_names(bus) == {*Stream, LEASE_STREAM}


async def test_it_waits_for_nats_and_makes_memory_streams_again_after_a_restart(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    environ = {"SOLQUOTE_NATS_URL": nats_server.url, "SOLQUOTE_INITIALIZER_WATCH_INTERVAL": "50ms"}
    nats_server.stop()
    async with pipeline_process("initializer", tmp_path, environ) as initializer:
        await until(lambda: initializer.said("waiting for NATS"))
        assert not initializer.is_ready()
        nats_server.start()
        await until(initializer.is_ready)
        nats_server.stop()
        nats_server.start()
        async with connect(nats_server.url, name="test") as bus, asyncio.timeout(DEADLINE_S):
            await bus.wait_for_stream(Stream.METRICS)
        assert await initializer.code_on_sigterm(seconds=2) == 0


async def test_a_wrong_setting_is_named_and_ends_it(tmp_path: Path) -> None:
    environ = {"SOLQUOTE_INITIALIZER_WATCH_INTERVAL": "soon"}
    async with pipeline_process("initializer", tmp_path, environ) as initializer, asyncio.timeout(DEADLINE_S):
        assert await initializer.process.wait() == 2


async def test_a_server_with_less_room_gets_shorter_streams_and_a_second_pass_changes_nothing(tmp_path: Path) -> None:
    server = NatsServer(tmp_path, limits="max_mem: 300M, max_file: 8G")
    server.start()
    try:
        async with connect(server.url, name="test") as bus:
            repairs = await repair(bus, STREAMS)
            assert {Stream.EXECUTED, Stream.METRICS} <= {plan.stream for plan in shortened(repairs.plans)}
            assert await stream_names(bus) == {*Stream, LEASE_STREAM}
            assert await repair(bus, repairs.plans) == Repairs()
    finally:
        server.stop()
