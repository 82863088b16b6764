"""Ports for servers that tests start, and for addresses where nobody is to be."""

import atexit
import random

from solquote.supervisor.ports import KeptPorts

HOST = "127.0.0.1"

_KEPT = KeptPorts()
atexit.register(_KEPT.close)


def free_port(*, span: int = 1) -> int:
    """A port that no test running beside this one is given, and no connection, until this process ends.

    The `span - 1` after it are kept with it. A server that goes away and comes back needs such a one: whoever dials a
    port of the outgoing range while nobody listens may be given that very port, and be connected to itself.
    """
    return _KEPT.take(HOST, span=span)


TRIES_MAX = 1_000
LOWEST, HIGHEST = 20_000, 32_000


def free_ports_apart(*offsets: int) -> int:
    """A port from which on those at all `offsets` are kept, as `free_port` keeps one."""
    for _ in range(TRIES_MAX):
        port = random.randrange(LOWEST, HIGHEST - max(offsets))
        if _KEPT._keep(HOST, [port + offset for offset in offsets]):
            return port
    raise TimeoutError("there are no such ports")
