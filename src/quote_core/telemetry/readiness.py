"""Tell the supervisor how this process is, in the sd_notify protocol.

One datagram of `KEY=value` lines to the Unix socket named by `NOTIFY_SOCKET`: `READY=1`, `STATUS=text`,
`WATCHDOG=1`, `STOPPING=1`. `solquote up` listens for it, and so does systemd, so that a service runs under either
unchanged. Without the variable nothing is sent. Source: sd_notify(3).
"""

import os
import socket
from collections.abc import Mapping

__all__ = ["Readiness"]


class Readiness:
    """The sending end. Sending never blocks and never fails the service: a supervisor that is gone is not our error."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        address = (os.environ if environ is None else environ).get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    def ready(self, status: str) -> None:
        """The service works; `status` is one short line for people."""
        self._send(f"READY=1\nSTATUS={status}\nWATCHDOG=1")

    def status(self, status: str) -> None:
        """Still alive, and this is what it does now; also counts as a sign of life."""
        self._send(f"STATUS={status}\nWATCHDOG=1")

    def stopping(self) -> None:
        """The service has begun to stop on purpose."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> None:
        if self._socket is not None:
            try:
                self._socket.sendto(message.encode(), self._address)
            except OSError:
                return  # the next message tells the same; whoever listens judges by silence
