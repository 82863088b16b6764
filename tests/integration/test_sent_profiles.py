"""A process that is told of a Pyroscope sends it where its threads are; one that is away keeps it from nothing."""

from pathlib import Path

import pytest
from fakes.nats_server import NatsServer
from fakes.pipeline_process import pipeline_process, until
from fakes.ports import free_port
from fakes.pyroscope import pyroscope

pytestmark = pytest.mark.integration


def environ(nats_url: str, endpoint: str) -> dict[str, str]:
    return {
        "SOLQUOTE_NATS_URL": nats_url,
        "SOLQUOTE_INITIALIZER_METRICS_PORT": "0",
        "SOLQUOTE_PROFILE_ENDPOINT": endpoint,
        "SOLQUOTE_PROFILE_WINDOW": "1s",
    }


async def test_a_process_sends_its_profile_while_it_works(nats_server: NatsServer, tmp_path: Path) -> None:
    with pyroscope() as server:
        async with pipeline_process("initializer", tmp_path, environ(nats_server.url, server.url)) as initializer:
            await until(lambda: initializer.is_ready() and len(server.sent) >= 2)
            assert await initializer.code_on_sigterm(seconds=2) == 0
    names = {sent.query["name"].partition("{")[0] for sent in server.sent}
    assert names == {"solquote.initializer.wall"}
    assert f"pid={initializer.process.pid}}}" in server.sent[0].query["name"]
    loops = [stack for sent in server.sent for stack in sent.stacks if stack[0] == "MainThread"]
    assert any("quote_core.process.run_process" in stack for stack in loops)


async def test_a_pyroscope_that_is_away_keeps_no_process_from_its_work_nor_from_ending(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    async with pipeline_process("initializer", tmp_path, environ(nats_server.url, away)) as initializer:
        await until(initializer.is_ready)
        assert await initializer.code_on_sigterm(seconds=2) == 0
