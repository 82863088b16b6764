"""The row registry: numbers given to (input mint, output mint, input amount), once, for as long as somebody wants them.

The number is the entry index in both shared-memory files and travels to the quote services and back. The lowest numbers
are the platform's own (`quote_core.watch`): what they mean is set by `watch` alone, and it can always be set. Clients'
rows have the numbers above, lowest free first, and live as long as their holders do; a client that asks for a watched
amount shares its row. When the platform's row goes on to another amount while a client holds the old one, it is the
client's hold that moves to another number, and followers are told.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from quote_core.errors import TooManyQuotes
from quote_core.quotes import QuoteKey

__all__ = ["Hold", "RowFollower", "RowListener", "RowRegistry"]


class RowListener(Protocol):
    """Told of every row that begins and ends."""

    def row_added(self, index: int, key: QuoteKey) -> None:
        """`index` now means `key`, whatever it meant before."""
        ...

    def row_removed(self, index: int, key: QuoteKey) -> None:
        """`index`, which meant `key`, means nothing until it is added again."""
        ...


class RowFollower(Protocol):
    """Told where clients' holds go when a number takes another meaning under them."""

    def rename(self, moved: Mapping[int, int | None]) -> None:
        """What was held as the one number is now held as the other, all at once; `None` = no more: no room."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Hold:
    """What one stream of one client holds; `rows` are the numbers it began with, in the order of the keys asked for."""

    client: str
    keys: Counter[QuoteKey]
    rows: tuple[int, ...]


class RowRegistry:
    """Rows by number and by key.

    Args:
        count_max: Numbers there are.
        watched_count: How many of them, the lowest, are the platform's own.
        client_rows_max: Rows beside the watched ones that one client may hold.
    """

    def __init__(self, *, count_max: int, watched_count: int, client_rows_max: int) -> None:
        if watched_count > count_max:
            raise TooManyQuotes("watched pairs x amounts", watched_count, count_max)
        self._count_max = count_max
        self._watched_count = watched_count
        self._client_rows_max = client_rows_max
        self._listeners: list[RowListener] = []
        self._followers: list[RowFollower] = []
        self._index_by_key: dict[QuoteKey, int] = {}
        self._key_by_index: dict[int, QuoteKey] = {}
        self._holds: dict[Hold, None] = {}
        self._held_by: dict[str, Counter[QuoteKey]] = {}
        self._holder_counts: Counter[QuoteKey] = Counter()
        self._given_back: list[int] = []
        self._never_given = watched_count
        self.generation = 0
        """Goes up whenever the set of rows changes."""

    def __len__(self) -> int:
        return len(self._key_by_index)

    def __iter__(self) -> Iterator[tuple[int, QuoteKey]]:
        return iter(sorted(self._key_by_index.items()))

    @property
    def count_max(self) -> int:
        """How many rows there can be."""
        return self._count_max

    def listen(self, listener: RowListener) -> None:
        """Tell `listener` of every row from now on."""
        self._listeners.append(listener)

    def follow(self, follower: RowFollower) -> None:
        """Tell `follower` where holds move to from now on."""
        self._followers.append(follower)

    def find(self, key: QuoteKey) -> int | None:
        """The number of `key`, if it has one."""
        return self._index_by_key.get(key)

    def key(self, index: int) -> QuoteKey | None:
        """What `index` means, if anything."""
        return self._key_by_index.get(index)

    def some(self, indexes: Iterable[int]) -> Iterator[tuple[int, QuoteKey]]:
        """Those of these numbers that mean something, in this order."""
        return ((index, self._key_by_index[index]) for index in indexes if index in self._key_by_index)

    def watch(self, first: int, keys: Sequence[QuoteKey]) -> None:
        """Let the platform's own numbers from `first` on mean `keys`, and nothing they meant before.

        A key the platform already watches under another number keeps that one, and the number meant for it is empty.
        """
        indexes = range(first, first + len(keys))
        assert indexes.stop <= self._watched_count, "not the platform's own numbers"
        wanted: dict[QuoteKey, int] = {}
        for index, key in zip(indexes, keys, strict=True):
            if not self._is_watched(key) or self._index_by_key[key] in indexes:
                wanted.setdefault(key, index)
        arriving = {key: index for key, index in wanted.items() if self._index_by_key.get(key) != index}
        leaving = [key for index, key in self.some(indexes) if wanted.get(key) != index]
        before = {key: self._index_by_key[key] for key in (*leaving, *arriving) if key in self._index_by_key}
        for key in before:
            self._drop(key)
        for key, index in arriving.items():
            self._add(index, key)
        for key in leaving:
            if key not in arriving and self._holder_counts[key]:
                self._add_or_forget(key)
        moved = {index: self._index_by_key.get(key) for key, index in before.items()}
        if moved:
            for follower in self._followers:
                follower.rename(moved)

    def hold(self, client: str, keys: Sequence[QuoteKey]) -> Hold:
        """Hold a row for each key, all or none.

        Raises:
            TooManyQuotes: More new rows than are free, or more than one client may hold.
        """
        own = {key for key in keys if not self._is_watched(key)}
        new_count = len(own - self._index_by_key.keys())
        if new_count > self._free_count():
            raise TooManyQuotes("amounts not watched", new_count, self._free_count())
        held_by = self._held_by.get(client, Counter())
        own_count = len(own | {key for key in held_by if not self._is_watched(key)})
        if own_count > self._client_rows_max:
            raise TooManyQuotes("amounts not watched, of one client", own_count, self._client_rows_max)
        for key in keys:
            if key not in self._index_by_key:
                self._add_or_forget(key)
        self._held_by[client] = held_by
        counts = Counter(keys)
        held_by.update(counts)
        self._holder_counts.update(counts)
        hold = Hold(client, counts, tuple(self._index_by_key[key] for key in keys))
        self._holds[hold] = None
        return hold

    def release(self, hold: Hold) -> None:
        """Give a hold up; rows that are neither held nor watched end."""
        del self._holds[hold]
        held_by = self._held_by[hold.client]
        for key, count in hold.keys.items():
            _take(held_by, key, count)
            _take(self._holder_counts, key, count)
            if not self._holder_counts[key] and not self._is_watched(key):
                self._drop(key)
        if not held_by and not any(other.client == hold.client for other in self._holds):
            del self._held_by[hold.client]

    def _free_count(self) -> int:
        return self._count_max - self._never_given + len(self._given_back)

    def _is_watched(self, key: QuoteKey) -> bool:
        return self._index_by_key.get(key, self._count_max) < self._watched_count

    def _add_or_forget(self, key: QuoteKey) -> None:
        """Give a client's key the lowest free number; without one nobody holds it any more."""
        if self._given_back:
            self._add(heapq.heappop(self._given_back), key)
        elif self._never_given < self._count_max:
            self._never_given += 1
            self._add(self._never_given - 1, key)
        else:
            for counts in (self._holder_counts, *self._held_by.values(), *(hold.keys for hold in self._holds)):
                counts.pop(key, None)

    def _add(self, index: int, key: QuoteKey) -> None:
        self._index_by_key[key] = index
        self._key_by_index[index] = key
        self.generation += 1
        for listener in self._listeners:
            listener.row_added(index, key)

    def _drop(self, key: QuoteKey) -> None:
        index = self._index_by_key.pop(key)
        del self._key_by_index[index]
        if index >= self._watched_count:
            heapq.heappush(self._given_back, index)
        self.generation += 1
        for listener in self._listeners:
            listener.row_removed(index, key)


def _take(counts: Counter[QuoteKey], key: QuoteKey, count: int) -> None:
    counts[key] -= count
    if not counts[key]:
        del counts[key]
