"""Prices from the pools held: the best of a pair's pools, both directions of one state, and chains of swaps.

Every method here runs without giving the event loop away, so all it reads is one snapshot of the market.
"""

import contextlib
from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

from local_quote.impact import Curve, price_impact
from local_quote.pool_entry import PoolEntry
from local_quote.pool_store import PoolStore
from local_quote.quote_rows import PoolOffer, standing
from local_quote.taken_depth import LocalTakenDepth, left_amount
from quote_core.clock import Clock
from quote_core.dex.labels import ALL_DEXES
from quote_core.dex.pool import ChainClock, Dex, Direction, SwapMode
from quote_core.errors import MarketError, NoLiquidity, NotTradable, SolquoteError, StaleState
from quote_core.tokens import Token
from quote_core.units import U64_MAX, Pubkey

__all__ = ["BehindTaken", "PoolQuoter", "PricedSwap", "direction_of"]

_NS_PER_MS = 1_000_000
_REASONS_SHOWN_MAX = 3


class PricedSwap(NamedTuple):
    """One swap through the best, or a named, pool; without `fee_mint` the fee is not known.

    A tuple, for it is made for every changed row.
    """

    entry: PoolEntry
    direction: Direction
    input_amount: int
    output_amount: int
    fee_amount: int
    fee_mint: Pubkey | None
    price_impact: float
    depth_amount: int


class BehindTaken(NamedTuple):
    """A swap behind depth that counts as taken, and what counts as taken behind the swap."""

    swap: PricedSwap
    taken: LocalTakenDepth


def direction_of(entry: PoolEntry, input_mint: Pubkey) -> Direction:
    """The direction of a swap that takes `input_mint` in."""
    return Direction.A_TO_B if entry.pool.mint_a == input_mint else Direction.B_TO_A


class PoolQuoter:
    """Prices swaps on the store's pools at the chain's time."""

    def __init__(self, *, store: PoolStore, clock: Clock, stale_after_ns: int, refuse_after_ns: int) -> None:
        self._store = store
        self._clock = clock
        self._stale_after_ns = stale_after_ns
        self.refuse_after_ns = refuse_after_ns
        self.chain_clock: ChainClock | None = None

    def pool_changed(self, entry: PoolEntry) -> None:
        """Ask the pool's price anew when next needed; its depths stay until they are measured again."""
        entry.prices.changed(entry.pool, entry.changed_slot, self.chain_clock)

    def begin_anew(self) -> None:
        """The node serves another chain: neither its time nor the way its prices went is known."""
        self.chain_clock = None
        for entry in self._store:
            entry.prices.begin_anew()

    def curve(self, entry: PoolEntry, direction: Direction) -> Curve:
        """Price, fee and depth of one direction.

        Raises:
            NotTradable: See `Pool.check_tradable`.
        """
        known = entry.prices.known(direction)
        return known or entry.prices.curve(entry.to_price(), direction, self.now_on_chain())

    def measure_depths(self, entry: PoolEntry) -> None:
        """Measure the depths anew that rows tell of; those of a pool that refuses swaps now stay as they are."""
        if self.chain_clock is not None:
            with contextlib.suppress(NotTradable):
                entry.prices.measure(entry.to_price(), self.chain_clock)

    def now_on_chain(self) -> ChainClock:
        """The chain's time.

        Raises:
            NoLiquidity: The Clock sysvar has not arrived yet.
        """
        if self.chain_clock is None:
            raise NoLiquidity("chain", "its clock is not known yet")
        return self.chain_clock

    def is_usable(self, entry: PoolEntry) -> bool:
        """Whether a pool is loaded and not past the staleness limit, and the chain's time known."""
        return self.chain_clock is not None and entry.is_usable(self._clock.mono_ns(), self.refuse_after_ns)

    def is_stale(self, entry: PoolEntry) -> bool:
        """Whether a pool is in doubt or was not vouched for lately."""
        return entry.is_stale(self._clock.mono_ns(), self._stale_after_ns)

    def standing(self, offers: Iterable[PoolOffer]) -> list[PoolOffer]:
        """The offers that give something and whose pool is usable, each with its staleness as of now."""
        if self.chain_clock is None:
            return []
        return standing(offers, self._clock.mono_ns(), self._stale_after_ns, self.refuse_after_ns)

    def closed_reason(self, entry: PoolEntry) -> str:
        """Why a pool cannot be traded now; empty when it can."""
        try:
            entry.pool.check_tradable(self.now_on_chain())
        except MarketError as error:
            return str(error)
        return ""

    def usable(self, input_mint: Pubkey, output_mint: Pubkey) -> list[PoolEntry]:
        """The usable pools of a pair, in order of their ids."""
        return [entry for entry in self._store.of_pair(input_mint, output_mint) if self.is_usable(entry)]

    def best(
        self, input_token: Token, output_token: Token, input_amount: int, *, without: Set[Pubkey] = frozenset()
    ) -> PricedSwap:
        """Price one amount on the pair's pools: fresh beats stale, then most output wins; ties break by pool id.

        Raises:
            NoLiquidity: The pair has no pool, or none can fill the amount.
            StaleState: All pools of the pair are older than the limit.
            MarketError: The only pool's own refusal.
        """
        winner, best_out = None, 0
        for entry in sorted(self.usable(input_token.mint, output_token.mint), key=self.is_stale):
            if entry.pool.address in without:
                continue
            if winner is not None and self.is_stale(entry) and not self.is_stale(winner):
                break
            direction = direction_of(entry, input_token.mint)
            try:
                output = entry.to_price().ladder(direction, (input_amount,), self.now_on_chain())[0]
            except NotTradable:
                continue
            if output > best_out:
                winner, best_out = entry, output
        if winner is None:
            raise self.refusal(input_token, output_token, input_amount, without=without)
        return self.through(winner, input_token.mint, input_amount)

    def chosen(
        self, input_token: Token, output_token: Token, amount: int, *, mode: SwapMode, dexes: Set[Dex]
    ) -> PricedSwap:
        """Price one amount, of either side, on every pool of the pair that is of the DEXes named.

        Fresh beats stale, then with EXACT_IN the most output wins, with EXACT_OUT the least input; ties break by pool
        id.

        Raises:
            NoLiquidity: The pair has no such pool, or none can fill the amount.
            StaleState: All such pools are older than the limit.
            MarketError: The only pool's own refusal.
        """
        swaps = []
        for entry in self.usable(input_token.mint, output_token.mint):
            if entry.pool.dex in dexes:
                try:
                    swaps.append(self.through(entry, input_token.mint, amount, mode=mode))
                except MarketError:
                    continue  # this pool cannot fill it, another may
        swaps = [swap for swap in swaps if swap.output_amount > 0]
        if not swaps:
            raise self.refusal(input_token, output_token, amount, mode=mode, dexes=dexes)
        return min(swaps, key=lambda swap: (self.is_stale(swap.entry), -swap.output_amount, swap.input_amount))

    def through(
        self, entry: PoolEntry, input_mint: Pubkey, amount: int, *, mode: SwapMode = SwapMode.EXACT_IN
    ) -> PricedSwap:
        """Price one amount, of the side that `mode` names, on one pool.

        Raises:
            StaleState: The pool is older than the limit.
            MarketError: The pool refuses the swap.
        """
        now_mono_ns = self._clock.mono_ns()
        if entry.is_loaded and now_mono_ns > entry.usable_until_mono_ns(self.refuse_after_ns):
            raise _too_old(entry.pool.address, entry.age_ns(now_mono_ns), self.refuse_after_ns)
        direction = direction_of(entry, input_mint)
        swap = entry.to_price().swap(direction, mode, amount, self.now_on_chain())
        curve = self.curve(entry, direction)
        return PricedSwap(
            entry=entry,
            direction=direction,
            input_amount=swap.amount_in,
            output_amount=swap.amount_out,
            fee_amount=swap.fee_amount,
            fee_mint=swap.fee_mint,
            price_impact=price_impact(swap.amount_in, swap.amount_out, curve.net_price),
            depth_amount=curve.depth_amount,
        )

    def behind(self, swap: PricedSwap, taken: LocalTakenDepth | None) -> BehindTaken:
        """Price `swap` anew as if what is left of `taken` had been swapped before it, in its own direction.

        Raises:
            MarketError: The pool refuses the swap behind that.
        """
        entry, direction, clock = swap.entry, swap.direction, self.now_on_chain()
        price_now = entry.pool.spot_price(clock)
        scratch, left = self._store.scratch(entry), 0
        if taken is not None:
            furthest_price = entry.prices.path.furthest(direction, since_slot=taken.since_slot, price_now=price_now)
            left = left_amount(taken, direction, furthest_price)
        if left > 0:
            self._store.swap_on(scratch, scratch.swap(direction, SwapMode.EXACT_IN, left, clock))
        own = scratch.swap(direction, SwapMode.EXACT_IN, swap.input_amount, clock)
        self._store.swap_on(scratch, own)
        return BehindTaken(
            swap._replace(
                output_amount=own.amount_out,
                fee_amount=own.fee_amount,
                fee_mint=own.fee_mint,
                price_impact=price_impact(swap.input_amount, own.amount_out, self.curve(entry, direction).net_price),
            ),
            LocalTakenDepth(
                input_amount=min(left + swap.input_amount, U64_MAX),
                price_before=price_now,
                price_after=scratch.spot_price(clock),
                since_slot=entry.changed_slot,
            ),
        )

    def refusal(
        self,
        input_token: Token,
        output_token: Token,
        amount: int,
        *,
        without: Set[Pubkey] = frozenset(),
        mode: SwapMode = SwapMode.EXACT_IN,
        dexes: Set[Dex] = ALL_DEXES,
    ) -> SolquoteError:
        """Say why nobody fills `amount`, of the side that `mode` names."""
        subject = f"{input_token.symbol}/{output_token.symbol}"
        held = [entry for entry in self._store.of_pair(input_token.mint, output_token.mint) if entry.pool.dex in dexes]
        if not held:
            asked = "supported DEXes" if dexes == ALL_DEXES else "DEXes asked for"
            return NoLiquidity(subject, f"no pool of the {asked} holds this pair")
        usable = self._usable_of(subject, held)
        if isinstance(usable, SolquoteError):
            return usable
        left = [entry for entry in usable if entry.pool.address not in without]
        if not left:
            return NoLiquidity(subject, "every usable pool of the pair is in the route already")
        return self._joint_refusal(subject, left, input_token.mint, amount, mode)

    def refusal_kind(self, input_token: Token, output_token: Token) -> type[SolquoteError] | None:
        """The class of `refusal` for every input that nobody fills now; None where it is another for each."""
        held = self._store.of_pair(input_token.mint, output_token.mint)
        usable = self._usable_of("", held)
        if isinstance(usable, SolquoteError):
            return type(usable)
        return None if len(usable) == 1 else NoLiquidity

    def _usable_of(self, subject: str, held: Sequence[PoolEntry]) -> list[PoolEntry] | SolquoteError:
        """Those of the pools that are usable, or why none is."""
        loaded = [entry for entry in held if entry.is_loaded]
        if self.chain_clock is None or not loaded:
            unknown = "the chain's clock is not known yet" if loaded else f"none of its {len(held)} pools is loaded yet"
            return NoLiquidity(subject, unknown)
        usable = [entry for entry in loaded if self.is_usable(entry)]
        if not usable:
            youngest_ns = min(entry.age_ns(self._clock.mono_ns()) for entry in loaded)
            return _too_old(subject, youngest_ns, self.refuse_after_ns)
        return usable

    def _joint_refusal(
        self, subject: str, entries: Sequence[PoolEntry], input_mint: Pubkey, amount: int, mode: SwapMode
    ) -> MarketError:
        reasons: list[MarketError] = []
        for entry in entries:
            try:
                self.through(entry, input_mint, amount, mode=mode)
            except MarketError as error:
                reasons.append(error)
        if len(entries) == 1 and reasons:
            return reasons[0]
        named = "; ".join(str(reason) for reason in reasons[:_REASONS_SHOWN_MAX])
        return NoLiquidity(subject, f"none of {len(entries)} pools fills {amount}: {named}")


def _too_old(subject: str, age_ns: int, age_ns_max: int) -> StaleState:
    return StaleState(subject, age_ns // _NS_PER_MS, age_ns_max // _NS_PER_MS)
