"""Every pool held, with the accounts it rests on: newest slot wins, and each pool knows when it was last known true.

A pool's age counts from the last time its state was confirmed current: by a notification of one of its accounts, by a
slot that arrives while all of them are followed, or by a poll that read them all; whether or not anything had changed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Final

from local_quote.dependencies import DependencyIndex, PairKey, pair_key
from quote_core.dex.pool import Account, Dex, Pool
from quote_core.errors import CorruptAccount
from quote_core.quotes import Provenance
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.units import Pubkey

__all__ = [
    "CONSTANT_PRODUCT",
    "AppliedUpdates",
    "HeldAccount",
    "PoolEntry",
    "PoolStore",
    "StoreCounts",
    "worst_provenance",
]

CONSTANT_PRODUCT: Final = frozenset({Dex.RAYDIUM_AMM_V4, Dex.RAYDIUM_CPMM, Dex.PUMPSWAP})
"""DEXes whose pools are a few small accounts and whose price does not move with time alone."""

_PROVENANCE_RANK = {
    Provenance.CHAIN: 0,
    Provenance.RECORDED: 1,
    Provenance.PATCHED: 2,
    Provenance.SYNTHETIC: 3,
}


def worst_provenance(provenances: Iterable[Provenance]) -> Provenance:
    """The one that claims least: SYNTHETIC, then PATCHED, then RECORDED, then CHAIN."""
    return max(provenances, key=_PROVENANCE_RANK.__getitem__)


@dataclass(slots=True)
class HeldAccount:
    """The newest state of one account; `account` is None when it does not exist on chain."""

    slot: int
    source: UpdateSource
    account: Account | None


@dataclass(slots=True)
class PoolEntry:
    """One pool and what is known about its state.

    `slot` is the newest one the state was known true at; `confirmed_mono_ns` when, 0 before the first time.
    """

    pool: Pool
    pair: PairKey
    provenance: Provenance
    accounts: tuple[Pubkey, ...] = ()
    account_set: frozenset[Pubkey] = frozenset()
    slot: int = 0
    confirmed_mono_ns: int = 0
    update_count: int = 0

    @property
    def is_loaded(self) -> bool:
        """Whether its state was ever known in full."""
        return self.confirmed_mono_ns > 0 and not self.pool.missing()

    def age_ns(self, now_mono_ns: int) -> int:
        """Time since the state was last known true."""
        return max(0, now_mono_ns - self.confirmed_mono_ns)


@dataclass(slots=True)
class AppliedUpdates:
    """What a set of updates did."""

    changed_pools: set[Pubkey] = field(default_factory=set)
    gained_accounts: set[Pubkey] = field(default_factory=set)
    lost_accounts: set[Pubkey] = field(default_factory=set)


@dataclass(slots=True)
class StoreCounts:
    """What happened since the start."""

    applied_count: int = 0
    unchanged_count: int = 0
    older_dropped_count: int = 0
    corrupt_count: int = 0


class PoolStore:
    """Pools by id, accounts by key. Owned by one event loop; reads between two calls see one market state."""

    def __init__(self) -> None:
        self._entries: dict[Pubkey, PoolEntry] = {}
        self._accounts: dict[Pubkey, HeldAccount] = {}
        self._index = DependencyIndex()
        self.counts = StoreCounts()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[PoolEntry]:
        return iter(self._entries.values())

    def __contains__(self, pool_id: Pubkey) -> bool:
        return pool_id in self._entries

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
        return sorted(self._index.pools_of_account(pubkey))

    def resting_on(self, pubkey: Pubkey) -> list[PoolEntry]:
        """The same as entries."""
        return [self._entries[pool_id] for pool_id in self.pool_ids_on(pubkey)]

    def add(self, pool: Pool, update: AccountUpdate, provenance: Provenance) -> AppliedUpdates:
        """Take a newly opened pool in, with the update its own account came with."""
        entry = PoolEntry(pool, pair_key(pool.mint_a, pool.mint_b), provenance)
        self._entries[pool.address] = entry
        self._index.add_pool(pool.address, entry.pair)
        self._accounts[pool.address] = HeldAccount(update.slot, update.source, update.account)
        done = AppliedUpdates()
        self._renew_needs(entry, done)
        self._take_known_accounts(entry, done)
        return done

    def apply(self, updates: Sequence[AccountUpdate]) -> AppliedUpdates:
        """Hand account updates to the pools that rest on them; older ones are dropped and counted.

        All of `updates` are applied before anything is priced, so those that belong together must come together.
        """
        done = AppliedUpdates()
        touched: set[Pubkey] = set()
        answered: dict[Pubkey, AccountUpdate] = {}
        for update in updates:
            if self._is_older(update):
                self.counts.older_dropped_count += 1
            elif not self._take(update, done, touched):
                continue
            if update.source is UpdateSource.ANSWER:
                answered[update.pubkey] = update
        self._confirm_fully_answered(answered)
        for pool_id in touched:
            self._renew_needs(self._entries[pool_id], done)
        return done

    def confirm_followed(self, followed: Set[Pubkey], slot: int, received_mono_ns: int) -> None:
        """No change of `followed` accounts up to `slot` is missing: confirm the pools that rest on nothing else."""
        for entry in self._entries.values():
            if entry.is_loaded and followed >= entry.account_set:
                _confirm(entry, slot, received_mono_ns)

    def _is_older(self, update: AccountUpdate) -> bool:
        held = self._accounts.get(update.pubkey)
        return held is not None and (update.slot, update.source.value) < (held.slot, held.source.value)

    def _take(self, update: AccountUpdate, done: AppliedUpdates, touched: set[Pubkey]) -> bool:
        """Hand one update over; False when a pool refused its bytes, which are then not held: nothing is confirmed."""
        pool_ids = tuple(self._index.pools_of_account(update.pubkey))
        held = self._accounts.get(update.pubkey)
        if held is not None and _same_content(held.account, update.account):
            self.counts.unchanged_count += 1
            held.slot, held.source = update.slot, update.source
        elif pool_ids:
            changed = [pool_id for pool_id in pool_ids if self._hand_over(pool_id, update)]
            done.changed_pools.update(changed)
            touched.update(changed)
            if len(changed) < len(pool_ids):
                return False
            self.counts.applied_count += 1
            self._accounts[update.pubkey] = HeldAccount(update.slot, update.source, update.account)
        if update.source is UpdateSource.NOTIFICATION and len(pool_ids) == 1:
            # An account that pools share says nothing about each of them.
            _confirm(self._entries[pool_ids[0]], update.slot, update.received_mono_ns)
        return True

    def _confirm_fully_answered(self, answered: Mapping[Pubkey, AccountUpdate]) -> None:
        pool_ids = {pool_id for pubkey in answered for pool_id in self._index.pools_of_account(pubkey)}
        for pool_id in pool_ids:
            entry = self._entries[pool_id]
            if answered.keys() >= entry.account_set:
                _confirm(entry, answered[pool_id].slot, answered[pool_id].received_mono_ns)

    def _hand_over(self, pool_id: Pubkey, update: AccountUpdate) -> bool:
        entry = self._entries[pool_id]
        try:
            entry.pool.apply(update.pubkey, update.account)
        except CorruptAccount:
            self.counts.corrupt_count += 1
            return False
        entry.update_count += 1
        return True

    def _renew_needs(self, entry: PoolEntry, done: AppliedUpdates) -> None:
        accounts = (entry.pool.address, *(need.pubkey for need in entry.pool.accounts_needed()))
        if accounts == entry.accounts:
            return
        entry.accounts = accounts
        entry.account_set = frozenset(accounts)
        gained, lost = self._index.set_accounts(entry.pool.address, accounts)
        for pubkey in lost:
            self._accounts.pop(pubkey, None)
        done.gained_accounts |= gained
        done.lost_accounts |= lost
        done.gained_accounts -= lost

    def _take_known_accounts(self, entry: PoolEntry, done: AppliedUpdates) -> None:
        """Give a new pool what is already held for others, such as a fee configuration they share."""
        for pubkey in entry.accounts[1:]:
            held = self._accounts.get(pubkey)
            if held is not None:
                update = AccountUpdate(pubkey, held.slot, held.account, entry.confirmed_mono_ns, held.source)
                self._hand_over(entry.pool.address, update)
        done.changed_pools.add(entry.pool.address)


def _same_content(held: Account | None, new: Account | None) -> bool:
    if held is None or new is None:
        return held is new
    return held.data == new.data and held.owner == new.owner


def _confirm(entry: PoolEntry, slot: int, received_mono_ns: int) -> None:
    entry.slot = max(entry.slot, slot)
    entry.confirmed_mono_ns = max(entry.confirmed_mono_ns, received_mono_ns)
