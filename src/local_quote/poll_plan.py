"""Which pools are due to be read anew, and how they share requests. Does no I/O.

Constant-product pools are cheap and read often. The others hold many accounts: seldom, or somewhat oftener once an
account feed brings their changes and reading only confirms them. Whoever asks for a quote of an old pool puts it first.
"""

from collections.abc import Iterable, Sequence

from local_quote.pool_store import CONSTANT_PRODUCT, PoolEntry
from quote_core.dex.pool import Dex
from quote_core.units import Pubkey

__all__ = ["PollPlan", "pack"]


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


class PollPlan:
    """Remembers when each pool was last read, successfully or not."""

    def __init__(self, *, amm_interval_ns: int, clmm_interval_ns: int, clmm_event_driven_interval_ns: int) -> None:
        self._amm_interval_ns = amm_interval_ns
        self._clmm_interval_ns = clmm_interval_ns
        self._clmm_event_driven_interval_ns = clmm_event_driven_interval_ns
        self._polled_mono_ns: dict[Pubkey, int] = {}
        self._hurried: set[Pubkey] = set()

    def interval_ns(self, dex: Dex, *, event_driven: bool) -> int:
        """How often a DEX's pools are read."""
        if dex in CONSTANT_PRODUCT:
            return self._amm_interval_ns
        return self._clmm_event_driven_interval_ns if event_driven else self._clmm_interval_ns

    def hurry(self, pool_id: Pubkey) -> None:
        """Read this pool at the next opportunity."""
        self._hurried.add(pool_id)

    def due(self, entries: Iterable[PoolEntry], now_mono_ns: int, *, event_driven: bool) -> list[PoolEntry]:
        """The pools to read now: hurried ones first, then those waiting longest. A pool never loaded is always due."""
        waiting = []
        for entry in entries:
            pool_id = entry.pool.address
            polled = self._polled_mono_ns.get(pool_id)
            hurried = pool_id in self._hurried
            interval_ns = self.interval_ns(entry.pool.dex, event_driven=event_driven)
            if hurried or polled is None or entry.pool.missing() or now_mono_ns - polled >= interval_ns:
                waiting.append((not hurried, polled or 0, pool_id, entry))
        return [entry for *_, entry in sorted(waiting, key=lambda one: one[:3])]

    def polled(self, pool_ids: Iterable[Pubkey], now_mono_ns: int) -> None:
        """These have been read, or tried."""
        for pool_id in pool_ids:
            self._polled_mono_ns[pool_id] = now_mono_ns
            self._hurried.discard(pool_id)
