"""Ports for servers that tests start, and for addresses where nobody is to be."""

import atexit

from solquote.supervisor.ports import KeptPorts

HOST = "127.0.0.1"

_KEPT = KeptPorts()
atexit.register(_KEPT.close)


def free_port() -> int:
    """A port that no test running beside this one is given, and no connection, until this process ends."""
    return _KEPT.take(HOST)
