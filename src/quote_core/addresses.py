"""Addresses: which are loopback, how they are written with a port, what they are dialled at, what of a URL is shown."""

import errno
import os
import re
import socket
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit, urlunsplit

__all__ = [
    "METRICS_HOST",
    "dialled",
    "host_of",
    "is_loopback",
    "is_proxied",
    "is_url",
    "redacted_servers",
    "redacted_url",
    "servers_of",
    "warn_if_open",
    "why_not_bound",
    "with_port",
]

METRICS_HOST: Final = "127.0.0.1"
"""Where every process serves its metrics; a Prometheus elsewhere comes through an agent or a tunnel."""

_DIALLED: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what a server bound to any address is dialled at
_LOOPBACK: Final = re.compile(r"localhost|::1|127\.\d+\.\d+\.\d+")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    return _LOOPBACK.fullmatch(host) is not None


def dialled(host: str) -> str:
    """Where a server that listens on `host` is found from this machine."""
    return _DIALLED.get(host, host)


def with_port(host: str, port: int) -> str:
    """Both as one text; an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def host_of(url: str) -> str:
    """The host a URL names; this machine where it names none."""
    return urlsplit(url).hostname or "127.0.0.1"


def redacted_url(url: str) -> str:
    """`url` without user, password, path and query: providers put API keys in all four."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return urlunsplit((parts.scheme, with_port(host, parts.port) if parts.port else host, "", "", ""))


def servers_of(urls: str) -> list[str]:
    """The URLs of a setting that may name several, with commas between them."""
    return [url.strip() for url in urls.split(",") if url.strip()]


def redacted_servers(urls: str) -> str:
    """Each of `servers_of` as `redacted_url` has it."""
    return ",".join(map(redacted_url, servers_of(urls)))


def is_url(url: str, schemes: Sequence[str]) -> bool:
    """Whether `url` is one of `schemes` that names a host."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in schemes
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
            and (not re.search(r"[\s\x00-\x1f\x7f]", url))
        )
    except ValueError:  # a port that is none, brackets that do not close
        return False


def is_proxied(url: str) -> bool:
    """Whether the proxy that the environment names is for `url`: never for what is on this machine."""
    return not is_loopback(urlsplit(url).hostname or "")


def why_not_bound(host: str, port: int) -> str:
    """What keeps a server from listening there, in words; empty when nothing does."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (socket.gaierror, UnicodeError):
        return "it is no address, and no machine has this name"
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            return "it is no address of this machine"
        if error.errno == errno.EADDRINUSE:
            return "the address is in use"
        return os.strerror(error.errno or 0)
    return ""


def warn_if_open(host: str, port: int, *, what: str, variable: str) -> None:
    """Log that other machines reach what is meant for this one, where `variable` says so."""
    import structlog  # noqa: PLC0415 - `solquote kill` asks for addresses only, and must not wait for it

    if not is_loopback(host):
        log = structlog.get_logger(part="listener")
        log.warning("other machines can reach it", what=what, address=with_port(host, port), setting=variable)
