"""Hold back half a swap. Does no I/O.

A swap changes several accounts of its pool, and nothing in a notification says how many. What is learned instead: the
accounts that changed in both of a pool's last two slots (its two vaults, or the pool account alone) are expected to
change together again. While some of them are missing at the newest slot, the pool's updates wait for them, but not
for long: a deposit to one vault, too, is true. Whether it was one, only a read can tell: the pool is named as *halved*.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from quote_core.solana import AccountUpdate
from quote_core.units import Pubkey

__all__ = ["CompanionCounts", "Companions", "Split"]

_EXPIRED_IN_A_ROW_MAX = 3
"""After so many the accounts that stay away are not expected any more: pools change their ways, nodes lose messages."""


@dataclass(slots=True)
class CompanionCounts:
    """What happened since the start."""

    waited_count: int = 0
    expired_count: int = 0


@dataclass(slots=True)
class Split:
    """Updates to apply now, those that wait for others of their pool, and pools of which some waited in vain."""

    ready: list[AccountUpdate] = field(default_factory=list)
    held: list[AccountUpdate] = field(default_factory=list)
    halved: set[Pubkey] = field(default_factory=set)


class Companions:
    """Remembers per pool which accounts changed together.

    Args:
        pools_of: The pools that rest on an account.
        wait_ns_max: Longest wait for an expected account.
    """

    def __init__(self, *, pools_of: Callable[[Pubkey], Sequence[Pubkey]], wait_ns_max: int) -> None:
        self._pools_of = pools_of
        self._wait_ns_max = wait_ns_max
        self._last: dict[Pubkey, frozenset[Pubkey]] = {}
        self._expected: dict[Pubkey, frozenset[Pubkey]] = {}
        self._expired_in_a_row: dict[Pubkey, int] = {}
        self.counts = CompanionCounts()

    def split(self, updates: Iterable[AccountUpdate], now_mono_ns: int) -> Split:
        """Divide updates into those to apply now and those that wait for others of their pool."""
        split = Split()
        of_pool: dict[Pubkey, list[AccountUpdate]] = defaultdict(list)
        for update in updates:
            pool_ids = self._pools_of(update.pubkey)
            if len(pool_ids) == 1:
                of_pool[pool_ids[0]].append(update)
            else:  # the clock, an oracle, or an account that pools share: no part of a swap
                split.ready.append(update)
        for pool_id, group in of_pool.items():
            waits = self._waits(pool_id, group, now_mono_ns, split.halved)
            (split.held if waits else split.ready).extend(group)
        return split

    def _waits(self, pool_id: Pubkey, group: Sequence[AccountUpdate], now_mono_ns: int, halved: set[Pubkey]) -> bool:
        slot = max(update.slot for update in group)
        arrived = frozenset(update.pubkey for update in group if update.slot == slot)
        if not self._expected.get(pool_id, frozenset()) <= arrived:
            if now_mono_ns - min(update.received_mono_ns for update in group) < self._wait_ns_max:
                self.counts.waited_count += 1
                return True
            self.counts.expired_count += 1
            halved.add(pool_id)
            self._expired_in_a_row[pool_id] = self._expired_in_a_row.get(pool_id, 0) + 1
            if self._expired_in_a_row[pool_id] < _EXPIRED_IN_A_ROW_MAX:
                return False
        self._expired_in_a_row[pool_id] = 0
        self._expected[pool_id] = arrived & self._last.get(pool_id, frozenset())
        self._last[pool_id] = arrived
        return False
