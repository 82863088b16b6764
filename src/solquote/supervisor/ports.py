"""Who holds a TCP port: found in /proc, so that the message can name a process instead of "address in use"."""

import contextlib
import errno
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Holder", "PortTaken", "free_port", "holder_of", "taken_ports"]

_LISTEN: Final = "0A"
_COMMAND_CHARACTERS_MAX: Final = 120
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that listens."""

    pid: int
    command: str


@dataclass(frozen=True, slots=True)
class PortTaken:
    """A port one of our processes needs and cannot have."""

    port: int
    wanted_by: str
    holder: Holder | None

    def __str__(self) -> str:
        who = "another process" if self.holder is None else f"process {self.holder.pid}: {self.holder.command}"
        return f"port {self.port}, which {self.wanted_by} needs, is held by {who}"


def taken_ports(wanted: Mapping[int, str], *, host: str) -> list[PortTaken]:
    """Those of `wanted` (port -> process name) that cannot be bound on `host` now."""
    return [PortTaken(port, name, holder_of(port)) for port, name in wanted.items() if not _can_bind(host, port)]


def free_port(host: str, *, span: int = 1, avoid: Iterable[int] = ()) -> int:
    """A port that is free now, as are the `span - 1` after it; none of them in `avoid`."""
    avoided = frozenset(avoid)
    while True:
        with socket.socket(_family(host)) as probe:
            probe.bind((host, 0))
            port: int = probe.getsockname()[1]
        candidates = range(port, port + span)
        if avoided.isdisjoint(candidates) and candidates[-1] <= 65535 and all(_can_bind(host, p) for p in candidates):
            return port


def holder_of(port: int) -> Holder | None:
    """The process that listens on `port`; None when there is none, or it is not ours to look into."""
    inodes = set(_listening_inodes(port))
    for folder in _PROC.iterdir() if inodes else ():
        if folder.name.isdigit() and _holds(folder, inodes):
            return Holder(int(folder.name), _command(folder))
    return None


def _can_bind(host: str, port: int) -> bool:
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections in TIME_WAIT do not hold a port
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]


def _holds(folder: Path, inodes: set[str]) -> bool:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    try:
        descriptors = list((folder / "fd").iterdir())
    except OSError:
        return False  # gone, or somebody else's
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            if os.readlink(descriptor) in wanted:
                return True
    return False


def _command(folder: Path) -> str:
    try:
        words = (folder / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return "(ended meanwhile)"
    text = " ".join(word.decode(errors="replace") for word in words if word)
    return "".join(letter for letter in text if letter.isprintable())[:_COMMAND_CHARACTERS_MAX]
