"""Hold back half a swap, and nothing else. Does no I/O.

A swap changes several accounts of its pool, and nothing in a notification says how many. What is learned instead: the
accounts that changed in both of the last two slots that changed the pool (its two vaults, or the pool account alone)
are expected to change together again. While some of them are missing at the newest slot, the pool's updates wait for
them, but not for long: a deposit to one vault, too, is true. Whether it was one, only a read can tell: the pool is
named as *halved*. So is a pool of which nothing is learned yet, or nothing any more: what came may be a part.

A pool whose last two swaps changed the same accounts, all of which have come, is whole the moment the last of them is
there. Any other has to be quiet for `settle` first, since its swaps change now these accounts and now those.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from quote_core.solana import AccountUpdate
from quote_core.units import Pubkey

__all__ = ["CompanionCounts", "Companions", "Split"]

_SETTLES_MAX = 5
"""A pool whose updates never pause is priced after this many `settle` anyway."""
_EXPIRED_IN_A_ROW_MAX = 3
"""After so many the accounts that stay away are not expected any more: pools change their ways, nodes lose messages."""


@dataclass(slots=True)
class CompanionCounts:
    """What happened since the start."""

    waited_count: int = 0
    expired_count: int = 0


@dataclass(slots=True)
class Split:
    """Updates to apply now, those that wait for others of their pool, and pools whose updates may be but a part."""

    ready: list[AccountUpdate] = field(default_factory=list)
    held: list[AccountUpdate] = field(default_factory=list)
    halved: set[Pubkey] = field(default_factory=set)


@dataclass(slots=True)
class _Habit:
    """What changed together at the last slot that changed a pool, and at the one before."""

    slot: int = 0
    together: frozenset[Pubkey] = frozenset()
    before: frozenset[Pubkey] = frozenset()
    expired_in_a_row: int = 0

    @property
    def expected(self) -> frozenset[Pubkey]:
        """What always changes together; empty where that is not known."""
        return self.together & self.before

    def is_whole(self, arrived: frozenset[Pubkey]) -> bool:
        """Whether these are all accounts that a swap of the pool is known to change."""
        return bool(self.together) and self.together == self.before and self.together <= arrived

    def arrived(self, slot: int, accounts: frozenset[Pubkey]) -> frozenset[Pubkey]:
        """All that changed at a slot, with what was taken in of it already."""
        return accounts | self.together if slot == self.slot else accounts

    def learn(self, slot: int, arrived: frozenset[Pubkey]) -> None:
        """Take in what changed together at a slot."""
        if slot != self.slot:
            self.before = self.together
        self.slot, self.together, self.expired_in_a_row = slot, arrived, 0


class Companions:
    """Remembers per pool which accounts changed together.

    Args:
        pools_of: The pools that rest on an account.
        settle_ns: How long a pool must be quiet that is not known to be whole.
        wait_ns_max: Longest wait for an expected account.
    """

    def __init__(self, *, pools_of: Callable[[Pubkey], Sequence[Pubkey]], settle_ns: int, wait_ns_max: int) -> None:
        self._pools_of = pools_of
        self._settle_ns = settle_ns
        self._wait_ns_max = wait_ns_max
        self._habits: dict[Pubkey, _Habit] = {}
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
        habit = self._habits.setdefault(pool_id, _Habit())
        slot = max(update.slot for update in group)
        arrived = habit.arrived(slot, frozenset(update.pubkey for update in group if update.slot == slot))
        if not habit.is_whole(arrived) and self._is_unsettled(group, now_mono_ns):
            return True
        if not habit.expected:
            halved.add(pool_id)
        elif not habit.expected <= arrived:
            if now_mono_ns - min(update.received_mono_ns for update in group) < self._wait_ns_max:
                self.counts.waited_count += 1
                return True
            self.counts.expired_count += 1
            halved.add(pool_id)
            habit.expired_in_a_row += 1
            if habit.expired_in_a_row < _EXPIRED_IN_A_ROW_MAX:
                return False
        habit.learn(slot, arrived)
        return False

    def _is_unsettled(self, group: Sequence[AccountUpdate], now_mono_ns: int) -> bool:
        received = [update.received_mono_ns for update in group]
        return now_mono_ns - max(received) < self._settle_ns and now_mono_ns - min(received) < (
            self._settle_ns * _SETTLES_MAX
        )
