"""What is told of work after the work: noted in passing, told when the loop has been at other things for a while."""

import asyncio
import collections
from collections.abc import Callable
from typing import Final, Generic, TypeVar

__all__ = ["DELAY_S", "TOLD_COUNT_MAX", "WAITING_COUNT_MAX", "Afterwards", "Told"]

DELAY_S: Final = 0.05
WAITING_COUNT_MAX: Final = 1_024
"""What is noted beyond this drops the oldest: a process that has no time to tell has better things to do."""

TOLD_COUNT_MAX: Final = 4_096

_Noted = TypeVar("_Noted")


class Afterwards(Generic[_Noted]):
    """Tells one thing at a time, so that nobody waits long for the loop.

    Args:
        tell: Called with what was noted.
    """

    def __init__(self, tell: Callable[[_Noted], None]) -> None:
        self._tell = tell
        self._waiting: collections.deque[_Noted] = collections.deque(maxlen=WAITING_COUNT_MAX)
        self._timer: asyncio.Handle | None = None

    def note(self, what: _Noted) -> None:
        """Tell it later; called from the event loop."""
        self._waiting.append(what)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY_S, self._tell_one)

    def _tell_one(self) -> None:
        self._timer = None
        self._tell(self._waiting.popleft())
        if self._waiting:
            self._timer = asyncio.get_running_loop().call_soon(self._tell_one)


class Told:
    """What was told lately, so that it is told once; remembers the newest `TOLD_COUNT_MAX`."""

    def __init__(self) -> None:
        self._told: dict[int, None] = {}

    def is_new(self, number: int) -> bool:
        """Whether this is the first time; it is not any more."""
        if number in self._told:
            return False
        self._told[number] = None
        if len(self._told) > TOLD_COUNT_MAX:
            del self._told[next(iter(self._told))]
        return True
