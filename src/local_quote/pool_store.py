"""Every pool held, with the accounts it rests on: newest slot wins, and each pool knows when it was last vouched for.

Who vouches is told in `docs/freshness.md`: only a full answer of a chain that advances. Notifications change a pool at
once and make it no younger. What cannot be relied on puts a pool in *doubt*, which only a full answer ends that was
asked for after the doubt arose.
"""

import enum
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from local_quote.chain_progress import ChainProgress
from local_quote.dependencies import DependencyIndex, PairKey, pair_key
from quote_core.clock import AGE_UNKNOWN_NS, Clock, Moment, boot_id
from quote_core.dex.pool import Account, AccountNeed, Dex, Pool, Swap
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
]

CONSTANT_PRODUCT: Final = frozenset({Dex.RAYDIUM_AMM_V4, Dex.RAYDIUM_CPMM, Dex.PUMPSWAP})
"""DEXes whose pools are a few small accounts, cheap to read often."""

GONE_NS_MAX: Final = 600 * NS_PER_S
"""Programs hardly ever close what a live pool rests on: an account that is gone is doubted for this long."""


class Doubt(enum.Enum):
    """Why what is held of a pool cannot be relied on."""

    UNREAD = "not read yet"
    UNREADABLE = "an account that cannot be read"
    REFUSED = "an account that the pool refused"
    GONE = "an account that is gone"
    HALF_SWAP = "a part of a swap did not arrive"
    CONTRADICTED = "an answer says otherwise than a notification of the same slot"
    WENT_BACK = "a change was taken back"
    LOSSY_FEED = "a change was notified while notifications are being lost"
    IMPOSSIBLE_SLOT = "a slot that the chain cannot have reached"
    REGRESSION = "the node's slots went back"
    OTHER_CHAIN = "the node serves another chain"


@dataclass(slots=True)
class HeldAccount:
    """The newest state of one account; `account` is None when it does not exist on chain."""

    slot: int
    source: UpdateSource
    account: Account | None


@dataclass(slots=True)
class PoolEntry:
    """One pool and what is known about its state.

    Attributes:
        needs: What its accounts were last made of; a pool whose needs are the same gives the same object.
        freshness: When it was last vouched for, and when it last changed.
        doubt: Why it is not to be relied on; None when it is.
        doubted_mono_ns: When the doubt arose, or was last confirmed.
        read_slot: The slot of the last full answer that vouched.
        update_count: How often an account of it changed.
        is_priced: Whether it was priced since its needs were last looked at, which may have made it want more.
    """

    pool: Pool
    pair: PairKey
    provenance: Provenance
    needs: Sequence[AccountNeed] = ()
    accounts: tuple[Pubkey, ...] = ()
    account_set: frozenset[Pubkey] = frozenset()
    freshness: Freshness = NEVER_VOUCHED
    doubt: Doubt | None = Doubt.UNREAD
    doubted_mono_ns: int = 0
    read_slot: int = 0
    update_count: int = 0
    is_priced: bool = False

    def to_price(self) -> Pool:
        """The pool, for pricing: it asks for the accounts that an amount runs out of, see `PoolStore.renew_priced`."""
        self.is_priced = True
        return self.pool

    @property
    def is_loaded(self) -> bool:
        """Whether its state was ever vouched for in full."""
        return self.freshness.vouched.mono_ns > 0 and not self.pool.missing()

    @property
    def slot(self) -> int:
        """The newest slot at which the state is known true."""
        return self.freshness.vouched_slot

    def age_ns(self, now_mono_ns: int) -> int:
        """Time since the state was last vouched for; `AGE_UNKNOWN_NS` when it never was."""
        vouched_mono_ns = self.freshness.vouched.mono_ns
        return max(0, now_mono_ns - vouched_mono_ns) if vouched_mono_ns else AGE_UNKNOWN_NS

    def is_stale(self, now_mono_ns: int, stale_after_ns: int) -> bool:
        """Whether it is in doubt or older than `stale_after_ns`."""
        return self.doubt is not None or now_mono_ns - self.freshness.vouched.mono_ns > stale_after_ns


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

    def __init__(self, *, progress: ChainProgress, clock: Clock) -> None:
        self._progress = progress
        self._clock = clock
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
        # A full answer names the pool itself: others that rest on one of its accounts need no look.
        for entry in [entry for pubkey in answered if (entry := self._entries.get(pubkey)) is not None]:
            if answered.keys() >= entry.account_set:
                self._vouch(entry, [answered[pubkey] for pubkey in entry.accounts], done)
        for pool_id in touched:
            self._renew_needs(self._entries[pool_id], done)
        return done

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
            if entry.doubt is not Doubt.UNREAD:
                entry.doubt = reason
            entry.doubted_mono_ns = now_mono_ns
        return new

    def begin_anew(self) -> None:
        """The node serves another chain: forget every account; pools are loaded again once they are read there."""
        self._accounts.clear()
        self._gone_mono_ns.clear()
        self.doubt(self._entries, Doubt.OTHER_CHAIN)
        for entry in self._entries.values():
            entry.freshness = NEVER_VOUCHED
            entry.read_slot = 0

    def _is_older(self, update: AccountUpdate) -> bool:
        held = self._accounts.get(update.pubkey)
        return held is not None and (update.slot, update.source) < (held.slot, held.source)

    def _take(self, update: AccountUpdate, done: AppliedUpdates, touched: set[Pubkey]) -> bool:
        """Hand one update over; False when a pool refused its bytes, which are then not held."""
        held = self._accounts.get(update.pubkey)
        if held is not None and _same_content(held.account, update.account):
            self.counts.unchanged_count += 1
            held.slot, held.source = update.slot, update.source
            return True
        pool_ids = tuple(self._index.pools_of_account(update.pubkey))
        if not pool_ids:
            return True
        if held is not None and held.account is not None and update.account is None:
            self._gone_mono_ns.setdefault(update.pubkey, self._clock.mono_ns())
            done.judged_pools |= self.doubt(pool_ids, Doubt.GONE)
        changed = [pool_id for pool_id in pool_ids if self._hand_over(pool_id, update)]
        done.changed_pools.update(changed)
        touched.update(changed)
        if len(changed) < len(pool_ids):
            done.judged_pools |= self.doubt(set(pool_ids) - set(changed), Doubt.REFUSED)
            return False
        self.counts.applied_count += 1
        if update.account is not None:
            self._gone_mono_ns.pop(update.pubkey, None)
        if held is not None and update.source is UpdateSource.ANSWER:
            done.unannounced[update.pubkey] = held.slot
        self._accounts[update.pubkey] = HeldAccount(update.slot, update.source, update.account)
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
        entry.read_slot = slot
        before = entry.freshness
        entry.freshness = Freshness(
            vouched=self._moment(max(before.vouched.mono_ns, vouched_mono_ns)),
            vouched_slot=max(before.vouched_slot, slot),
            changed_unix_ns=before.changed_unix_ns,
            changed_slot=before.changed_slot,
            chain_unix_s=self._progress.chain_unix_s,
        )
        done.judged_pools.add(entry.pool.address)

    def _contradicts(self, answers: Iterable[AccountUpdate]) -> bool:
        """Whether a notification is held that says otherwise of the same slot."""
        for update in answers:
            held = self._accounts.get(update.pubkey)
            if held is not None and held.slot == update.slot and not _same_content(held.account, update.account):
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

    def _hand_over(self, pool_id: Pubkey, update: AccountUpdate) -> bool:
        entry = self._entries[pool_id]
        try:
            entry.pool.apply(update.pubkey, update.account)
        except CorruptAccount:
            self.counts.corrupt_count += 1
            return False
        entry.update_count += 1
        before = entry.freshness
        entry.freshness = Freshness(
            vouched=before.vouched,
            vouched_slot=max(before.vouched_slot, update.slot),
            changed_unix_ns=self._moment(update.received_mono_ns).unix_ns,
            changed_slot=max(before.changed_slot, update.slot),
            chain_unix_s=self._progress.chain_unix_s,
        )
        return True

    def _moment(self, mono_ns: int) -> Moment:
        return Moment(boot_id(), mono_ns, self._clock.unix_ns() - (self._clock.mono_ns() - mono_ns))

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
        done.gained_accounts |= gained
        done.lost_accounts |= lost
        done.gained_accounts -= lost

    def _take_known_accounts(self, entry: PoolEntry, done: AppliedUpdates) -> None:
        """Give a new pool what is already held for others, such as a fee configuration they share."""
        for pubkey in entry.accounts[1:]:
            held = self._accounts.get(pubkey)
            if held is not None:
                update = AccountUpdate(pubkey, held.slot, held.account, self._clock.mono_ns(), held.source)
                self._hand_over(entry.pool.address, update)
        done.changed_pools.add(entry.pool.address)


def _same_content(held: Account | None, new: Account | None) -> bool:
    if held is None or new is None:
        return held is new
    return held.data == new.data and held.owner == new.owner
