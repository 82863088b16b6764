"""Addresses to listen on: which are loopback, how they are written with a port, and what they are dialled at."""

import re
from typing import Final

__all__ = ["dialled", "is_loopback", "warn_if_open", "with_port"]

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


def warn_if_open(host: str, port: int, *, what: str, variable: str) -> None:
    """Log that other machines reach what is meant for this one, where `variable` says so."""
    import structlog  # noqa: PLC0415 - `solquote kill` asks for addresses only, and must not wait for it

    if not is_loopback(host):
        log = structlog.get_logger("listener")
        log.warning("other machines can reach it", what=what, address=with_port(host, port), setting=variable)
