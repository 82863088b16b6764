"""Which quotes streams want, and why the last attempt at each failed, if it did. Does no I/O.

A key is wanted while at least one stream follows it; an attempt's outcome is told to all who do.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator

from quote_core.errors import SolquoteError
from quote_core.quotes import QuoteKey
from quote_core.serving import Subscription, Subscriptions

__all__ = ["StreamDemand"]


class StreamDemand:
    """What all streams want."""

    def __init__(self, *, count_max: int) -> None:
        self.subscriptions: Subscriptions[QuoteKey, int] = Subscriptions(count_max=count_max)
        self._counts: Counter[QuoteKey] = Counter()
        self._errors: dict[QuoteKey, SolquoteError] = {}
        self.wanted_changed = asyncio.Event()

    @contextlib.contextmanager
    def follow(self, numbered: Iterable[tuple[QuoteKey, int]]) -> Iterator[Subscription[QuoteKey, int]]:
        """Want keys, each under the subscriber's number for it, while the context lasts.

        Raises:
            TooManyStreams: All places are taken.
        """
        with self.subscriptions.follow(numbered) as subscription:
            self._counts.update(subscription.labels.keys())
            self.wanted_changed.set()
            try:
                yield subscription
            finally:
                self._counts.subtract(subscription.labels.keys())
                for key in subscription.labels:
                    if not self._counts[key]:
                        del self._counts[key]
                        self._errors.pop(key, None)

    def __contains__(self, key: object) -> bool:
        """Whether any stream wants `key`."""
        return key in self._counts

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
        self.subscriptions.publish((key,))
