"""Which pools are due to be read anew, and how they share requests. Does no I/O.

Constant-product pools are cheap and read often. The others hold many accounts: seldom, or somewhat oftener once an
account feed brings their changes, for reading alone vouches for them: then, and wherever somebody follows the pair,
often enough that none goes stale. Whoever asks for a quote of an old pool puts it first.

A pool in doubt is read at once, then after pauses that double up to a second. One that is not loaded is read at once
when it asks for accounts that the last reading did not ask for, else again after a pause that doubles up to its
interval: an account that cannot be decoded, or does not exist, stays so.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from local_quote.pool_store import CONSTANT_PRODUCT, PoolEntry
from quote_core.dex.pool import Dex
from quote_core.telemetry.histogram import INTERVAL_BOUNDS_S, Histogram
from quote_core.units import NS_PER_MS, NS_PER_S, Pubkey

__all__ = ["PollPlan", "pack"]

_DOUBT_PAUSE_NS_FIRST: Final = 100 * NS_PER_MS
_DOUBT_PAUSE_NS_MAX: Final = 1_000 * NS_PER_MS


def pack(groups: Iterable[Sequence[Pubkey]], *, size_max: int) -> list[list[Pubkey]]:
    """Put groups into requests of at most `size_max` accounts, each group whole in one request.

    Accounts of one request are of one slot, and those of a pool must be: state and vaults of different slots make
    reserves that never were. Only a group that is larger than a request is split.
    """
    requests: list[list[Pubkey]] = []
    members: set[Pubkey] = set()
    for group in groups:
        new = [pubkey for pubkey in dict.fromkeys(group) if pubkey not in members]
        if not requests or len(requests[-1]) + len(new) > size_max:
            requests.append([])
            new = list(dict.fromkeys(group))
            members = set()
        while len(new) > size_max:
            requests[-1] = new[:size_max]
            requests.append([])
            new = new[size_max:]
        requests[-1] += new
        members.update(new)
    return [request for request in requests if request]


_HURRY_PAUSE_NS_MIN: Final = 500 * NS_PER_MS
"""A pool whose readings confirm nothing stays old, and every quote asked for hurries it: no oftener than this."""
_UNLOADED_PAUSE_NS_FIRST: Final = 250 * NS_PER_MS
_DOUBLINGS_MAX: Final = 20


@dataclass(slots=True)
class _Polled:
    """One pool's last reading: when, of which accounts, and how many before it loaded nothing, or ended no doubt."""

    mono_ns: int
    accounts: tuple[Pubkey, ...]
    unloaded_count: int
    doubted_count: int


class PollPlan:
    """Remembers when each pool was last read, successfully or not."""

    def __init__(self, *, amm_interval_ns: int, clmm_interval_ns: int, clmm_event_driven_interval_ns: int) -> None:
        self._amm_interval_ns = amm_interval_ns
        self._clmm_interval_ns = clmm_interval_ns
        self._clmm_event_driven_interval_ns = clmm_event_driven_interval_ns
        self.amm_interval_s = Histogram(INTERVAL_BOUNDS_S)
        """Between two readings of a constant-product pool, as it came out."""
        self.clmm_interval_s = Histogram(INTERVAL_BOUNDS_S)
        """Of any other."""
        self._polled: dict[Pubkey, _Polled] = {}
        self._hurried: set[Pubkey] = set()

    def interval_ns(self, dex: Dex, *, event_driven: bool) -> int:
        """How often a DEX's pools are read; `event_driven` or followed by somebody."""
        if dex in CONSTANT_PRODUCT:
            return self._amm_interval_ns
        return self._clmm_event_driven_interval_ns if event_driven else self._clmm_interval_ns

    def hurry(self, pool_id: Pubkey) -> None:
        """Read this pool at the next opportunity, unless it was read just now."""
        self._hurried.add(pool_id)

    def due(
        self,
        entries: Iterable[PoolEntry],
        now_mono_ns: int,
        *,
        event_driven: bool,
        is_wanted: Callable[[PoolEntry], bool] = lambda _: False,
    ) -> list[PoolEntry]:
        """The pools to read now: hurried ones first, then those waiting longest."""
        waiting = []
        for entry in entries:
            pool_id = entry.pool.address
            polled = self._polled.get(pool_id)
            hurried = pool_id in self._hurried
            interval_ns = self.interval_ns(entry.pool.dex, event_driven=event_driven or is_wanted(entry))
            if polled is None or now_mono_ns - polled.mono_ns >= _pause_ns(entry, polled, interval_ns, hurried=hurried):
                is_first = hurried or entry.doubt is not None
                waiting.append((not is_first, 0 if polled is None else polled.mono_ns, pool_id, entry))
        return [entry for *_, entry in sorted(waiting, key=lambda one: one[:3])]

    def polled(self, entries: Iterable[PoolEntry], now_mono_ns: int) -> None:
        """These have been read, or tried."""
        for entry in entries:
            pool_id = entry.pool.address
            before = self._polled.get(pool_id)
            if before is not None:
                interval_s = self.amm_interval_s if entry.pool.dex in CONSTANT_PRODUCT else self.clmm_interval_s
                interval_s.observe((now_mono_ns - before.mono_ns) / NS_PER_S)
            is_repeat = before is not None and before.accounts == entry.accounts
            unloaded_count = before.unloaded_count + 1 if before and is_repeat and entry.pool.missing() else 0
            doubted_count = before.doubted_count + 1 if before and entry.doubt is not None else 0
            self._polled[pool_id] = _Polled(now_mono_ns, entry.accounts, unloaded_count, doubted_count)
            self._hurried.discard(pool_id)

    def forget(self, pool_ids: Iterable[Pubkey]) -> None:
        """These are not held any more."""
        for pool_id in pool_ids:
            self._polled.pop(pool_id, None)
            self._hurried.discard(pool_id)

    def unanswered(self, entries: Iterable[PoolEntry]) -> None:
        """The node did not answer: that loads nothing, but says nothing about the accounts either."""
        for entry in entries:
            polled = self._polled.get(entry.pool.address)
            if polled is not None:
                polled.unloaded_count = polled.doubted_count = 0


def _pause_ns(entry: PoolEntry, polled: _Polled, interval_ns: int, *, hurried: bool) -> int:
    """How long to leave a pool alone after it was read."""
    if entry.pool.missing():
        if entry.accounts != polled.accounts:
            return 0
        return min(_UNLOADED_PAUSE_NS_FIRST << min(polled.unloaded_count, _DOUBLINGS_MAX), interval_ns)
    if entry.doubt is not None:
        doubling_count = min(polled.doubted_count, _DOUBLINGS_MAX)
        return min(_DOUBT_PAUSE_NS_FIRST << doubling_count, _DOUBT_PAUSE_NS_MAX, interval_ns)
    return min(_HURRY_PAUSE_NS_MIN, interval_ns) if hurried else interval_ns
