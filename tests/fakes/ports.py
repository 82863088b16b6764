"""Ports for servers that tests start, and for addresses where nobody is to be."""

import atexit

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
