"""Responses kept by pair and amount, until a pool of the pair changes or their time is over. Does no I/O."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from local_quote.dependencies import PairKey

__all__ = ["QuoteCache"]

_Value = TypeVar("_Value")


class QuoteCache(Generic[_Value]):
    """Least recently used entries leave first when it is full. A pool update removes exactly its pair's entries."""

    def __init__(self, *, ttl_ns: int, entry_count_max: int) -> None:
        self._ttl_ns = ttl_ns
        self._entry_count_max = entry_count_max
        self._entries: OrderedDict[tuple[PairKey, Hashable], tuple[int, _Value]] = OrderedDict()
        self._keys_by_pair: dict[PairKey, set[Hashable]] = {}
        self.hit_count = 0
        self.miss_count = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def hit_fraction(self) -> float:
        """Hits of all look-ups; 0 before the first."""
        asked_count = self.hit_count + self.miss_count
        return self.hit_count / asked_count if asked_count else 0.0

    def get(self, pair: PairKey, key: Hashable, now_mono_ns: int) -> _Value | None:
        """Look a response up; `key` tells direction and amount."""
        found = self._entries.get((pair, key))
        if found is None or now_mono_ns - found[0] > self._ttl_ns:
            self.miss_count += 1
            return None
        self._entries.move_to_end((pair, key))
        self.hit_count += 1
        return found[1]

    def put(self, pair: PairKey, key: Hashable, value: _Value, now_mono_ns: int) -> None:
        """Keep a response made now."""
        self._entries[pair, key] = now_mono_ns, value
        self._entries.move_to_end((pair, key))
        self._keys_by_pair.setdefault(pair, set()).add(key)
        while len(self._entries) > self._entry_count_max:
            (old_pair, old_key), _ = self._entries.popitem(last=False)
            self._forget_key(old_pair, old_key)

    def invalidate(self, pair: PairKey) -> None:
        """Drop what rests on a pair's pools."""
        for key in self._keys_by_pair.pop(pair, ()):
            del self._entries[pair, key]

    def _forget_key(self, pair: PairKey, key: Hashable) -> None:
        keys = self._keys_by_pair[pair]
        keys.discard(key)
        if not keys:
            del self._keys_by_pair[pair]
