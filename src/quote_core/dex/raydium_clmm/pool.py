"""A Raydium CLMM pool as a `Pool`: its accounts, the line of ticks they make, and swaps over it.

Not reproduced by `write_swap`, because no quote reads it: fee growth, protocol and fund fee counters, observations,
and a tick's unfilled ratio.
"""

import bisect
import operator
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import ClassVar, Final

from quote_core.dex.account_book import Decoder
from quote_core.dex.booked_pool import AccountReading, PoolKeys
from quote_core.dex.concentrated import BitmapPool, WalkDone
from quote_core.dex.pool import Account, ChainClock, Dex, Direction, Pricing
from quote_core.dex.pool_program import MathTable, PoolProgram
from quote_core.dex.raydium_clmm import layout
from quote_core.dex.raydium_clmm._ladder import LaidLine, LineLadder
from quote_core.dex.raydium_clmm.layout import TICKS_PER_ARRAY
from quote_core.dex.raydium_clmm.state import ClmmState, LineEnd, TickLine
from quote_core.dex.raydium_clmm.swap import (
    FEE_DENOMINATOR,
    ClmmWalk,
    EndOfLine,
    effective_fee_rate,
    walk,
    with_references,
)
from quote_core.dex.raydium_clmm.ticks import MAX_SQRT_PRICE_X64, sqrt_price_at_tick, tick_at_sqrt_price
from quote_core.dex.sqrt_price import MIN_SQRT_PRICE_X64, spot_price_of
from quote_core.dex.volatility import turns_of_volatility
from quote_core.dex.walk import STEP_COUNT_MAX, set_positions
from quote_core.errors import LiquidityNotLoaded, NoLiquidity, NotTradable
from quote_core.units import Pubkey

__all__ = ["PROGRAM", "RaydiumClmmPool"]

STATUS_SWAP_OFF: Final = 1 << 4
EXTENSION_TICK_SPACING_MAX: Final = 14
"""From a spacing of 15 on, the pool's own bitmap covers every tick."""


class RaydiumClmmPool(BitmapPool[layout.ClmmAccount, ClmmState, LineLadder]):
    """See `Pool`; token A is token 0."""

    dex: ClassVar[Dex] = Dex.RAYDIUM_CLMM
    arrays_each_way_at_first: ClassVar[int] = 5
    ladder_serves_both_ways: ClassVar[bool] = True

    def __init__(self, address: Pubkey, account: Account) -> None:
        self._extension_address = layout.bitmap_extension_address(address)
        self._line = TickLine([], LineEnd(None), LineEnd(None))
        self._line_arrays: list[layout.ClmmTickArray] = []
        self._line_from: tuple[Sequence[Pubkey], object] | None = None
        self._laid = LaidLine(self._line)
        self._ordered: tuple[TickLine, bool] | None = None
        super().__init__(address, account)

    def _decode_own(self, pubkey: Pubkey, account: Account) -> layout.ClmmAccount:
        return layout.decode_pool_account(pubkey, account)

    def _keys_of(self, own: layout.ClmmAccount) -> PoolKeys:
        return PoolKeys(own.mint_0, own.mint_1, own.vault_0, own.vault_1, (own.amm_config, own.tick_spacing))

    def _make_readings(self) -> Mapping[Pubkey, AccountReading]:
        readings = {self._own.amm_config: AccountReading(layout.decode_config), **self._token_readings()}
        if self._own.tick_spacing <= EXTENSION_TICK_SPACING_MAX:
            decode = partial(layout.decode_bitmap_extension, pool=self.address)
            readings[self._extension_address] = AccountReading(decode, required=False)
        return readings

    def _moving_decoder(self, pubkey: Pubkey) -> Decoder:
        return partial(layout.decode_tick_array, pool=self.address, tick_spacing=self._own.tick_spacing)

    def _explains_walk(self, own_data: bytes, arrays: Mapping[Pubkey, bytes]) -> bool:
        """See `ConcentratedPool`: where no orders wait, liquidity changes only by crossing, and arrays do not."""
        line = self._present_line()
        if arrays or self._has_orders(line):
            return False
        own = self._own
        tick, liquidity = layout.TICK_CURRENT.read(own_data), layout.LIQUIDITY.read(own_data)
        if tick == own.tick:
            return liquidity == own.liquidity
        low, high = sorted((own.tick, tick))
        first, last = bisect.bisect_right(line.indexes, low), bisect.bisect_right(line.indexes, high)
        if not 0 < first <= last < len(line.indexes):
            return False  # beyond what is held there may be more ticks
        crossed = sum(one.liquidity_net for one in line.ticks[first:last])
        return liquidity == own.liquidity + (crossed if tick > own.tick else -crossed)

    def _has_orders(self, line: TickLine) -> bool:
        if self._ordered is None or self._ordered[0] is not line:
            self._ordered = line, any(tick.order_total for tick in line.ticks)
        return self._ordered[1]

    def _check_open(self, clock: ChainClock) -> None:
        if self._own.status & STATUS_SWAP_OFF:
            raise NotTradable(self.address, f"swaps are off (status {self._own.status})")
        if clock.unix_timestamp <= self._own.open_time:  # strictly later, unlike every other DEX here
            raise NotTradable(self.address, f"opens after unix time {self._own.open_time}")

    def _turning_times(self) -> Iterable[int]:
        yield self._own.open_time + 1
        fee = self._own.dynamic_fee
        if fee is not None:
            yield from turns_of_volatility(fee.last_update_unix_s, fee.filter_period_s, fee.decay_period_s)

    def _fee_mint(self, mint_in: Pubkey) -> Pubkey:
        return {1: self.mint_a, 2: self.mint_b}.get(self._own.fee_on, mint_in)

    def _walk(self, amount: int, clock: ChainClock, *, a_to_b: bool, exact_in: bool) -> ClmmWalk:
        try:
            return walk(
                self._held_state(),
                zero_for_one=a_to_b,
                exact_in=exact_in,
                amount=amount,
                unix_timestamp=clock.unix_timestamp,
            )
        except EndOfLine as end:
            if end.end.missing is not None:
                self._reach_further(downwards=a_to_b)
                raise LiquidityNotLoaded(self.address, end.end.missing) from None
            raise NoLiquidity(self.address, "no initialised tick is left in this direction") from None

    def _make_ladder(self, *, a_to_b: bool) -> LineLadder:
        state = self._held_state()
        if self._laid.line is not state.line:
            self._laid = LaidLine(state.line)
        return LineLadder(
            state,
            self._laid,
            limit_down=MIN_SQRT_PRICE_X64 + 1,
            limit_up=MAX_SQRT_PRICE_X64 - 1,
            step_count_max=STEP_COUNT_MAX,
        )

    def _ladder_pricing(self, ladder: LineLadder, clock: ChainClock, *, a_to_b: bool, vault_out: int) -> Pricing:
        state = self._held_state()
        fee = state.dynamic_fee and with_references(state.dynamic_fee, state, clock.unix_timestamp)
        further = partial(self._reach_further, downwards=a_to_b)
        return ladder.pricing(zero_for_one=a_to_b, fee=fee, vault_out=vault_out, ran_out=further)

    def _accounts_after(self, done: WalkDone) -> Mapping[Pubkey, bytes]:
        after: ClmmWalk = done.walk
        changed = {
            self.address: layout.with_swap(
                self._book.data(self.address),
                liquidity=after.liquidity,
                sqrt_price_x64=after.sqrt_price_x64,
                tick=after.tick,
                dynamic_fee=after.dynamic_fee,
            )
        }
        span = TICKS_PER_ARRAY * self._own.tick_spacing
        for tick in after.filled.values():
            start = tick.index // span * span
            array = layout.tick_array_address(self.address, start)
            data = changed[array] if array in changed else self._book.data(array)
            position = (tick.index - start) // self._own.tick_spacing
            changed[array] = layout.with_orders(data, position=position, tick=tick)
        return changed

    def _spot_price(self) -> float:
        return spot_price_of(self._own.sqrt_price_x64)

    def fee_fraction(self, direction: Direction, clock: ChainClock) -> float:
        """See `Pool.fee_fraction`; the same in both directions."""
        del direction
        self._check_whole()
        state = self._held_state()
        if state.dynamic_fee is None:
            return state.trade_fee_rate / FEE_DENOMINATOR
        fee = with_references(state.dynamic_fee, state, clock.unix_timestamp)
        return effective_fee_rate(state.trade_fee_rate, state.tick_spacing, fee) / FEE_DENOMINATOR

    def _make_state(self) -> ClmmState:
        own = self._own
        return ClmmState(
            sqrt_price_x64=own.sqrt_price_x64,
            tick=own.tick,
            liquidity=own.liquidity,
            tick_spacing=own.tick_spacing,
            trade_fee_rate=self._book.held(own.amm_config, layout.ClmmConfig).trade_fee_rate,
            fee_on=own.fee_on,
            dynamic_fee=own.dynamic_fee,
            line=self._present_line(),
        )

    def _present_line(self) -> TickLine:
        """The line of the arrays held: the same one as long as they are, since most changes are of none."""
        made_of = self._arrays, self._searched_from()  # whoever left its arrays and came back has new ones
        if self._line_from is None or self._line_from[0] is not made_of[0] or self._line_from[1] != made_of[1]:
            self._line, self._line_from = self._make_line(), made_of
        return self._line

    def _make_line(self) -> TickLine:
        down, below = self._side(downwards=True)
        up, above = self._side(downwards=False)
        arrays = {array.start_tick: array for array in (*down, *up)}
        held = [arrays[start] for start in sorted(arrays)]
        is_same = len(held) == len(self._line_arrays) and all(map(operator.is_, held, self._line_arrays))
        if is_same and (below, above) == (self._line.below, self._line.above):
            return self._line
        self._line_arrays = held
        return TickLine([tick for array in held for tick in array.ticks], below, above)

    def _changed(self, pubkey: Pubkey) -> None:
        if pubkey != self.address and pubkey not in self._halting:  # neither mint nor vault has ticks
            self._line_from = None
        super()._changed(pubkey)

    def _side(self, *, downwards: bool) -> tuple[list[layout.ClmmTickArray], LineEnd]:
        """The arrays held without a gap from the current one on, and what stops them."""
        held: list[layout.ClmmTickArray] = []
        if self._starts_outside() and not self._book.holds(self._extension_address):
            return held, self._line_end(self._extension_address)
        for address in self._arrays_from_price(downwards=downwards):
            array = self._book.value(address, layout.ClmmTickArray)
            if array is None:
                return held, self._line_end(address)
            held.append(array)
        may_go_on = self._own.tick_spacing <= EXTENSION_TICK_SPACING_MAX
        return held, self._line_end(self._extension_address) if may_go_on else LineEnd(None)

    def _line_end(self, address: Pubkey) -> LineEnd:
        """What is known cannot be loaded: it is held, and says nothing more, or does not exist."""
        return LineEnd(None if self._book.is_known(address) else address)

    def _starts_outside(self) -> bool:
        """Whether only the extension knows of the current tick's array."""
        index = self._own.tick // (TICKS_PER_ARRAY * self._own.tick_spacing)
        return not -layout.POOL_BITMAP_SIDE <= index < layout.POOL_BITMAP_SIDE

    def _searched_from(self) -> object:
        own = self._own
        extension = self._book.value(self._extension_address, int)
        return own.bitmap, extension, own.tick // (TICKS_PER_ARRAY * own.tick_spacing)

    def _set_positions(self, *, downwards: bool) -> Iterable[int]:
        position = self._own.tick // (TICKS_PER_ARRAY * self._own.tick_spacing) + layout.BITMAP_ZERO
        bitmap = layout.joined_bitmap(self._own.bitmap) | (self._book.value(self._extension_address, int) or 0)
        return set_positions(bitmap, position, downwards=downwards)

    def _array_at(self, position: int) -> Pubkey:
        span = TICKS_PER_ARRAY * self._own.tick_spacing
        return layout.tick_array_address(self.address, (position - layout.BITMAP_ZERO) * span)


PROGRAM: Final = PoolProgram(
    dex=Dex.RAYDIUM_CLMM,
    layout=layout.POOL,
    mint_a=layout.MINT_0,
    mint_b=layout.MINT_1,
    open_pool=RaydiumClmmPool,
    next_fields={"liquidity": layout.LIQUIDITY, "sqrt_price_x64": layout.SQRT_PRICE, "tick": layout.TICK_CURRENT},
    named_amounts=lambda swap: {"fee": swap.fee_amount},
    math_tables={
        "raydium_clmm_tick_to_sqrt_price": MathTable(("tick",), "sqrt_price_x64", sqrt_price_at_tick),
        "raydium_clmm_sqrt_price_to_tick": MathTable(("sqrt_price_x64",), "tick", tick_at_sqrt_price),
    },
)
