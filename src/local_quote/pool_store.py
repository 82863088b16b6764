"""Every pool held, with the accounts it rests on: newest slot wins, and each pool knows when it was last vouched for.

Who vouches is told in `docs/freshness.md`: only a full answer of a chain that advances. Notifications change a pool at
once and make it no younger. What cannot be relied on puts a pool in *doubt*, which only a full answer ends that was
asked for after the doubt arose.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from local_quote.account_history import AccountHistory
from local_quote.chain_progress import ChainProgress
from local_quote.dependencies import DependencyIndex, pair_key
from local_quote.doubt import Doubt
from local_quote.pool_entry import PoolEntry
from quote_core.clock import Clock, boot_id
from quote_core.dex.pool import Account, Dex, Pool, Swap
from quote_core.dex.programs import decode_pool
from quote_core.errors import CorruptAccount, NotTradable
from quote_core.freshness import NEVER_VOUCHED, Freshness
from quote_core.quotes import Provenance
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.units import NS_PER_S, Pubkey

__all__ = [
    "CONSTANT_PRODUCT",
    "AppliedUpdates",
    "Doubt",
    "HeldAccount",
    "PoolEntry",
    "PoolStore",
    "StoreCounts",
    "is_same_content",
]

CONSTANT_PRODUCT: Final = frozenset({Dex.RAYDIUM_AMM_V4, Dex.RAYDIUM_CPMM, Dex.PUMPSWAP})
"""DEXes whose pools are a few small accounts, cheap to read often."""

GONE_NS_MAX: Final = 600 * NS_PER_S
"""Programs hardly ever close what a live pool rests on: an account that is gone is doubted for this long."""


_NEVER_READ: Final = frozenset({Doubt.UNREAD, Doubt.UNCONFIRMED})
"""What a further doubt does not replace: it says all there is to say."""


@dataclass(slots=True)
class HeldAccount:
    """The newest state of one account; `account` is None when it does not exist on chain."""

    slot: int
    source: UpdateSource
    account: Account | None


@dataclass(slots=True)
class AppliedUpdates:
    """What a set of updates did.

    `judged_pools` were vouched for, or came to be in doubt; `unannounced` are followed-or-not accounts that an answer
    changed, each with the slot held before.
    """

    changed_pools: set[Pubkey] = field(default_factory=set)
    judged_pools: set[Pubkey] = field(default_factory=set)
    gained_accounts: set[Pubkey] = field(default_factory=set)
    lost_accounts: set[Pubkey] = field(default_factory=set)
    unannounced: dict[Pubkey, int] = field(default_factory=dict)


@dataclass(slots=True)
class StoreCounts:
    """What happened since the start."""

    applied_count: int = 0
    unchanged_count: int = 0
    older_dropped_count: int = 0
    corrupt_count: int = 0
    doubt_count: int = 0


class PoolStore:
    """Pools by id, accounts by key. Owned by one event loop; reads between two calls see one market state."""

    def __init__(self, *, progress: ChainProgress, clock: Clock, history: AccountHistory | None = None) -> None:
        self._progress = progress
        self._clock = clock
        self.history = history or AccountHistory(bytes_max=0, count_max=0)
        self._entries: dict[Pubkey, PoolEntry] = {}
        self._accounts: dict[Pubkey, HeldAccount] = {}
        self._gone_mono_ns: dict[Pubkey, int] = {}
        self._index = DependencyIndex()
        self.is_of_chain = False
        """Whether any pool held is a real one, of a chain that others follow, too."""
        self.counts = StoreCounts()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[PoolEntry]:
        return iter(self._entries.values())

    def __contains__(self, pool_id: Pubkey) -> bool:
        return pool_id in self._entries

    @property
    def account_count(self) -> int:
        """How many accounts are held."""
        return len(self._accounts)

    def entry(self, pool_id: Pubkey) -> PoolEntry | None:
        """The pool of this address, if held."""
        return self._entries.get(pool_id)

    def account(self, pubkey: Pubkey) -> HeldAccount | None:
        """What is held of one account."""
        return self._accounts.get(pubkey)

    def of_pair(self, mint_a: Pubkey, mint_b: Pubkey) -> list[PoolEntry]:
        """The pools of a pair, in either direction, in ascending order of their ids."""
        return [self._entries[pool_id] for pool_id in self._index.pools_of_pair(pair_key(mint_a, mint_b))]

    def pool_ids_on(self, pubkey: Pubkey) -> Sequence[Pubkey]:
        """The pools that rest on an account, in ascending order."""
        return self._index.pools_of_account(pubkey)

    def scratch(self, entry: PoolEntry) -> Pool:
        """A pool of its own on the accounts held of `entry`, for swaps that nobody makes.

        Raises:
            NotTradable: The pool's own account is not held, since the node serves another chain or it was closed.
        """
        own = self._accounts.get(entry.pool.address)
        if own is None or own.account is None:
            raise NotTradable(entry.pool.address, "its account is not held")
        scratch = decode_pool(entry.pool.address, own.account)
        asked: set[Pubkey] = set()
        while wanted := [need.pubkey for need in scratch.accounts_needed() if need.pubkey not in asked]:
            for pubkey in wanted:
                asked.add(pubkey)
                held = self._accounts.get(pubkey)
                if held is not None:
                    scratch.apply(pubkey, held.account)
        return scratch

    def swap_on(self, scratch: Pool, swap: Swap) -> None:
        """Let a scratch pool stand where `swap`, priced on it, leaves it."""
        for pubkey, data in scratch.write_swap(swap).items():
            held = self._accounts.get(pubkey)
            assert held is not None, pubkey
            assert held.account is not None, pubkey
            scratch.apply(pubkey, replace(held.account, data=data))

    def resting_on(self, pubkey: Pubkey) -> list[PoolEntry]:
        """The same as entries."""
        return [self._entries[pool_id] for pool_id in self.pool_ids_on(pubkey)]

    def add(self, pool: Pool, update: AccountUpdate, provenance: Provenance) -> AppliedUpdates:
        """Take a newly opened pool in, with the update its own account came with."""
        entry = PoolEntry(pool, pair_key(pool.mint_a, pool.mint_b), provenance)
        self._entries[pool.address] = entry
        self.is_of_chain |= provenance is Provenance.CHAIN
        self._index.add_pool(pool.address, entry.pair)
        self._accounts[pool.address] = HeldAccount(update.slot, update.source, update.account)
        self.history.begin_moment()
        self.history.note(pool.address, update.slot, update.account)
        self.history.note_pool(pool.address)
        done = AppliedUpdates()
        self._renew_needs(entry, done)
        self._take_known_accounts(entry, done)
        return done

    def restore(
        self, pool: Pool, accounts: Sequence[AccountUpdate], provenance: Provenance, freshness: Freshness, *, until: int
    ) -> AppliedUpdates:
        """Take a pool in as it was kept before the start: in doubt, and quoted until `until` unless it is read before.

        What is held already is newer and stays, and nothing that was kept reaches a pool that was read.

        Args:
            pool: Just opened from its own account.
            accounts: Those it rests on, its own first; more than are wanted do no harm.
            provenance: Where they come from.
            freshness: As it is to be told, of no later slot than what it rests on is held of.
            until: CLOCK_MONOTONIC, nanoseconds.
        """
        done = self.add(pool, accounts[0], provenance)
        entry = self._entries[pool.address]
        entry.doubt, entry.doubted_mono_ns = Doubt.UNCONFIRMED, self._clock.mono_ns()
        kept = {update.pubkey: update for update in accounts[1:]}
        while wanted := [kept.pop(pubkey) for pubkey in entry.accounts if pubkey in kept]:
            for update in wanted:
                if update.pubkey not in self._accounts and self._is_of_unconfirmed(update.pubkey):
                    self._take(update, None, done, 0)
            self._renew_needs(entry, done)
        slot = max(held.slot for pubkey in entry.accounts if (held := self._accounts.get(pubkey)) is not None)
        vouched_slot, changed_slot = min(freshness.vouched_slot, slot), min(freshness.changed_slot, slot)
        entry.restore(replace(freshness, vouched_slot=vouched_slot, changed_slot=changed_slot), until)
        return done

    def remove(self, pool_id: Pubkey) -> AppliedUpdates:
        """Let a pool go, and every account that no other rests on."""
        entry = self._entries.pop(pool_id)
        lost = self._index.remove_pool(pool_id, entry.pair)
        for pubkey in lost:
            self._accounts.pop(pubkey, None)
            self._gone_mono_ns.pop(pubkey, None)
            self.history.forget(pubkey)
        return AppliedUpdates(lost_accounts=set(lost))

    def apply(self, updates: Sequence[AccountUpdate]) -> AppliedUpdates:
        """Hand account updates to the pools that rest on them; older ones are dropped and counted.

        All of `updates` are applied before anything is priced, so those that belong together must come together.
        """
        done = AppliedUpdates()
        answered: dict[Pubkey, AccountUpdate] = {}
        wall_ahead_ns = self._wall_ahead_ns()
        self.history.begin_moment()
        torn = self._torn(updates)
        for update in updates:
            if torn and self._is_torn(update, torn):
                continue
            held = self._accounts.get(update.pubkey)
            if held is not None and (update.slot, update.source) < (held.slot, held.source):
                self.counts.older_dropped_count += 1
            elif not self._take(update, held, done, wall_ahead_ns):
                continue
            if update.source is UpdateSource.ANSWER:
                answered[update.pubkey] = update
        # A full answer names the pool itself: others that rest on one of its accounts need no look.
        for entry in [entry for pubkey in answered if (entry := self._entries.get(pubkey)) is not None]:
            if answered.keys() >= entry.account_set:
                self._vouch(entry, [answered[pubkey] for pubkey in entry.accounts], done)
        for pool_id in done.changed_pools:
            self._renew_needs(self._entries[pool_id], done)
        return done

    def _torn(self, updates: Sequence[AccountUpdate]) -> set[Pubkey]:
        """Pools of which answers show a part alone, or accounts of several slots: it may be a part of a transaction."""
        slots = {update.pubkey: update.slot for update in updates if update.source is UpdateSource.ANSWER}
        torn: set[Pubkey] = set()
        seen: set[Pubkey] = set()
        for pubkey in slots:
            pool_ids = self._index.pools_of_account(pubkey)
            if len(pool_ids) != 1 or pool_ids[0] in seen:
                continue
            seen.add(pool_ids[0])
            entry = self._entries[pool_ids[0]]
            if entry.read_slot and len({slots.get(one) for one in entry.accounts if one in self._accounts}) > 1:
                torn.add(pool_ids[0])
        return torn

    def _is_torn(self, update: AccountUpdate, torn: set[Pubkey]) -> bool:
        pool_ids = self._index.pools_of_account(update.pubkey)
        return update.source is UpdateSource.ANSWER and len(pool_ids) == 1 and pool_ids[0] in torn

    def renew_priced(self) -> AppliedUpdates:
        """Look at the needs of the pools priced since the last time: of arrays an amount ran out of they want more."""
        done = AppliedUpdates()
        for entry in self._entries.values():
            if entry.is_priced:
                entry.is_priced = False
                self._renew_needs(entry, done)
        return done

    def doubt(self, pool_ids: Iterable[Pubkey], reason: Doubt) -> set[Pubkey]:
        """Put pools in doubt from now on; returns those that were not."""
        now_mono_ns = self._clock.mono_ns()
        new = set()
        for pool_id in pool_ids:
            entry = self._entries[pool_id]
            if entry.doubt is None:
                new.add(pool_id)
                self.counts.doubt_count += 1
            if entry.doubt not in _NEVER_READ:
                entry.doubt = reason
            entry.doubted_mono_ns = now_mono_ns
        return new

    def begin_anew(self) -> None:
        """The node serves another chain: forget every account; pools are loaded again once they are read there."""
        self._accounts.clear()
        self._gone_mono_ns.clear()
        self.history.begin_anew()
        self.doubt(self._entries, Doubt.OTHER_CHAIN)
        for entry in self._entries.values():
            entry.freshness = NEVER_VOUCHED
            entry.read_slot = 0

    def _is_of_unconfirmed(self, pubkey: Pubkey) -> bool:
        return all(entry.doubt is Doubt.UNCONFIRMED for entry in self.resting_on(pubkey))

    def _take(self, update: AccountUpdate, held: HeldAccount | None, done: AppliedUpdates, wall_ahead_ns: int) -> bool:
        """Hand one update over; False when a pool refused its bytes, which are then not held."""
        account = update.account
        if held is not None and is_same_content(held.account, account):
            self.counts.unchanged_count += 1
            held.slot, held.source = update.slot, update.source
            return True
        pool_ids = self._index.pools_of_account(update.pubkey)
        if not pool_ids:
            return True
        if held is not None and held.account is not None and account is None:
            self._gone_mono_ns.setdefault(update.pubkey, self._clock.mono_ns())
            done.judged_pools |= self.doubt(pool_ids, Doubt.GONE)
        refused_by = []
        for pool_id in pool_ids:
            if self._hand_over(pool_id, update, wall_ahead_ns):
                done.changed_pools.add(pool_id)
            else:
                refused_by.append(pool_id)
        if refused_by:
            done.judged_pools |= self.doubt(refused_by, Doubt.REFUSED)
            return False
        self.counts.applied_count += 1
        self.history.note(update.pubkey, update.slot, account)
        if account is not None and self._gone_mono_ns:
            self._gone_mono_ns.pop(update.pubkey, None)
        if held is None:
            self._accounts[update.pubkey] = HeldAccount(update.slot, update.source, account)
            return True
        if update.source is UpdateSource.ANSWER:
            done.unannounced[update.pubkey] = held.slot
        held.slot, held.source, held.account = update.slot, update.source, account
        return True

    def _vouch(self, entry: PoolEntry, answers: Sequence[AccountUpdate], done: AppliedUpdates) -> None:
        """A full answer came: let it vouch for the pool, and end its doubt, if it can."""
        slot = min(update.slot for update in answers)
        asked_mono_ns = min(update.asked_mono_ns for update in answers)
        vouched_mono_ns = self._progress.vouched_mono_ns(slot, asked_mono_ns)
        if self._contradicts(answers):
            done.judged_pools |= self.doubt([entry.pool.address], Doubt.CONTRADICTED)
            return
        if vouched_mono_ns is None or slot <= entry.read_slot:
            return
        if entry.doubt is not None:
            if asked_mono_ns < entry.doubted_mono_ns or self._is_behind(answers) or self._misses_any(entry):
                return
            entry.doubt = None
        entry.vouch(slot, boot_id(), vouched_mono_ns, self._wall_ahead_ns(), self._progress.chain_unix_s)
        done.judged_pools.add(entry.pool.address)

    def _contradicts(self, answers: Iterable[AccountUpdate]) -> bool:
        """Whether a notification is held that says otherwise of the same slot."""
        for update in answers:
            held = self._accounts.get(update.pubkey)
            if held is not None and held.slot == update.slot and not is_same_content(held.account, update.account):
                return True
        return False

    def _is_behind(self, answers: Iterable[AccountUpdate]) -> bool:
        """Whether something newer is held than was answered."""
        return any(
            held.slot > update.slot for update in answers if (held := self._accounts.get(update.pubkey)) is not None
        )

    def _misses_any(self, entry: PoolEntry) -> bool:
        """Whether an account is gone that was there, not long ago."""
        now_mono_ns = self._clock.mono_ns()
        return any(
            now_mono_ns - gone_mono_ns < GONE_NS_MAX
            for pubkey in entry.accounts
            if (gone_mono_ns := self._gone_mono_ns.get(pubkey)) is not None
        )

    def _hand_over(self, pool_id: Pubkey, update: AccountUpdate, wall_ahead_ns: int) -> bool:
        entry = self._entries[pool_id]
        try:
            entry.pool.apply(update.pubkey, update.account)
        except CorruptAccount:
            self.counts.corrupt_count += 1
            return False
        entry.change(update.slot, update.received_mono_ns + wall_ahead_ns, self._progress.chain_unix_s)
        return True

    def _wall_ahead_ns(self) -> int:
        return self._clock.unix_ns() - self._clock.mono_ns()

    def _renew_needs(self, entry: PoolEntry, done: AppliedUpdates) -> None:
        needs = entry.pool.accounts_needed()
        if needs is entry.needs:
            return
        entry.needs = needs
        accounts = (entry.pool.address, *(need.pubkey for need in needs))
        if accounts == entry.accounts:
            return
        entry.accounts = accounts
        entry.account_set = frozenset(accounts)
        gained, lost = self._index.set_accounts(entry.pool.address, accounts)
        for pubkey in lost:
            self._accounts.pop(pubkey, None)
            self._gone_mono_ns.pop(pubkey, None)
            self.history.forget(pubkey)
        done.gained_accounts |= gained
        done.lost_accounts |= lost
        done.gained_accounts -= lost

    def _take_known_accounts(self, entry: PoolEntry, done: AppliedUpdates) -> None:
        """Give a new pool what is already held for others, such as a fee configuration they share."""
        for pubkey in entry.accounts[1:]:
            held = self._accounts.get(pubkey)
            if held is not None:
                update = AccountUpdate(pubkey, held.slot, held.account, self._clock.mono_ns(), held.source)
                self._hand_over(entry.pool.address, update, self._wall_ahead_ns())
        done.changed_pools.add(entry.pool.address)


def is_same_content(held: Account | None, new: Account | None) -> bool:
    """Whether two states of an account say the same to a pool."""
    if held is None or new is None:
        return held is new
    return held.data == new.data and held.owner == new.owner
