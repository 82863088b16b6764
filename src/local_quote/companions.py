"""Let no pool be priced with a part of a transaction: hold back what may be one until it is whole, or read. No I/O.

A transaction changes several accounts of a pool, their notifications come one by one, at any time and in any order,
and nothing in one says how many there are. So what was notified of a pool is handed on in one of three ways:

| what has come                                                     | is                                          |
|-------------------------------------------------------------------|---------------------------------------------|
| says nothing new, is older than what is held, or stands alone     | handed on at once                           |
| all that swaps write of a slot, and the pool `explains` it        | handed on at once, together                 |
| all that swaps write, but no content tells whether that is all    | held; read once it was quiet for `settle`   |
| a part of it, or of different slots                               | held; read after `wait`                     |
| another content of a slot that is held already                    | held and read: the node tells within slots  |
| of a slot that was taken for whole without it                     | held and read; the pool is `torn` until then |

What is held changes nothing: the pool stays as it was, whole, and grows old. A read brings all accounts of a pool of
one slot; what is held of that slot or before it has then had its effect, and what is newer is held until the next.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from local_quote.pool_entry import PoolEntry
from local_quote.pool_store import HeldAccount, PoolStore, is_same_content
from quote_core.solana import AccountUpdate
from quote_core.units import NS_PER_MS, NS_PER_S, Pubkey

__all__ = ["CompanionCounts", "Companions"]

_READ_PAUSE_NS_FIRST: Final = 20 * NS_PER_MS
"""After a read that did not show what is held: the node read from is a little behind the one that notified."""
_READ_PAUSE_NS_MAX: Final = 1 * NS_PER_S
_WAITS_MAX: Final = 5
"""A pool that changes again and again while it is waited for is read after so many `wait` anyway."""
_WITHIN_SLOTS_NS: Final = 60 * NS_PER_S
"""How long a feed that told an account twice in a slot is not believed to tell it once."""


@dataclass(slots=True)
class CompanionCounts:
    """What happened since the start, by pool and slot."""

    waited_count: int = 0
    """Parts that were held until the rest of them came."""
    read_count: int = 0
    """Pools read because what was notified of them was not known to be whole."""
    within_slot_count: int = 0
    """Accounts told twice in a slot."""


@dataclass(slots=True, eq=False)
class _Part:
    """What is held of one pool: the newest update of each account."""

    since_mono_ns: int
    updates: dict[Pubkey, AccountUpdate] = field(default_factory=dict)
    slot: int = 0
    read_at_mono_ns: int = 0
    read_count: int = 0
    """Reads that were begun since the newest of it came."""


class Companions:
    """Stands between the feed and the market.

    Args:
        store: What is held of the accounts.
        settle_ns: How long to wait, where all has come that always comes, for what sometimes does.
        wait_ns_max: How long to wait for what always comes.
    """

    def __init__(self, *, store: PoolStore, settle_ns: int, wait_ns_max: int) -> None:
        self._store = store
        self._settle_ns = settle_ns
        self._wait_ns_max = wait_ns_max
        self._parts: dict[Pubkey, _Part] = {}
        self._being_read: set[Pubkey] = set()  # of pools, not of parts: what is held comes and goes while one lasts
        self._within_slots_until_mono_ns = 0
        self._torn: set[Pubkey] = set()
        self.counts = CompanionCounts()

    def __len__(self) -> int:
        return sum(len(part.updates) for part in self._parts.values())

    def forget(self, pool_ids: Iterable[Pubkey]) -> None:
        """These pools are not held any more."""
        for pool_id in pool_ids:
            self._parts.pop(pool_id, None)
            self._torn.discard(pool_id)

    def begin_anew(self) -> None:
        """The node serves another chain."""
        self._parts.clear()
        self._torn.clear()

    def told_within_slot(self, now_mono_ns: int) -> None:
        """An account was told twice in a slot: for a while, what is told of a slot is not taken to be its end."""
        self.counts.within_slot_count += 1
        self._within_slots_until_mono_ns = now_mono_ns + _WITHIN_SLOTS_NS

    def take(self, updates: Iterable[AccountUpdate], now_mono_ns: int) -> list[AccountUpdate]:
        """Take in what was notified; give what is to be applied now, all of it together."""
        ready: list[AccountUpdate] = []
        touched: dict[Pubkey, list[AccountUpdate]] = {}
        pool_ids_on = self._store.pool_ids_on
        for update in updates:
            pool_ids = pool_ids_on(update.pubkey)
            if len(pool_ids) == 1:
                touched.setdefault(pool_ids[0], []).append(update)
            else:  # the clock, an oracle, or an account that pools share: no part of a swap
                ready.append(update)
        for pool_id, group in touched.items():
            self._take_group(pool_id, group, ready, now_mono_ns)
        return ready

    def take_torn(self) -> set[Pubkey]:
        """The pools that were handed on as whole and came to be known not to be, since this was last asked."""
        torn, self._torn = self._torn, set()
        return torn

    def take_again(self, now_mono_ns: int) -> list[AccountUpdate]:
        """What was held and need not be any more, now that accounts were read."""
        ready: list[AccountUpdate] = []
        for pool_id in [pool_id for pool_id, part in self._parts.items() if part.updates]:
            self._take_group(pool_id, (), ready, now_mono_ns)
        return ready

    def due(self, now_mono_ns: int) -> list[Pubkey]:
        """The pools to be read now; they count as being read until `was_read`."""
        due = [pool_id for pool_id, part in self._waiting() if part.read_at_mono_ns <= now_mono_ns]
        for pool_id in due:
            self._parts[pool_id].read_count += 1
            self.counts.read_count += 1
        self._being_read.update(due)
        return due

    def next_due_mono_ns(self) -> int | None:
        """When the next pool is to be read, None while none is."""
        return min((part.read_at_mono_ns for _, part in self._waiting()), default=None)

    def was_read(self, pool_ids: Iterable[Pubkey], now_mono_ns: int) -> None:
        """A read of these has ended, whatever it brought."""
        for pool_id in pool_ids:
            self._being_read.discard(pool_id)
            part = self._parts.get(pool_id)
            if part is None:
                continue
            part.since_mono_ns = now_mono_ns
            if part.read_count:  # else the newest came while it was read, and says nothing of the node read from
                pause_ns = min(_READ_PAUSE_NS_FIRST << min(part.read_count - 1, 10), _READ_PAUSE_NS_MAX)
                part.read_at_mono_ns = max(part.read_at_mono_ns, now_mono_ns + pause_ns)

    def _waiting(self) -> Iterator[tuple[Pubkey, _Part]]:
        return ((pool_id, part) for pool_id, part in self._parts.items() if pool_id not in self._being_read)

    def _take_group(
        self, pool_id: Pubkey, group: Sequence[AccountUpdate], ready: list[AccountUpdate], now_mono_ns: int
    ) -> None:
        entry = self._store.entry(pool_id)
        assert entry is not None, pool_id
        part = self._parts.get(pool_id)
        candidates = group if part is None else {**part.updates, **{one.pubkey: one for one in group}}.values()
        rest: list[AccountUpdate] = []
        told: dict[Pubkey, int] = {}
        for one in candidates:
            if self._is_free(entry, one):
                ready.append(one)
                told[one.pubkey] = one.slot
            else:
                rest.append(one)
        if not rest:
            if part is not None:
                del self._parts[pool_id]
            return
        is_complete = self._is_complete(entry, rest, told)
        if is_complete and now_mono_ns >= self._within_slots_until_mono_ns and self._is_explained(entry, rest):
            if part is not None:
                self.counts.waited_count += not part.read_count
                del self._parts[pool_id]
            ready += rest
            return
        if any(one.slot <= entry.changed_slot for one in rest):
            self._torn.add(pool_id)
        if part is None:
            part = self._parts[pool_id] = _Part(now_mono_ns)
        self._hold(part, rest, is_complete=is_complete, now_mono_ns=now_mono_ns)

    def _hold(self, part: _Part, rest: Sequence[AccountUpdate], *, is_complete: bool, now_mono_ns: int) -> None:
        part.updates = {one.pubkey: one for one in rest}
        slot = max(one.slot for one in rest)
        if slot > part.slot:
            part.slot, part.read_count = slot, 0
            latest_mono_ns = part.since_mono_ns + _WAITS_MAX * self._wait_ns_max
            part.read_at_mono_ns = max(part.read_at_mono_ns, min(now_mono_ns + self._wait_ns_max, latest_mono_ns))
        if is_complete:  # no need to wait for the others any longer
            part.read_at_mono_ns = min(part.read_at_mono_ns, now_mono_ns + self._settle_ns)

    def _is_free(self, entry: PoolEntry, update: AccountUpdate) -> bool:
        """Whether an update cannot be a part of anything."""
        held = self._store.account(update.pubkey)
        if held is not None and (
            (update.slot, update.source) < (held.slot, held.source) or is_same_content(held.account, update.account)
        ):
            return True
        return entry.pool.stands_alone(update.pubkey, update.account)

    def _is_complete(self, entry: PoolEntry, rest: Sequence[AccountUpdate], told: Mapping[Pubkey, int]) -> bool:
        """Whether all has come that every swap writes, of one slot, and nothing else is of another."""
        slot = rest[0].slot
        new = set()
        for one in rest:
            if one.slot != slot:
                return False
            new.add(one.pubkey)
        together = entry.pool.moved_together
        for pubkey in together - new:
            held = self._store.account(pubkey)
            if told.get(pubkey) != slot and (held is None or held.slot != slot):
                return False
        return bool(together)

    def _is_explained(self, entry: PoolEntry, rest: Sequence[AccountUpdate]) -> bool:
        for one in rest:
            held: HeldAccount | None = self._store.account(one.pubkey)
            if held is None or held.slot == one.slot:  # another content of the same slot, or nobody knows from what
                return False
        return entry.pool.explains({one.pubkey: one.account for one in rest})
