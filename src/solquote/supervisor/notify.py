"""The receiving end of sd_notify: one private Unix socket a child (docs/decisions/0001-sd-notify.md)."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

__all__ = ["Notice", "NotifySocket", "parse_notice"]

_DATAGRAM_BYTES_MAX: Final = 4096
_STATUS_CHARACTERS_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one datagram says."""

    ready: bool = False
    stopping: bool = False
    status: str | None = None


def parse_notice(datagram: bytes) -> Notice:
    """Read the lines we know and skip the rest, as sd_notify(3) asks; any datagram counts as a sign of life."""
    fields = dict(line.split("=", 1) for line in datagram.decode("utf-8", errors="replace").splitlines() if "=" in line)
    status = fields.get("STATUS")
    return Notice(
        ready=fields.get("READY") == "1",
        stopping=fields.get("STOPPING") == "1",
        status=None if status is None else _printable(status),
    )


def _printable(text: str) -> str:
    """A child's words go to the operator's terminal: no control characters, and not endless."""
    return "".join(letter for letter in text if letter.isprintable())[:_STATUS_CHARACTERS_MAX]


class NotifySocket:
    """Hands each datagram to `on_notice` from the running event loop, until closed."""

    def __init__(self, path: Path, on_notice: Callable[[Notice], None]) -> None:
        self.path = path
        self._on_notice = on_notice
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def __enter__(self) -> Self:
        self._socket.setblocking(False)
        self._socket.bind(str(self.path))
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self.path.unlink(missing_ok=True)

    def _read(self) -> None:
        try:
            datagram = self._socket.recv(_DATAGRAM_BYTES_MAX)
        except BlockingIOError:
            return
        self._on_notice(parse_notice(datagram))
