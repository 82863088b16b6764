"""The market as held in memory: account updates go in, priced rows come out. Does no I/O.

One update, start to end: the store takes the bytes, the cache drops what rested on the changed pools, the table
prices their rows anew, and every subscriber is marked with what changed for it.
"""

import enum
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, Protocol

from local_quote.chain_progress import SLOTS_APART_MAX, ChainProgress, Sight
from local_quote.dependencies import pair_key
from local_quote.forks import Forks
from local_quote.oracle import PriceOracle
from local_quote.pool_store import AppliedUpdates, Doubt, PoolEntry, PoolStore
from local_quote.quote_cache import QuoteCache
from local_quote.quoter import PoolQuoter, PricedSwap
from local_quote.route_finder import RoutedSwaps, RouteFinder, RouteTerms
from local_quote.row_routes import RowRouteSearch
from local_quote.row_table import LocalQuote, LocalRowTable
from local_quote.spans import PricedSpans
from local_quote.turns import PriceTurns, TurnQueue
from quote_core.clock import Clock
from quote_core.dex.pool import NEVER, Account, ChainClock, Dex, Pool, SwapMode
from quote_core.dex.programs import decode_pool
from quote_core.errors import CorruptAccount
from quote_core.freshness import Freshness
from quote_core.quotes import Provenance
from quote_core.serving import Subscriptions
from quote_core.solana import CLOCK_SYSVAR, AccountUpdate, UpdateSource, decode_clock
from quote_core.tokens import Token, TokenRegistry
from quote_core.units import Pubkey

__all__ = ["LocalMarket", "MarketWatcher", "RoutedQuote", "WantedChange"]


@dataclass(frozen=True, slots=True)
class WantedChange:
    """Accounts that came to be wanted, or no longer are; `unannounced` are those that an answer changed.

    `doubted` are pools to be read again now. Slots are those held before.
    """

    gained: frozenset[Pubkey] = field(default_factory=frozenset)
    lost: frozenset[Pubkey] = field(default_factory=frozenset)
    unannounced: Mapping[Pubkey, int] = field(default_factory=dict)
    doubted: frozenset[Pubkey] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedQuote:
    """A priced route with its place in time."""

    input_token: Token
    output_token: Token
    route: RoutedSwaps
    version: int
    quoted_unix_ns: int
    quoted_mono_ns: int


class MarketWatcher(Protocol):
    """Hears of changes on the way of an update: it marks what it is to look at later, and does no more."""

    def pools_changed(self, pool_ids: Iterable[Pubkey], /) -> None:
        """What pools give, or whether they may be quoted, has changed or may have."""
        ...

    def updates_applied(self, pool_ids: Collection[Pubkey], /) -> None:
        """Updates have changed accounts of pools, which stand as they are after all of them."""
        ...

    def pool_removed(self, entry: PoolEntry, /) -> None:
        """A pool was let go."""
        ...


_NOTHING_WANTED: Final = WantedChange()


class _Standing(enum.Enum):
    """What a pool's age and doubt make of it."""

    FRESH = 0
    STALE = 1
    UNUSABLE = 2


class LocalMarket:
    """Ties store, prices, table, cache and oracle together; everything here happens between two awaits."""

    def __init__(
        self,
        *,
        registry: TokenRegistry,
        progress: ChainProgress,
        store: PoolStore,
        quoter: PoolQuoter,
        routes: RouteFinder,
        table: LocalRowTable,
        cache: QuoteCache[LocalQuote],
        oracle: PriceOracle,
        subscriptions: Subscriptions[int, int],
        clock: Clock,
        stale_after_ns: int,
        row_routes: RowRouteSearch | None = None,
        spans: PricedSpans | None = None,
    ) -> None:
        self.registry = registry
        self.progress = progress
        self.store = store
        self.quoter = quoter
        self.routes = routes
        self.table = table
        self.row_routes = row_routes
        self.cache = cache
        self.oracle = oracle
        self.subscriptions = subscriptions
        self.stale_after_ns = stale_after_ns
        self._clock = clock
        self._spans = spans
        self._oracle_accounts = frozenset(oracle.accounts)
        self._standings: dict[Pubkey, _Standing] = {}
        self._unmeasured: dict[Pubkey, None] = {}
        self._turns = PriceTurns()
        self._agings = TurnQueue()
        self._is_clock_kept = False
        self._kept_pools: set[Pubkey] = set()
        self._kept_slot = 0  # newest slot of what was kept before the start, until an answer tells where the chain is
        self.corrupt_clock_count = 0
        self.forks = Forks()
        self.taken_back_count = 0
        """Accounts of slots that a fork took back, which came after that."""
        self.watcher: MarketWatcher | None = None

    @property
    def newest_slot(self) -> int:
        """The newest slot known of the chain; until one is seen, that of what was kept before the start."""
        return self.progress.slot or self._kept_slot

    @property
    def chain_clock(self) -> ChainClock | None:
        """The chain's time, once known."""
        return self.quoter.chain_clock

    def basic_accounts(self) -> tuple[Pubkey, ...]:
        """What is wanted whatever the pools: the chain's clock and the oracles."""
        return (CLOCK_SYSVAR, *self.oracle.accounts)

    def add_pool(self, pool: Pool, update: AccountUpdate, provenance: Provenance) -> WantedChange:
        """Take a newly found pool in."""
        if not self.progress.is_possible(update.slot, self._clock.mono_ns()):
            update = replace(update, slot=0)
        done = self.store.add(pool, update, provenance)
        self._pools_changed(done.changed_pools)  # what is cached stays until a read vouches for the pool
        return _wanted(done)

    def restore_clock(self, *, slot: int, clock: ChainClock | None) -> bool:
        """Begin from the chain's time that was kept before the start, as of `slot`.

        False, and nothing is done, where the chain is known to be further back: then what was kept is of another one.
        """
        if self.progress.slot and self._is_behind(slot, self.progress.slot):
            return False
        if not self.progress.slot:
            self._kept_slot = slot
        if self.quoter.chain_clock is None and clock is not None:
            self.quoter.chain_clock, self._is_clock_kept = clock, True
        return True

    def restore_pool(
        self, pool: Pool, accounts: Sequence[AccountUpdate], provenance: Provenance, freshness: Freshness, *, until: int
    ) -> WantedChange:
        """Take in a pool that was kept before the start, see `PoolStore.restore`."""
        done = self.store.restore(pool, accounts, provenance, freshness, until=until)
        self._kept_pools.add(pool.address)
        self._restood((pool.address,))
        self._forget_responses(done.changed_pools)
        self._pools_changed(done.changed_pools)
        return _wanted(done)

    def remove_pool(self, pool_id: Pubkey) -> WantedChange:
        """Let a pool go: its rows are given by the pair's others, or refused."""
        entry = self.store.entry(pool_id)
        assert entry is not None, pool_id
        self._forget_responses((pool_id,))
        done = self.store.remove(pool_id)
        self.routes.graph.pool_removed(pool_id)
        self._standings.pop(pool_id, None)
        self._unmeasured.pop(pool_id, None)
        self._turns.forget(pool_id)
        self._agings.note(pool_id, NEVER)
        self.subscriptions.publish(self.table.pool_removed(entry))
        if self.watcher is not None:
            self.watcher.pool_removed(entry)
        return _wanted(done)

    def apply(self, updates: Sequence[AccountUpdate]) -> WantedChange:
        """Take account updates in and price what rests on them; those that belong together come together."""
        doubted = self._see_slots(updates)
        lost = self._let_go_closed(updates) if self._kept_pools else set()
        of_pools = []
        clock_before, now_mono_ns = self.chain_clock, self._clock.mono_ns()
        dead_slots = self.forks.dead
        self.store.history.begin_moment()
        for update in updates:
            if update.slot in dead_slots:
                self.taken_back_count += 1
            elif not self.progress.is_possible(update.slot, now_mono_ns):
                doubted |= self.store.doubt(self.store.pool_ids_on(update.pubkey), Doubt.IMPOSSIBLE_SLOT)
            elif update.pubkey == CLOCK_SYSVAR:
                self._take_clock(update)
            else:
                if update.pubkey in self._oracle_accounts:
                    self.oracle.apply(update, self.progress)
                    if update.account is not None:
                        self.store.history.note_changed(update.pubkey, update.slot, update.account)
                of_pools.append(update)
        done = self.store.apply(of_pools)
        touched = done.changed_pools | self._restood(done.judged_pools | doubted)
        touched |= self._moved_by_time(clock_before)
        self._forget_responses(touched)
        changed = self._pools_changed(touched)
        if self._spans is not None:
            self._spans.priced(updates, now_mono_ns, changed)
        if self.watcher is not None and done.changed_pools:
            self.watcher.updates_applied(done.changed_pools)
        done.lost_accounts |= lost - done.gained_accounts
        return _wanted(done, doubted | {one for one in done.judged_pools if self._is_doubted(one)})

    def register(self, wanted: Iterable[tuple[Token, Token, int]]) -> list[int]:
        """Somebody subscribes to these combinations: rows of the table, priced, in the order given.

        Raises:
            TooManyQuotes: See `LocalRowTable.register`.
        """
        registered = self.table.register(wanted)
        self.subscriptions.publish(registered.changed)
        if self._spans is not None:
            self._spans.priced((), self._clock.mono_ns(), registered.rows)
        return registered.rows

    def renew_needs(self) -> WantedChange:
        """Ask for what pools came to want by being priced, whether or not anything of them has changed."""
        return _wanted(self.store.renew_priced())

    def measure_depths(self, count_max: int) -> None:
        """Measure how deep pools are that have changed, at most so many, those that changed first before others.

        Rows tell the depth measured last: it is for scores, so no price waits for it.
        """
        for pool_id in list(islice(self._unmeasured, count_max)):
            del self._unmeasured[pool_id]
            entry = self.store.entry(pool_id)
            assert entry is not None, pool_id
            self.quoter.measure_depths(entry)

    def find_row_routes(self) -> None:
        """Look for the routes that rows of one direction may take, where rows may and one is due."""
        changed = self.row_routes.step() if self.row_routes is not None else ()
        if changed:
            self.subscriptions.publish(changed)
            if self._spans is not None:
                self._spans.priced((), self._clock.mono_ns(), changed)

    def slot_seen(self, slot: int, mono_ns: int, *, parent: int | None = None) -> frozenset[Pubkey]:
        """A slot was notified, and what it was built on if the node says; returns the pools in doubt because of it."""
        doubted = self._judge(slot, mono_ns, is_answer=False)
        if self.progress.is_regressed or slot > self.progress.slot:  # beyond what can be: it was not taken
            self.forks.begin_anew()
            return frozenset(doubted)
        standing_slot = self.forks.told(slot, parent)
        if standing_slot is not None:
            doubted |= self._roll_back(standing_slot)
        return frozenset(doubted)

    def _roll_back(self, standing_slot: int) -> frozenset[Pubkey]:
        """What was learnt of slots after this one is not the chain's; returns the pools that rest on it."""
        self.oracle.roll_back(standing_slot)
        changed = [entry.pool.address for entry in self.store if entry.freshness.changed_slot > standing_slot]
        return self.doubt(changed, Doubt.ROLLED_BACK)

    def doubt(self, pool_ids: Iterable[Pubkey], reason: Doubt) -> frozenset[Pubkey]:
        """Put pools in doubt: their rows are stale now. Returns those that were not in doubt."""
        doubted = self.store.doubt(pool_ids, reason)
        self._reprice_restood(doubted)
        return frozenset(doubted)

    def begin_anew(self) -> None:
        """The node serves another chain: forget what was known of this one."""
        self._kept_slot, self._is_clock_kept = 0, False
        self.progress.begin_anew()
        self.forks.begin_anew()
        self.store.begin_anew()
        self.oracle.begin_anew()
        self.quoter.begin_anew()
        self._reprice_restood([entry.pool.address for entry in self.store])

    def sweep(self) -> int:
        """Reprice what rests on pools that went stale or past the limit; returns how many are aged."""
        self._reprice_restood(list(self._agings.take_due(self._clock.mono_ns())))
        return sum(standing is not _Standing.FRESH for standing in self._standings.values())

    def next_aging_ns(self) -> int | None:
        """Time until the next pool goes stale or past the limit; None when none can."""
        aging_mono_ns = self._agings.next_turn()
        return None if aging_mono_ns == NEVER else max(0, aging_mono_ns - self._clock.mono_ns())

    def _see_slots(self, updates: Sequence[AccountUpdate]) -> set[Pubkey]:
        """Take note of the slots that answers are of."""
        doubted: set[Pubkey] = set()
        slot = -1
        for update in updates:
            if update.source is UpdateSource.ANSWER and update.slot != slot:
                slot = update.slot
                if self._is_behind(self._kept_slot, slot):
                    self.begin_anew()
                self._kept_slot = 0
                doubted |= self._judge(slot, update.received_mono_ns, is_answer=True)
        return doubted

    def _is_behind(self, kept_slot: int, slot: int) -> bool:
        """Whether the chain at `slot` cannot be the one that was left at `kept_slot`: one begun anew, or another."""
        return slot < kept_slot - SLOTS_APART_MAX

    def _let_go_closed(self, updates: Iterable[AccountUpdate]) -> set[Pubkey]:
        """Let go what was kept as a pool and is none any more, as an answer tells; returns its accounts."""
        lost: set[Pubkey] = set()
        for update in updates:
            if update.pubkey not in self._kept_pools or update.source is not UpdateSource.ANSWER:
                continue
            entry, held = self.store.entry(update.pubkey), self.store.account(update.pubkey)
            if entry is None or entry.doubt is not Doubt.UNCONFIRMED:
                self._kept_pools.discard(update.pubkey)
            elif held is not None and update.slot >= held.slot and not _is_pool_of(entry, update.account):
                lost |= self.remove_pool(update.pubkey).lost
        return lost

    def _judge(self, slot: int, mono_ns: int, *, is_answer: bool) -> set[Pubkey]:
        was_regressed = self.progress.is_regressed
        if self.progress.see(slot, mono_ns, is_answer=is_answer) is not Sight.REGRESSION or was_regressed:
            return set()
        return set(self.doubt([entry.pool.address for entry in self.store], Doubt.REGRESSION))

    def quote(self, input_token: Token, output_token: Token, amount: int) -> LocalQuote:
        """The best of the pair's pools for one amount, from the cache or priced now.

        Raises:
            MarketError: See `PoolQuoter.best`.
        """
        pair, key = pair_key(input_token.mint, output_token.mint), (input_token.mint, amount)
        now_mono_ns = self._clock.mono_ns()
        cached = self.cache.get(pair, key, now_mono_ns)
        if cached is not None and self._is_as_it_was(cached.swap.entry):
            return cached
        swap = self.quoter.best(input_token, output_token, amount)
        quote = self._timed(input_token, output_token, swap)
        self.cache.put(pair, key, quote, now_mono_ns)
        return quote

    def chosen(
        self, input_token: Token, output_token: Token, amount: int, *, mode: SwapMode, dexes: Set[Dex]
    ) -> LocalQuote:
        """The best of the pair's pools of some DEXes for one amount of either side, priced now.

        Raises:
            MarketError: See `PoolQuoter.chosen`.
        """
        swap = self.quoter.chosen(input_token, output_token, amount, mode=mode, dexes=dexes)
        return self._timed(input_token, output_token, swap)

    def routed(
        self, input_token: Token, output_token: Token, amount: int, *, mode: SwapMode, terms: RouteTerms
    ) -> RoutedQuote:
        """The best route for one amount of either side, searched and priced now.

        Raises:
            MarketError: See `RouteFinder.best`.
        """
        return RoutedQuote(
            input_token=input_token,
            output_token=output_token,
            route=self.routes.best(input_token, output_token, amount, mode=mode, terms=terms),
            version=self.store.counts.applied_count,  # any pool's change may be one of the best route
            quoted_unix_ns=self._clock.unix_ns(),
            quoted_mono_ns=self._clock.mono_ns(),
        )

    def paired(
        self, input_token: Token, output_token: Token, amount: int, reverse_amount: int
    ) -> tuple[LocalQuote, LocalQuote]:
        """Forward and reverse from the state held now; `reverse_amount` 0 = the forward output.

        Raises:
            MarketError: See `PoolQuoter.best`.
        """
        forward = self.quote(input_token, output_token, amount)
        return forward, self.quote(output_token, input_token, reverse_amount or forward.swap.output_amount)

    def _is_as_it_was(self, entry: PoolEntry) -> bool:
        """Whether a pool, by time alone, is not another one to quote from than when it was last looked at."""
        return self._standing(entry) is self._standings.get(entry.pool.address)

    def _timed(self, input_token: Token, output_token: Token, swap: PricedSwap) -> LocalQuote:
        row = self.table.find(input_token.mint, output_token.mint, swap.input_amount)
        held = self.store.of_pair(input_token.mint, output_token.mint)
        return LocalQuote(
            input_token=input_token,
            output_token=output_token,
            swap=swap,
            # An amount without a row counts the updates of all pools it rests on, which only grows too.
            version=sum(entry.update_count for entry in held) if row is None else self.table.quotes.version(row),
            quoted_unix_ns=self._clock.unix_ns(),
            quoted_mono_ns=self._clock.mono_ns(),
        )

    def _take_clock(self, update: AccountUpdate) -> None:
        before = self.quoter.chain_clock
        if update.account is None:
            return
        try:
            after = decode_clock(update.account)
        except CorruptAccount:
            self.corrupt_clock_count += 1
            return
        if not self.progress.is_possible(after.slot, self._clock.mono_ns()):
            self.corrupt_clock_count += 1
        elif before is None or after.slot >= before.slot or self._is_clock_kept:
            self.quoter.chain_clock, self._is_clock_kept = after, False
            self.store.history.note(CLOCK_SYSVAR, after.slot, update.account)
            self.progress.see_chain_time(
                after.unix_timestamp,
                now_unix_ns=self._clock.unix_ns(),
                is_real_time=self.store.is_of_chain,
            )

    def _moved_by_time(self, before: ChainClock | None) -> set[Pubkey]:
        """Pools that may price otherwise only because the chain's clock went on: those that turn, all when it is new.

        A clock of a newer slot whose time or epoch is earlier takes back what was said of turns, too.
        """
        now = self.chain_clock
        if now is None or now is before:
            return set()
        if before is None or now.unix_timestamp < before.unix_timestamp or now.epoch < before.epoch:
            every = {entry.pool.address for entry in self.store}
            self._restood(every)  # without the chain's time none was usable
            return every
        return self._turns.take_due(now)

    def _restood(self, pool_ids: Iterable[Pubkey]) -> set[Pubkey]:
        """Those of the pools that came to be fresh, stale or unusable since they were last looked at."""
        restood = set()
        for pool_id in pool_ids:
            entry = self.store.entry(pool_id)
            assert entry is not None, pool_id
            standing = self._standing(entry)
            if self._standings.get(pool_id, _Standing.UNUSABLE) is not standing:
                restood.add(pool_id)
            self._standings[pool_id] = standing
            self._agings.note(pool_id, self._aging_mono_ns(entry))
        return restood

    def _aging_mono_ns(self, entry: PoolEntry) -> int:
        """When time alone makes a pool stale, or takes it past the limit; `NEVER` when it has done both."""
        vouched_mono_ns, now_mono_ns = entry.vouched_mono_ns, self._clock.mono_ns()
        refused_mono_ns = entry.usable_until_mono_ns(self.quoter.refuse_after_ns)
        agings = (limit_mono_ns + 1 for limit_mono_ns in (vouched_mono_ns + self.stale_after_ns, refused_mono_ns))
        return min((aging for aging in agings if aging > now_mono_ns), default=NEVER)

    def _standing(self, entry: PoolEntry) -> _Standing:
        if not self.quoter.is_usable(entry):
            return _Standing.UNUSABLE
        return _Standing.STALE if self.quoter.is_stale(entry) else _Standing.FRESH

    def _reprice_restood(self, pool_ids: Iterable[Pubkey]) -> None:
        restood = self._restood(pool_ids)
        self._forget_responses(restood)
        self._pools_changed(restood)

    def _is_doubted(self, pool_id: Pubkey) -> bool:
        entry = self.store.entry(pool_id)
        return entry is not None and entry.doubt is not None

    def _pools_changed(self, pool_ids: Collection[Pubkey]) -> list[int]:
        now = self.chain_clock
        for pool_id in pool_ids:
            entry = self.store.entry(pool_id)
            assert entry is not None, pool_id
            self.quoter.pool_changed(entry)
            self._unmeasured[pool_id] = None
            if now is not None:
                self._turns.note(pool_id, entry.pool.price_holds_until(now))
        self.routes.graph.pools_changed(pool_ids)
        changed = self.table.pools_changed(pool_ids)
        if changed:
            self.subscriptions.publish(changed)
        if self.watcher is not None:
            self.watcher.pools_changed(pool_ids)
        return changed

    def _forget_responses(self, pool_ids: Iterable[Pubkey]) -> None:
        for pool_id in pool_ids:
            entry = self.store.entry(pool_id)
            assert entry is not None, pool_id
            self.cache.invalidate(entry.pair)

    def lamports_per_unit(self, mint: Pubkey) -> float | None:
        """What a smallest unit of a token is worth by the oracles; `None` where that is not known now."""
        return self.oracle.lamports_per_unit(self.registry.by_mint(mint, field="mint"), self.chain_clock)

    def directions_quoted(self) -> tuple[int, int]:
        """How many directions of the watched pairs some usable pool quotes, and how many there are."""
        quoted_count = total_count = 0
        for pair in self.registry.pairs:
            for input_token, output_token in pair.directions():
                total_count += 1
                usable = self.quoter.usable(input_token.mint, output_token.mint)
                quoted_count += any(not self.quoter.closed_reason(entry) for entry in usable)
        return quoted_count, total_count


def _is_pool_of(entry: PoolEntry, account: Account | None) -> bool:
    """Whether an account is the pool still that it was."""
    if account is None:
        return False
    try:
        pool = decode_pool(entry.pool.address, account)
    except CorruptAccount:
        return False
    return (pool.dex, pool.mint_a, pool.mint_b) == (entry.pool.dex, entry.pool.mint_a, entry.pool.mint_b)


def _wanted(done: AppliedUpdates, doubted: Collection[Pubkey] = ()) -> WantedChange:
    if not (done.gained_accounts or done.lost_accounts or done.unannounced or doubted):
        return _NOTHING_WANTED  # as after nearly every swap
    return WantedChange(
        frozenset(done.gained_accounts), frozenset(done.lost_accounts), done.unannounced, frozenset(doubted)
    )
