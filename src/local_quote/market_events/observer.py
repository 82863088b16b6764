"""What the market held has to tell: looked at on a timer beside the way of a price. Does no I/O.

On the way of an update it costs a mark for each changed pool, and a look at the two vaults (`LocalMarket.watcher`);
everything else is read from what is held, for the pools and pairs that are marked, a bounded number at a look.
docs/market-events.md says what each figure is.
"""

from collections import deque
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from local_quote.dependencies import PairKey, pair_key
from local_quote.market import LocalMarket
from local_quote.market_events.conflation import Conflation
from local_quote.market_events.vault_trades import PoolTrade, VaultSight, VaultTrades
from local_quote.market_events.volume_windows import Spike, VolumeWindows
from local_quote.pool_store import PoolEntry
from local_quote.quoter import PricedSwap
from quote_core.clock import Clock
from quote_core.dex.pool import Direction
from quote_core.dex.spl_token import token_amount
from quote_core.errors import MarketError, UnknownToken
from quote_core.events import (
    REASON_CHARS_MAX,
    Header,
    LargeTrade,
    LiquidityUpdate,
    PoolStateChange,
    PriceUpdate,
    SlotUpdate,
    SpreadUpdate,
    VolumeSpike,
    fit_text,
    stamp,
)
from quote_core.events.subjects import is_subject_token
from quote_core.quotes import route_id
from quote_core.tokens import Token
from quote_core.units import BPS, NS_PER_MS, U64_MAX, Pubkey

__all__ = ["MarketObserver", "ObserverTerms", "spread_bps_ceil"]

PAIRS_A_LOOK: Final = 8
"""Pairs priced at one look, each on all its pools both ways; the others are next."""
POOLS_A_LOOK: Final = 64
"""Pools looked at likewise."""
TRADES_MAX: Final = 4_096
"""Trades kept until the next look; more push out the oldest."""
_NO_LONGER_HELD: Final = "no longer held"

_Marked = TypeVar("_Marked")
_Held = TypeVar("_Held")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserverTerms:
    """What is told.

    Attributes:
        amount_lamports: What prices and spreads are of.
        trade_lamports_min: Trades, and windows that spike, worth less are not told.
        window_ns: Of volumes.
        spike_deviations: See `VolumeWindows`.
    """

    amount_lamports: int
    trade_lamports_min: int
    window_ns: int
    spike_deviations: float


class MarketObserver:
    """Watches a market, and puts what is to be told into `waiting`."""

    def __init__(self, *, market: LocalMarket, waiting: Conflation, clock: Clock, terms: ObserverTerms) -> None:
        self._market = market
        self._waiting = waiting
        self._clock = clock
        self._terms = terms
        self._names = {
            pair_key(pair.base.mint, pair.quote.mint): name
            for pair in market.registry.pairs
            if is_subject_token(name := f"{pair.base.symbol}-{pair.quote.symbol}")
        }
        self._priced = {
            pair_key(base.mint, quote.mint): (base, quote)
            for pair in market.registry.pairs
            for base, quote in pair.directions()
            if base.category == "native"
        }
        self._vaults = VaultTrades()
        self._volumes = VolumeWindows(window_ns=terms.window_ns, limit=terms.spike_deviations)
        self._trades: deque[PoolTrade] = deque(maxlen=TRADES_MAX)
        self._trade_number = 0
        self._pools: dict[Pubkey, None] = {}  # marked, as are the following
        self._depths: dict[Pubkey, None] = {}
        self._pairs: dict[PairKey, None] = {}
        self._gone: dict[Pubkey, PairKey] = {}
        self._told: dict[Hashable, tuple[object, ...]] = {}  # what was last told of a key
        self.lost_trade_count = 0
        """Trades pushed out before anybody looked."""

    def begin(self) -> None:
        """Tell of everything anew: nobody has heard of it."""
        self._told.clear()
        self._pools.update(dict.fromkeys(entry.pool.address for entry in self._market.store))

    def pools_changed(self, pool_ids: Iterable[Pubkey]) -> None:
        """Mark pools; on the way of an update."""
        self._pools.update(dict.fromkeys(pool_ids))

    def updates_applied(self, pool_ids: Collection[Pubkey]) -> None:
        """Look at the vaults of pools that updates have changed; on the way of an update."""
        held_entry, held_account = self._market.store.entry, self._market.store.account
        for pool_id in pool_ids:
            entry = held_entry(pool_id)
            if entry is None or entry.doubt is not None:
                self._vaults.forget(pool_id)
                continue
            a, b = held_account(entry.pool.vault_a), held_account(entry.pool.vault_b)
            if a is None or b is None or a.account is None or b.account is None:
                self._vaults.forget(pool_id)
                continue
            sight = VaultSight(
                entry.changed_slot, token_amount(a.account.data), token_amount(b.account.data), entry.doubted_mono_ns
            )
            trade = self._vaults.see(pool_id, sight)
            if trade is not None:
                self.lost_trade_count += len(self._trades) == TRADES_MAX
                self._trades.append(trade)

    def pool_removed(self, entry: PoolEntry) -> None:
        """A pool was let go."""
        pool_id = entry.pool.address
        self._vaults.forget(pool_id)
        self._volumes.forget(pool_id)
        self._pools.pop(pool_id, None)
        self._depths.pop(pool_id, None)
        self._told.pop((LiquidityUpdate, pool_id), None)
        self._pairs[entry.pair] = None
        if (PoolStateChange, pool_id) in self._told:
            self._gone[pool_id] = entry.pair

    def look(self) -> None:
        """Put what has changed since the last time into what waits."""
        self._look_at_slot()
        for pool_id, pair in _taken(self._gone, POOLS_A_LOOK):
            self._tell_state(pool_id, pair, _NO_LONGER_HELD, self._market.newest_slot)
            self._told.pop((PoolStateChange, pool_id), None)
        if self._market.chain_clock is None:
            return
        for trade in list(self._trades):
            self._look_at_trade(trade)
        self._trades.clear()
        for spike in self._volumes.close_due(self._clock.mono_ns()):
            self._look_at_spike(spike)
        for pool_id, _ in _taken(self._pools, POOLS_A_LOOK):
            if (entry := self._market.store.entry(pool_id)) is not None:
                self._look_at_pool(entry)
        for pair, _ in _taken(self._pairs, PAIRS_A_LOOK):
            self._look_at_pair(pair)
        for pool_id in list(islice(self._depths, POOLS_A_LOOK)):
            self._look_at_depth(pool_id)

    def _look_at_slot(self) -> None:
        slot, clock = self._market.progress.slot, self._market.chain_clock
        if slot and self._is_news(SlotUpdate, (slot,)):
            unix_s = 0 if clock is None else clock.unix_timestamp
            parent = self._market.forks.parent(slot) or 0
            self._waiting.put(
                SlotUpdate, SlotUpdate(header=self._header(slot), parent_slot=parent, unix_timestamp=unix_s)
            )

    def _look_at_trade(self, trade: PoolTrade) -> None:
        self._volumes.add(trade.pool_id, trade.a_amount)
        entry = self._market.store.entry(trade.pool_id)
        if entry is None:
            return
        pool = entry.pool
        one, other = (pool.mint_a, pool.mint_b) if trade.is_a_in else (pool.mint_b, pool.mint_a)
        value = self._value_floor(one, trade.input_amount)
        if value is None:
            value = self._value_floor(other, trade.output_amount)
        if value is None or value < self._terms.trade_lamports_min:
            return
        self._trade_number += 1
        event = LargeTrade(
            header=self._header(trade.slot),
            pool_id=trade.pool_id,
            input_mint=one,
            output_mint=other,
            input_amount=trade.input_amount,
            output_amount=trade.output_amount,
            signature="",
            pair=self._name(entry.pair),
            value_lamports=min(value, U64_MAX),
        )
        self._waiting.put((LargeTrade, self._trade_number), event)

    def _look_at_spike(self, spike: Spike) -> None:
        entry = self._market.store.entry(spike.pool_id)
        if entry is None:
            return
        value = self._value_floor(entry.pool.mint_a, spike.volume_amount)
        if value is None or value < self._terms.trade_lamports_min:
            return
        event = VolumeSpike(
            header=self._header(entry.changed_slot),
            pool_id=spike.pool_id,
            window_ms=self._terms.window_ns // NS_PER_MS,
            volume_amount=min(spike.volume_amount, U64_MAX),
            usual_volume_amount=min(spike.usual_amount, U64_MAX),
            pair=self._name(entry.pair),
            mint_a=entry.pool.mint_a,
            deviation_amount=min(spike.deviation_amount, U64_MAX),
            window_count=spike.window_count,
        )
        self._waiting.put((VolumeSpike, spike.pool_id), event)

    def _look_at_pool(self, entry: PoolEntry) -> None:
        pool_id = entry.pool.address
        self._depths[pool_id] = None
        self._pairs[entry.pair] = None
        self._tell_state(pool_id, entry.pair, self._why_not_tradable(entry), entry.slot)

    def _why_not_tradable(self, entry: PoolEntry) -> str:
        quoter = self._market.quoter
        if not entry.is_loaded:
            return "not read yet" if entry.doubt is None else entry.doubt.value
        if not quoter.is_usable(entry):
            return "its state was vouched for too long ago to be quoted"
        return quoter.closed_reason(entry)

    def _tell_state(self, pool_id: Pubkey, pair: PairKey, reason: str, slot: int) -> None:
        if not self._is_news((PoolStateChange, pool_id), (reason,)):
            return
        event = PoolStateChange(
            header=self._header(slot),
            pool_id=pool_id,
            tradable=not reason,
            reason=fit_text(reason, REASON_CHARS_MAX),
            pair=self._name(pair),
        )
        self._waiting.put((PoolStateChange, pool_id), event)

    def _look_at_depth(self, pool_id: Pubkey) -> None:
        """Depths are measured beside the way, too, where rows rest on a pool: a mark stays until both are."""
        entry = self._market.store.entry(pool_id)
        if entry is None or not self._market.quoter.is_usable(entry):
            del self._depths[pool_id]
            return
        a, b = entry.prices.known(Direction.A_TO_B), entry.prices.known(Direction.B_TO_A)
        del self._depths[pool_id]
        if a is None or b is None:
            self._depths[pool_id] = None  # behind the others
            return
        if not self._is_news((LiquidityUpdate, pool_id), (a.depth_amount, b.depth_amount)):
            return
        event = LiquidityUpdate(
            header=self._header(entry.slot),
            pool_id=pool_id,
            depth_a_amount=a.depth_amount,
            depth_b_amount=b.depth_amount,
            pair=self._name(entry.pair),
            mint_a=entry.pool.mint_a,
            mint_b=entry.pool.mint_b,
        )
        self._waiting.put((LiquidityUpdate, pool_id), event)

    def _look_at_pair(self, pair: PairKey) -> None:
        if pair not in self._priced:
            return
        native, other = self._priced[pair]
        amount, quoter = self._terms.amount_lamports, self._market.quoter
        try:
            forward = quoter.best(native, other, amount)
            self._tell_price(pair, native, other, forward)
            reverse = quoter.best(other, native, forward.output_amount)
            self._tell_price(pair, other, native, reverse)
        except MarketError:
            return  # there is no price: the states of its pools say why
        told = (forward.output_amount, reverse.output_amount, forward.entry.pool.address, reverse.entry.pool.address)
        if not self._is_news((SpreadUpdate, pair), told):
            return
        event = SpreadUpdate(
            header=self._header(min(forward.entry.slot, reverse.entry.slot)),
            pair=self._name(pair),
            spread_bps=spread_bps_ceil(amount, reverse.output_amount),
            amount_lamports=amount,
            middle_amount=forward.output_amount,
            return_lamports=reverse.output_amount,
            forward_pool_id=forward.entry.pool.address,
            reverse_pool_id=reverse.entry.pool.address,
        )
        self._waiting.put((SpreadUpdate, pair), event)

    def _tell_price(self, pair: PairKey, one: Token, other: Token, swap: PricedSwap) -> None:
        key, pool_id = (PriceUpdate, one.mint, other.mint), swap.entry.pool.address
        if not self._is_news(key, (swap.input_amount, swap.output_amount, pool_id)):
            return
        clock = self._market.chain_clock
        rate = None if clock is None else self._market.oracle.rate(one, other, clock)
        event = PriceUpdate(
            header=self._header(swap.entry.slot),
            pair=self._name(pair),
            input_mint=one.mint,
            output_mint=other.mint,
            input_amount=swap.input_amount,
            output_amount=swap.output_amount,
            route_id=route_id([pool_id]),
            oracle_price=rate or 0.0,
            pool_id=pool_id,
        )
        self._waiting.put(key, event)

    def _is_news(self, key: Hashable, told: tuple[object, ...]) -> bool:
        if self._told.get(key) == told:
            return False
        self._told[key] = told
        return True

    def _value_floor(self, mint: Pubkey, amount: int) -> int | None:
        """Of an amount by the oracles, lamports, rounded down; `None` where it is not known."""
        try:
            value = self._market.lamports_per_unit(mint)
        except UnknownToken:  # a pool named in the settings may be of any
            return None
        return None if value is None else int(amount * value)

    def _name(self, pair: PairKey) -> str:
        """As subjects have it: a watched pair's, else two mints cut short."""
        return self._names.get(pair) or "-".join(mint[:8] for mint in pair)

    def _header(self, slot: int) -> Header:
        return stamp(self._clock, slot=slot)


def spread_bps_ceil(amount: int, returned: int) -> int:
    """What a round trip loses of its amount, basis points, rounded up; below zero when it gains, -2^31 at the least."""
    return max(-(2**31), -((returned - amount) * BPS // amount))


def _taken(marked: dict[_Marked, _Held], count_max: int) -> list[tuple[_Marked, _Held]]:
    """The first of those marked, whose marks are taken off."""
    return [(one, marked.pop(one)) for one in list(islice(marked, count_max))]
