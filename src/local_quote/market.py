"""The market as held in memory: account updates go in, priced rows come out. Does no I/O.

One update, start to end: the store takes the bytes, the cache drops what rested on the changed pools, the table
prices their rows anew, and every subscriber is marked with what changed for it.
"""

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass, field

from local_quote.dependencies import pair_key
from local_quote.oracle import Oracle
from local_quote.pool_store import CONSTANT_PRODUCT, PoolEntry, PoolStore
from local_quote.quote_cache import QuoteCache
from local_quote.quote_table import Quote, QuoteTable, Row
from local_quote.quoter import PricedSwap, Quoter
from local_quote.subscriptions import Subscriptions
from quote_core.clock import Clock
from quote_core.dex.pool import ChainClock, Pool
from quote_core.errors import CorruptAccount
from quote_core.quotes import Provenance
from quote_core.solana import CLOCK_SYSVAR, AccountUpdate, decode_clock
from quote_core.tokens import Token, TokenRegistry
from quote_core.units import Pubkey

__all__ = ["Market", "WantedChange"]


@dataclass(frozen=True, slots=True)
class WantedChange:
    """Accounts that came to be wanted, or no longer are."""

    gained: frozenset[Pubkey] = field(default_factory=frozenset)
    lost: frozenset[Pubkey] = field(default_factory=frozenset)


class Market:
    """Ties store, prices, table, cache and oracle together; everything here happens between two awaits."""

    def __init__(
        self,
        *,
        registry: TokenRegistry,
        store: PoolStore,
        quoter: Quoter,
        table: QuoteTable,
        cache: QuoteCache[Quote],
        oracle: Oracle,
        subscriptions: Subscriptions,
        clock: Clock,
        stale_after_ns: int,
    ) -> None:
        self.registry = registry
        self.store = store
        self.quoter = quoter
        self.table = table
        self.cache = cache
        self.oracle = oracle
        self.subscriptions = subscriptions
        self.stale_after_ns = stale_after_ns
        self._clock = clock
        self._oracle_accounts = frozenset(oracle.accounts)
        self._aged: set[Pubkey] = set()
        self._open: set[Pubkey] = set()
        self._slot_before: tuple[int, int] | None = None
        self.corrupt_clock_count = 0

    @property
    def chain_clock(self) -> ChainClock | None:
        """The chain's time, once known."""
        return self.quoter.chain_clock

    def basic_accounts(self) -> tuple[Pubkey, ...]:
        """What is wanted whatever the pools: the chain's clock and the oracles."""
        return (CLOCK_SYSVAR, *self.oracle.accounts)

    def add_pool(self, pool: Pool, update: AccountUpdate, provenance: Provenance) -> WantedChange:
        """Take a newly found pool in."""
        done = self.store.add(pool, update, provenance)
        self._pools_changed(done.changed_pools)
        return WantedChange(frozenset(done.gained_accounts), frozenset(done.lost_accounts))

    def apply(self, updates: Sequence[AccountUpdate]) -> WantedChange:
        """Take account updates in and price what rests on them."""
        of_pools = []
        clock_before = self.chain_clock
        for update in updates:
            if update.pubkey == CLOCK_SYSVAR:
                self._take_clock(update)
            else:
                if update.pubkey in self._oracle_accounts:
                    self.oracle.apply(update)
                of_pools.append(update)
        done = self.store.apply(of_pools)
        touched = done.changed_pools | self._recovered()
        for pool_id in touched:
            self._forget_responses(pool_id)
        self._pools_changed(touched | self._moved_by_time(clock_before))
        return WantedChange(frozenset(done.gained_accounts), frozenset(done.lost_accounts))

    def slot_seen(self, slot: int, received_mono_ns: int, followed: Set[Pubkey]) -> None:
        """A slot began while `followed` accounts are: no change of theirs up to the slot before is missing."""
        if self._slot_before is not None and slot > self._slot_before[0]:
            self.store.confirm_followed(followed, *self._slot_before)
            recovered = self._recovered()
            if recovered:
                self._pools_changed(recovered)
        self._slot_before = slot, received_mono_ns

    def sweep(self) -> int:
        """Reprice what rests on pools that went stale or past the limit; returns how many are aged."""
        now_mono_ns = self._clock.mono_ns()
        self._aged = {
            entry.pool.address
            for entry in self.store
            if entry.is_loaded and entry.age_ns(now_mono_ns) > self.stale_after_ns
        }
        for pool_id in self._aged:
            self._forget_responses(pool_id)
        self._pools_changed(self._aged)
        return len(self._aged)

    def quote(self, input_token: Token, output_token: Token, amount: int) -> Quote:
        """The best of the pair's pools for one amount, from the cache or priced now.

        Raises:
            MarketError: See `Quoter.best`.
        """
        pair, key = pair_key(input_token.mint, output_token.mint), (input_token.mint, amount)
        now_mono_ns = self._clock.mono_ns()
        cached = self.cache.get(pair, key, now_mono_ns)
        if cached is not None and self.quoter.is_usable(cached.swap.entry):
            return cached
        swap = self.quoter.best(input_token, output_token, amount)
        quote = self._timed(input_token, output_token, swap)
        self.cache.put(pair, key, quote, now_mono_ns)
        return quote

    def paired(self, input_token: Token, output_token: Token, amount: int, reverse_amount: int) -> tuple[Quote, Quote]:
        """Forward and reverse from the state held now; `reverse_amount` 0 = the forward output.

        Raises:
            MarketError: See `Quoter.best`.
        """
        forward = self.quote(input_token, output_token, amount)
        return forward, self.quote(output_token, input_token, reverse_amount or forward.swap.output_amount)

    def _timed(self, input_token: Token, output_token: Token, swap: PricedSwap) -> Quote:
        row = self.table.row(input_token.mint, output_token.mint, swap.input_amount)
        held = self.store.of_pair(input_token.mint, output_token.mint)
        return Quote(
            input_token=input_token,
            output_token=output_token,
            swap=swap,
            # An amount without a row counts the updates of all pools it rests on, which only grows too.
            version=row.version if row is not None else sum(entry.update_count for entry in held),
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
        if before is None or after.slot >= before.slot:
            self.quoter.chain_clock = after

    def _moved_by_time(self, before: ChainClock | None) -> set[Pubkey]:
        """Pools that may price otherwise only because the chain's clock went on."""
        now = self.chain_clock
        if now is None or (before is not None and before.unix_timestamp == now.unix_timestamp):
            return set()
        is_new_epoch = before is None or before.epoch != now.epoch  # transfer fees change with the epoch
        return {
            entry.pool.address
            for entry in self.store
            if is_new_epoch or entry.pool.dex not in CONSTANT_PRODUCT or self._opens_now(entry)
        }

    def _opens_now(self, entry: PoolEntry) -> bool:
        pool_id = entry.pool.address
        was_open, is_open = pool_id in self._open, not self.quoter.closed_reason(entry)
        (self._open.add if is_open else self._open.discard)(pool_id)
        return was_open != is_open

    def _recovered(self) -> set[Pubkey]:
        """Pools that were aged at the last sweep and have been confirmed since."""
        if not self._aged:
            return set()
        now_mono_ns = self._clock.mono_ns()
        recovered = {
            pool_id
            for pool_id in self._aged
            if (entry := self.store.entry(pool_id)) is not None and entry.age_ns(now_mono_ns) <= self.stale_after_ns
        }
        self._aged -= recovered
        return recovered

    def _pools_changed(self, pool_ids: Collection[Pubkey]) -> None:
        for pool_id in pool_ids:
            self.quoter.pool_changed(pool_id)
        changed: list[Row] = self.table.pools_changed(pool_ids)
        self.subscriptions.publish(changed)

    def _forget_responses(self, pool_id: Pubkey) -> None:
        entry = self.store.entry(pool_id)
        assert entry is not None, pool_id
        self.cache.invalidate(entry.pair)

    def directions_quoted(self) -> tuple[int, int]:
        """How many directions of the watched pairs some usable pool quotes, and how many there are."""
        quoted_count = total_count = 0
        for pair in self.registry.pairs:
            for input_token, output_token in pair.directions():
                total_count += 1
                usable = self.quoter.usable(input_token.mint, output_token.mint)
                quoted_count += any(not self.quoter.closed_reason(entry) for entry in usable)
        return quoted_count, total_count
