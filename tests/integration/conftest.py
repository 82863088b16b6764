"""A real nats-server with JetStream for each test that asks for one."""

from collections.abc import Iterator

import pytest
from fakes.nats_server import NatsServer


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
