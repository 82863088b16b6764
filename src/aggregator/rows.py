"""The row registry: numbers given to (input mint, output mint, input amount), once, for as long as somebody holds them.

The number is the entry index in both shared-memory files and travels to the quote services and back. A row lives as
long as its holders do: the platform's own watch, and each client that asked for the amount. A row nobody holds is
given back and its number used again, lowest first, so that the used part of the table stays short.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from quote_core.errors import TooManyQuotes
from quote_core.quotes import QuoteKey

__all__ = ["RowListener", "RowRegistry"]


class RowListener(Protocol):
    """Told of every row that begins and ends."""

    def row_added(self, index: int, key: QuoteKey) -> None:
        """`index` now means `key`, whatever it meant before."""
        ...

    def row_removed(self, index: int, key: QuoteKey) -> None:
        """`index`, which meant `key`, means nothing until it is added again."""
        ...


class RowRegistry:
    """Rows by number and by key, with a count of holders each."""

    def __init__(self, *, count_max: int) -> None:
        self._count_max = count_max
        self._listeners: list[RowListener] = []
        self._index_by_key: dict[QuoteKey, int] = {}
        self._key_by_index: dict[int, QuoteKey] = {}
        self._holder_counts: dict[int, int] = {}
        self._free: list[int] = []
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

    def find(self, key: QuoteKey) -> int | None:
        """The number of `key`, if it has one."""
        return self._index_by_key.get(key)

    def key(self, index: int) -> QuoteKey | None:
        """What `index` means, if anything."""
        return self._key_by_index.get(index)

    def some(self, indexes: Iterable[int]) -> Iterator[tuple[int, QuoteKey]]:
        """These rows, in this order."""
        return ((index, self._key_by_index[index]) for index in indexes)

    def hold(self, keys: Sequence[QuoteKey]) -> tuple[int, ...]:
        """Hold a row for each key, all or none; give the numbers in the same order.

        Raises:
            TooManyQuotes: More new rows than are free.
        """
        new_count = len({key for key in keys if key not in self._index_by_key})
        if len(self) + new_count > self._count_max:
            raise TooManyQuotes("pairs x amounts", len(self) + new_count, self._count_max)
        return tuple(self._hold(key) for key in keys)

    def release(self, indexes: Iterable[int]) -> None:
        """Give up one hold on each row; a row without holders ends."""
        for index in indexes:
            self._holder_counts[index] -= 1
            if self._holder_counts[index] == 0:
                self._remove(index)

    def move(self, index: int, key: QuoteKey) -> int:
        """Change one hold on `index` into one on `key`; the number stays when nobody else holds it.

        Raises:
            TooManyQuotes: It needs a new number and none is free.
        """
        if key == self._key_by_index[index]:
            return index
        if key in self._index_by_key or self._holder_counts[index] > 1:
            (moved,) = self.hold((key,))
            self.release((index,))
            return moved
        self._drop(index)
        self._add(index, key)
        self._holder_counts[index] = 1
        return index

    def _hold(self, key: QuoteKey) -> int:
        index = self._index_by_key.get(key)
        if index is None:
            index = heapq.heappop(self._free) if self._free else len(self._key_by_index)
            self._add(index, key)
        self._holder_counts[index] += 1
        return index

    def _add(self, index: int, key: QuoteKey) -> None:
        self._index_by_key[key] = index
        self._key_by_index[index] = key
        self._holder_counts[index] = 0
        self.generation += 1
        for listener in self._listeners:
            listener.row_added(index, key)

    def _remove(self, index: int) -> None:
        self._drop(index)
        heapq.heappush(self._free, index)

    def _drop(self, index: int) -> None:
        key = self._key_by_index.pop(index)
        del self._index_by_key[key]
        del self._holder_counts[index]
        self.generation += 1
        for listener in self._listeners:
            listener.row_removed(index, key)
