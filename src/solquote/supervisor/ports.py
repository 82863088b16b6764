"""Who holds a TCP port: found in /proc, so that the message can name a process instead of "address in use"."""

import contextlib
import errno
import ipaddress
import os
import random
import socket
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = [
    "Holder",
    "KeptPorts",
    "PortTaken",
    "bound_hosts",
    "holder_of",
    "hosts_by_port",
    "in_words",
    "taken_ports",
    "to_end",
]

_LISTEN: Final = "0A"
_COMMAND_CHARACTERS_MAX: Final = 120
_PROC: Final = Path("/proc")
_FREE_PORT_MIN: Final = 10_000
_OUTGOING_PORT_MIN: Final = 32_768
"""Linux's default."""
_TRIES_MAX: Final = 1_000


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


def in_words(taken: Iterable[PortTaken]) -> str:
    """One line for every process that wants ports and process that holds them."""
    groups: dict[tuple[str, Holder | None], list[str]] = {}
    for one in taken:
        groups.setdefault((one.wanted_by, one.holder), []).append(str(one.port))
    lines = []
    for (wanted_by, holder), ports in groups.items():
        who = "another process" if holder is None else f"process {holder.pid}: {holder.command}"
        many = "ports" if len(ports) > 1 else "port"
        lines.append(f"{many} {', '.join(ports)} of {wanted_by} held by {who}")
    return "\n".join(lines)


def taken_ports(wanted: Iterable[tuple[str, int, str]]) -> list[PortTaken]:
    """Those of `wanted` (host, port, process name) that cannot be bound now."""
    return [PortTaken(port, name, holder_of(port)) for host, port, name in wanted if not _can_bind(host, port)]


class KeptPorts:
    """Free ports, each kept from then on: whoever else looks for one in this way is not given it.

    Between the choice and the moment the server binds, and again while a server that died is started anew, the port
    would otherwise be anybody's. A port is kept by a socket that is bound to it and never listens; servers bind beside
    it with SO_REUSEADDR, as all of ours do.
    """

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def take(self, host: str, *, span: int = 1, avoid: Iterable[int] = ()) -> int:
        """A port that is free now, as are the `span - 1` after it; none of them in `avoid`.

        Taken from below the range the kernel gives to outgoing connections: while no server listens, one of those
        could get the port.

        Raises:
            OSError: None was found.
        """
        avoided = frozenset(avoid)
        for _ in range(_TRIES_MAX):
            port = random.randrange(_FREE_PORT_MIN, _outgoing_port_min() - span)
            candidates = range(port, port + span)
            if avoided.isdisjoint(candidates) and self._keep(host, candidates):
                return port
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL), host)

    def close(self) -> None:
        """Give all of them back."""
        while self._sockets:
            self._sockets.pop().close()

    def _keep(self, host: str, ports: Iterable[int]) -> bool:
        """All of `ports`, or none."""
        with contextlib.ExitStack() as until_kept:
            keepers = []
            for port in ports:
                keeper = until_kept.enter_context(socket.socket(_family(host)))
                if not _bind(keeper, host, port):
                    return False
                keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # not before: it was to find it unused
                keepers.append(keeper)
            until_kept.pop_all()
        self._sockets += keepers
        return True


def _outgoing_port_min() -> int:
    """First port the kernel may give to a connection that names none."""
    try:
        first = int((_PROC / "sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return _OUTGOING_PORT_MIN
    return first if first > 2 * _FREE_PORT_MIN else 65536  # where it begins low, there is no place apart


def holder_of(port: int) -> Holder | None:
    """The process that listens on `port`; None when there is none, or it is not ours to look into."""
    inodes = set(_listening_inodes(port))
    for folder in _PROC.iterdir() if inodes else ():
        if folder.name.isdigit() and _holds(folder, inodes):
            return Holder(int(folder.name), _command(folder))
    return None


def to_end(holder: Holder) -> int:
    """Which process to end so that `holder` stays away: the `solquote up` that would start it again, or itself."""
    try:
        parent = int((_PROC / str(holder.pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return holder.pid  # gone meanwhile
    words = _command(_PROC / str(parent)).split()
    return parent if "up" in words and any("solquote" in word for word in words) else holder.pid


def bound_hosts(port: int) -> set[str]:
    """The addresses of this machine that `port` is listened on now."""
    return hosts_by_port().get(port, set())


def hosts_by_port() -> dict[int, set[str]]:
    """Every port that is listened on now, and at which addresses of this machine."""
    hosts: dict[int, set[str]] = {}
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN:
                    address, _, number = fields[1].rpartition(":")
                    hosts.setdefault(int(number, 16), set()).add(_host(address))
    return hosts


def _host(kernel_form: str) -> str:
    """An address as /proc writes it: words of 32 bits, each in the byte order of this machine.

    gRPC listens for IPv4 on an IPv6 socket; such an address is told as the IPv4 address it is.
    """
    raw = bytes.fromhex(kernel_form)
    words = [int.from_bytes(raw[at : at + 4], "big").to_bytes(4, sys.byteorder) for at in range(0, len(raw), 4)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _can_bind(host: str, port: int) -> bool:
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections in TIME_WAIT do not hold a port
        return _bind(probe, host, port)


def _bind(unbound: socket.socket, host: str, port: int) -> bool:
    """Whether it could be had."""
    try:
        unbound.bind((host, port))
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
