"""What the server and the client tell of errors on one connection, beside what they raise: each kind is logged once.

What the server refuses for want of a permission comes this way only, so it is kept for those who ask.
"""

import re
from typing import Final

import structlog
from nats.errors import Error as NatsError
from nats.errors import SlowConsumerError

__all__ = ["ErrorLog"]

KINDS_MAX: Final = 256
"""So many kinds of errors are told; what comes after them has been said often enough."""

_log: Final = structlog.get_logger(part="bus")


class ErrorLog:
    """Tells what went wrong on a connection, each kind once."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._refused: set[str] = set()

    def forget(self) -> None:
        """A new connection may fail in the same ways again, and be allowed what the last one was not."""
        self._told.clear()
        self._refused.clear()

    def is_refused(self, what: str, subject: str) -> bool:
        """Whether the server has said that these credentials may not `publish to` or have a `subscription to` it."""
        return f'{what} "{subject.lower()}"' in self._refused

    def note(self, error: Exception) -> None:
        """What the client tells."""
        text = str(error) or type(error).__name__
        if (refusal := _REFUSAL.search(text.lower())) is not None:
            if len(self._refused) < KINDS_MAX:
                self._refused.add(refusal[1])
            self.tell("NATS refuses what these credentials may not do", error)
        elif isinstance(error, SlowConsumerError):
            self.tell("messages were dropped: they came faster than they were taken", error)
        elif isinstance(error, NatsError) and _SAID_BY_SERVER.search(text.lower()):
            self.tell("NATS does not let us in", error)
        elif isinstance(error, NatsError | TimeoutError | OSError):
            _log.debug("nats", error=text)  # it is away, which is told apart
        else:
            self.tell("an error in what receives messages", error, with_traceback=True)

    def tell(self, what: str, error: Exception, *, with_traceback: bool = False) -> None:
        """Log an error unless one of its kind was told on this connection."""
        kind = f"{what} {type(error).__name__}" if with_traceback else f"{what} {error}"
        if kind in self._told or len(self._told) >= KINDS_MAX:
            return
        self._told.add(kind)
        _log.error(what, error=str(error) or type(error).__name__, exc_info=error if with_traceback else None)


_REFUSAL: Final = re.compile(r'permissions violation for ((?:publish|subscription) to "[^"]*")')
_SAID_BY_SERVER: Final = re.compile(r"authori[sz]ation|authentication|maximum connections|tls required|expired|revoked")
