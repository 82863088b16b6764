"""A Meteora DLMM pair as a `Pool`: its accounts, and swaps over price bins.

Not reproduced by `write_swap`, because no quote reads it: protocol fee counters, fee growth of bins, oracle samples.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import ClassVar, Final

from quote_core.dex.account_book import Decoder
from quote_core.dex.booked_pool import AccountReading, PoolKeys
from quote_core.dex.concentrated import BitmapPool, WalkDone
from quote_core.dex.fixed_point import Q64
from quote_core.dex.meteora_dlmm import layout
from quote_core.dex.meteora_dlmm._ladder import BinLadder, BinRun
from quote_core.dex.meteora_dlmm.bins import price_of_bin
from quote_core.dex.meteora_dlmm.state import BINS_PER_ARRAY, FEE_DENOMINATOR, Bin, DlmmState
from quote_core.dex.meteora_dlmm.swap import (
    ArrayMissing,
    DlmmWalk,
    ExtensionMissing,
    OutOfBins,
    Undetermined,
    arrays_to_trade,
    bins_to_trade,
    walk,
)
from quote_core.dex.pool import Account, ChainClock, Dex, Direction
from quote_core.dex.pool_program import MathTable, PoolProgram
from quote_core.dex.volatility import turns_of_volatility
from quote_core.dex.walk import set_positions
from quote_core.errors import (
    ActivationPending,
    LiquidityNotLoaded,
    NoLiquidity,
    NotTradable,
    UndeterminedFill,
)
from quote_core.units import Pubkey

__all__ = ["PROGRAM", "MeteoraDlmmPool"]

STATUS_ENABLED: Final = 0


class MeteoraDlmmPool(BitmapPool[layout.DlmmAccount, DlmmState, BinLadder]):
    """See `Pool`; token A is X."""

    dex: ClassVar[Dex] = Dex.METEORA_DLMM
    arrays_each_way_at_first: ClassVar[int] = 4

    def __init__(self, address: Pubkey, account: Account) -> None:
        self._extension_address = layout.bitmap_extension_address(address)
        self._runs: dict[bool, dict[int, tuple[tuple[Bin, ...], bool, BinRun]]] = {True: {}, False: {}}
        super().__init__(address, account)

    def _decode_own(self, pubkey: Pubkey, account: Account) -> layout.DlmmAccount:
        return layout.decode_pair(pubkey, account)

    def _keys_of(self, own: layout.DlmmAccount) -> PoolKeys:
        return PoolKeys(own.mint_x, own.mint_y, own.reserve_x, own.reserve_y, (own.bin_step,))

    def _make_readings(self) -> Mapping[Pubkey, AccountReading]:
        decode = partial(layout.decode_bitmap_extension, pair=self.address)
        return {**self._token_readings(), self._extension_address: AccountReading(decode, required=False)}

    def _moving_decoder(self, pubkey: Pubkey) -> Decoder:
        array = self._book.value(pubkey, layout.BinArray)
        before = None if array is None else (self._book.data(pubkey), array)
        return partial(layout.decode_bin_array, pair=self.address, bin_step=self._own.bin_step, before=before)

    def _array_set(self) -> int:
        return layout.joined_bitmap(self._own.bitmap) | (self._book.value(self._extension_address, int) or 0)

    def _array_indexes(self, *, downwards: bool) -> Iterator[int]:
        position = self._own.active_id // BINS_PER_ARRAY + layout.ARRAY_ZERO
        for found in set_positions(self._array_set(), position, downwards=downwards):
            yield found - layout.ARRAY_ZERO

    def _searched_from(self) -> object:
        own = self._own
        extension = self._book.value(self._extension_address, int)
        return own.bitmap, extension, own.active_id // BINS_PER_ARRAY

    def _search_arrays(self, *, downwards: bool) -> Iterator[Pubkey]:
        for index in self._array_indexes(downwards=downwards):
            yield layout.bin_array_address(self.address, index)

    def _check_open(self, clock: ChainClock) -> None:
        own = self._own
        if own.status != STATUS_ENABLED:
            raise NotTradable(self.address, f"the pair is disabled (status {own.status})")
        now, unit = (clock.unix_timestamp, "unix time") if own.activates_by_time else (clock.slot, "slot")
        if own.waits_for_activation and now < own.activation_point:
            raise ActivationPending(self.address, f"activates at {unit} {own.activation_point}")

    def _turning_times(self) -> Iterable[int]:
        own = self._own
        if own.waits_for_activation and own.activates_by_time:
            yield own.activation_point
        yield from turns_of_volatility(
            own.volatility.last_update_unix_s, own.fee.filter_period_s, own.fee.decay_period_s
        )

    def _turning_slots(self) -> Iterable[int]:
        if self._own.waits_for_activation and not self._own.activates_by_time:
            yield self._own.activation_point

    def _fee_mint(self, mint_in: Pubkey) -> Pubkey:
        return self.mint_b if self._own.fee_on_y_only else mint_in

    def _walk(self, amount: int, clock: ChainClock, *, a_to_b: bool, exact_in: bool) -> DlmmWalk:
        try:
            return walk(
                self._held_state(),
                x_to_y=a_to_b,
                exact_in=exact_in,
                amount=amount,
                unix_timestamp=clock.unix_timestamp,
            )
        except ArrayMissing as missing:
            self._reach_further(downwards=a_to_b)
            address = layout.bin_array_address(self.address, missing.array_index)
            raise LiquidityNotLoaded(self.address, address) from None
        except ExtensionMissing:
            raise LiquidityNotLoaded(self.address, self._extension_address) from None
        except OutOfBins:
            raise NoLiquidity(self.address, "no bin with liquidity is left in this direction") from None
        except Undetermined:
            raise UndeterminedFill(self.address, "the cost depends on how the order layers round") from None

    def _make_ladder(self, state: DlmmState, *, a_to_b: bool) -> BinLadder:
        before = self._runs[a_to_b]
        runs = self._runs[a_to_b] = {
            index: _laid_out(before.get(index), state.arrays[index], x_to_y=a_to_b, with_orders=state.with_orders)
            for index in arrays_to_trade(state, x_to_y=a_to_b)
        }
        return BinLadder(
            (run for _, _, run in runs.values()),
            active_id=state.active_id,
            x_to_y=a_to_b,
            fee_on_output=state.fee_on_y_only and a_to_b,
        )

    def _ladder_outputs(
        self, ladder: BinLadder, amounts: Sequence[int], clock: ChainClock, *, a_to_b: bool, vault_out: int
    ) -> Sequence[int]:
        state = self._held_state()
        volatility = state.volatility.at_swap_start(
            state.fee, active_id=state.active_id, unix_timestamp=clock.unix_timestamp
        )
        outputs = ladder.outputs(
            amounts, fee=state.fee, volatility=volatility, bin_step=state.bin_step, vault_out=vault_out
        )
        if ladder.ran_out:
            self._reach_further(downwards=a_to_b)
        return outputs

    def _accounts_after(self, done: WalkDone) -> Mapping[Pubkey, bytes]:
        after: DlmmWalk = done.walk
        data = self._book.data(self.address)
        changed = {self.address: layout.with_swap(data, active_id=after.active_id, volatility=after.volatility)}
        for traded in after.bins:
            index = traded.bin_id // BINS_PER_ARRAY
            address = layout.bin_array_address(self.address, index)
            data = changed[address] if address in changed else self._book.data(address)
            changed[address] = layout.with_bin(data, traded)
        return changed

    def _spot_price(self) -> float:
        """The price of the active bin."""
        return price_of_bin(self._own.active_id, self._own.bin_step) / Q64

    def fee_fraction(self, direction: Direction, clock: ChainClock) -> float:
        """See `Pool.fee_fraction`; the same in both directions."""
        del direction
        self._check_whole()
        own = self._own
        memory = own.volatility.at_swap_start(own.fee, active_id=own.active_id, unix_timestamp=clock.unix_timestamp)
        memory = memory.at_bin(own.active_id, accumulator_max=own.fee.accumulator_max)
        return own.fee.rate(own.bin_step, memory.accumulator) / FEE_DENOMINATOR

    def _make_state(self) -> DlmmState:
        own = self._own
        needed = {
            index: layout.bin_array_address(self.address, index)
            for downwards, reach in self._reach.items()
            for index in islice(self._array_indexes(downwards=downwards), reach)
        }
        arrays = (self._book.value(address, layout.BinArray) for address in needed.values())
        return DlmmState(
            active_id=own.active_id,
            bin_step=own.bin_step,
            fee=own.fee,
            volatility=own.volatility,
            fee_on_y_only=own.fee_on_y_only,
            with_orders=own.with_orders,
            arrays={array.index: array.bins for array in arrays if array is not None},
            array_set=self._array_set(),
            array_zero=layout.ARRAY_ZERO,
            bitmap_complete=self._book.is_known(self._extension_address),
            has_extension=self._book.holds(self._extension_address),
            absent_arrays=frozenset(index for index, address in needed.items() if self._book.is_absent(address)),
        )


def _laid_out(
    before: tuple[tuple[Bin, ...], bool, BinRun] | None, bins: tuple[Bin, ...], *, x_to_y: bool, with_orders: bool
) -> tuple[tuple[Bin, ...], bool, BinRun]:
    """Lay an array out for one direction, unless it is as it was: a swap changes one or two of them."""
    if before is not None and before[0] is bins and before[1] == with_orders:
        return before
    return bins, with_orders, BinRun(bins_to_trade(bins, x_to_y=x_to_y, with_orders=with_orders))


PROGRAM: Final = PoolProgram(
    dex=Dex.METEORA_DLMM,
    layout=layout.PAIR,
    mint_a=layout.MINT_X,
    mint_b=layout.MINT_Y,
    open_pool=MeteoraDlmmPool,
    next_fields={
        "active_id": layout.ACTIVE_ID,
        "volatility_accumulator": layout.VOLATILITY_ACCUMULATOR,
        "volatility_reference": layout.VOLATILITY_REFERENCE,
        "index_reference": layout.INDEX_REFERENCE,
        "last_update_timestamp": layout.LAST_UPDATE,
    },
    math_tables={"dlmm_bin_price_q64": MathTable(("bin_id", "bin_step"), "price_q64", price_of_bin)},
)
