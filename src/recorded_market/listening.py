"""Take ports, one or two neighbours, and say in one sentence when they cannot be had."""

import itertools
import socket

from quote_core.addresses import why_not_bound, with_port
from quote_core.errors import ProviderUnavailable

__all__ = ["bind", "bind_neighbours"]

PORT_TRY_COUNT_MAX = 20


def bind(host: str, port: int) -> socket.socket:
    """Listen on `port`, 0 for any free one.

    Raises:
        ProviderUnavailable: The address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ProviderUnavailable(with_port(host, port), f"cannot listen: {why_not_bound(host, port)}") from error


def bind_neighbours(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Listen on `port` and the next one; 0 for any two free neighbours.

    Raises:
        ProviderUnavailable: One of the two cannot be bound.
    """
    tries = itertools.count(1)
    while True:
        first = bind(host, port)
        try:
            return first, bind(host, first.getsockname()[1] + 1)
        except ProviderUnavailable:
            first.close()
            if port != 0 or next(tries) == PORT_TRY_COUNT_MAX:
                raise
