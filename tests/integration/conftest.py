"""A real nats-server with JetStream for each test that asks for one."""

from collections.abc import AsyncIterator, Iterator

import pytest
from fakes.nats_server import NatsServer

from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from quote_core.bus import Bus, connect, connection, follow, stream_clock


@pytest.fixture
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A server that a test may stop and start."""
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    if server.process is not None:
        server.stop()


@pytest.fixture
def nats_url(nats_server: NatsServer) -> str:
    """Where a fresh server listens; it has JetStream and no streams."""
    return nats_server.url


ANSWERED_S = 10.0
"""A busy disk keeps a server from answering within the second that the platform gives it."""


@pytest.fixture
async def bus(nats_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bus]:
    """A connection to a fresh server that has the platform's streams; whoever is in this process is patient with it."""
    monkeypatch.setattr(connection, "PUBLISH_TIMEOUT_S", ANSWERED_S)
    monkeypatch.setattr(stream_clock, "PUBLISH_TIMEOUT_S", ANSWERED_S)
    async with connect(nats_url, name="test") as connected:
        await repair(connected, STREAMS)
        yield connected


@pytest.fixture
def silence_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who follows a stream in this process is to hear of it five times as often, and misses it five times as soon."""
    monkeypatch.setattr(follow, "HEARTBEAT_S", follow.HEARTBEAT_S / 5)
    monkeypatch.setattr(follow, "SILENCE_S_MAX", follow.SILENCE_S_MAX / 5)
