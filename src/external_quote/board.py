"""Which quotes streams want, what is known of each, and whom to tell. Does no I/O.

A key is wanted while at least one stream follows it. Every stream has its own mark of what it has yet to send, bounded
by the keys it asked for; several changes of a key before it is sent are one.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator

from quote_core.errors import ProviderUnavailable, SolquoteError
from quote_core.quotes import QuoteKey

__all__ = ["Board", "Follower"]


class Follower:
    """One stream's keys, and those of them it has yet to send."""

    def __init__(self, keys: Iterable[QuoteKey]) -> None:
        self.keys = tuple(dict.fromkeys(keys))
        self._pending: dict[QuoteKey, None] = {}
        self._is_closed = False
        self.changed = asyncio.Event()

    def close(self) -> None:
        """Wake the stream to hear that it is over."""
        self._is_closed = True
        self.changed.set()

    def offer(self, keys: Iterable[QuoteKey]) -> None:
        """Note what has changed."""
        self._pending |= dict.fromkeys(keys)
        self.changed.set()

    def take(self) -> tuple[QuoteKey, ...]:
        """What is to be sent, oldest first.

        Raises:
            ProviderUnavailable: The service is stopping.
        """
        if self._is_closed:
            raise ProviderUnavailable("external quotes", "the service is stopping")
        taken = tuple(self._pending)
        self._pending.clear()
        self.changed.clear()
        return taken


class Board:
    """All streams."""

    def __init__(self) -> None:
        self._followers: dict[Follower, None] = {}
        self._counts: dict[QuoteKey, int] = {}
        self._errors: dict[QuoteKey, SolquoteError] = {}
        self.wanted_changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._followers)

    @contextlib.contextmanager
    def follow(self, keys: Iterable[QuoteKey]) -> Iterator[Follower]:
        """Want keys while the context lasts."""
        follower = Follower(keys)
        self._followers[follower] = None
        for key in follower.keys:
            self._counts[key] = self._counts.get(key, 0) + 1
        self.wanted_changed.set()
        try:
            yield follower
        finally:
            del self._followers[follower]
            for key in follower.keys:
                self._counts[key] -= 1
                if self._counts[key] == 0:
                    del self._counts[key]
                    self._errors.pop(key, None)

    def close(self) -> None:
        """End every stream: the service is stopping."""
        for follower in self._followers:
            follower.close()

    def wanted(self) -> list[QuoteKey]:
        """All keys, those most streams want first, else in the order they were asked for."""
        return sorted(self._counts, key=lambda key: -self._counts[key])

    def error(self, key: QuoteKey) -> SolquoteError | None:
        """Why the last attempt at a key failed, if it did."""
        return self._errors.get(key)

    def report(self, key: QuoteKey, error: SolquoteError | None) -> None:
        """Take note of an attempt's outcome and tell who follows the key."""
        if key not in self._counts:
            return
        if error is None:
            self._errors.pop(key, None)
        else:
            self._errors[key] = error
        for follower in self._followers:
            if key in follower.keys:
                follower.offer((key,))
