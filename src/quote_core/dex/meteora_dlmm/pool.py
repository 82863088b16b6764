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
from quote_core.dex.meteora_dlmm.state import BINS_PER_ARRAY, FEE_DENOMINATOR, Bin, DlmmState, Volatility
from quote_core.dex.meteora_dlmm.swap import (
    ArrayMissing,
    DlmmWalk,
    ExtensionMissing,
    OutOfBins,
    Undetermined,
    arrays_to_trade,
    walk,
)
from quote_core.dex.pool import Account, ChainClock, Dex, Direction, Pricing
from quote_core.dex.pool_program import MathTable, PoolProgram
from quote_core.dex.volatility import turns_of_volatility
from quote_core.dex.walk import WalkPiece, set_positions
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


_LaidRun = tuple[layout.BinArray, bool, BinRun]
"""An array, whether orders are filled, and what is laid out of it."""


class _BinsRead(Mapping[int, tuple[Bin, ...]]):
    """The bins of arrays by index, read when they are asked for."""

    def __init__(self, arrays: Mapping[int, layout.BinArray]) -> None:
        self._arrays = arrays

    def __getitem__(self, index: int) -> tuple[Bin, ...]:
        return self._arrays[index].bins

    def __contains__(self, index: object) -> bool:
        return index in self._arrays

    def __iter__(self) -> Iterator[int]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


class MeteoraDlmmPool(BitmapPool[layout.DlmmAccount, DlmmState, BinLadder]):
    """See `Pool`; token A is X."""

    dex: ClassVar[Dex] = Dex.METEORA_DLMM
    arrays_each_way_at_first: ClassVar[int] = 4

    _remembered: tuple[int, Volatility] | None = None
    _orders: tuple[object, dict[bool, list[Pubkey]]] | None = None

    def __init__(self, address: Pubkey, account: Account) -> None:
        self._extension_address = layout.bitmap_extension_address(address)
        self._runs: dict[bool, dict[Pubkey, _LaidRun]] = {True: {}, False: {}}
        self._ordered: Sequence[Pubkey] | None = None
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

    def _set_positions(self, *, downwards: bool) -> Iterable[int]:
        position = self._own.active_id // BINS_PER_ARRAY + layout.ARRAY_ZERO
        return set_positions(self._array_set(), position, downwards=downwards)

    def _array_at(self, position: int) -> Pubkey:
        return layout.bin_array_address(self.address, position - layout.ARRAY_ZERO)

    def _searched_from(self) -> object:
        own = self._own
        extension = self._book.value(self._extension_address, int)
        return own.bitmap, extension, own.active_id // BINS_PER_ARRAY

    def _explains_walk(self, own_data: bytes, arrays: Mapping[Pubkey, bytes]) -> bool:
        """See `ConcentratedPool`: the arrays changed are those from bin to bin, and no swap can have gone beyond them.

        Above the price bins hold X alone and below it Y. Whoever went beyond an array emptied what lay before its end,
        in the last bin that holds anything, too: where that one is as it was, nobody did.
        """
        low, high = sorted((self._own.active_id, layout.ACTIVE_ID.read(own_data)))
        indexes = range(low // BINS_PER_ARRAY, high // BINS_PER_ARRAY + 1)
        if len(indexes) != len(arrays):  # nor is an address derived for each of what may be a billion: bytes can lie
            return False
        between = [layout.bin_array_address(self.address, index) for index in indexes]
        if arrays.keys() != set(between) or not all(map(self._book.holds, between)):
            return False
        bottom, top = between[0], between[-1]
        return layout.is_last_kept(
            self._book.data(top), arrays[top], beyond=high % BINS_PER_ARRAY, upwards=True
        ) and layout.is_last_kept(self._book.data(bottom), arrays[bottom], beyond=low % BINS_PER_ARRAY, upwards=False)

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

    def _make_ladder(self, *, a_to_b: bool) -> BinLadder:
        own, before = self._own, self._runs[a_to_b]
        runs = self._runs[a_to_b] = {
            address: self._laid_out(before.get(address), address, x_to_y=a_to_b)
            for address in self._walk_order(x_to_y=a_to_b)
        }
        return BinLadder(
            (run for _, _, run in runs.values()),
            active_id=own.active_id,
            x_to_y=a_to_b,
            fee_on_output=own.fee_on_y_only and a_to_b,
        )

    def _walk_order(self, *, x_to_y: bool) -> Sequence[Pubkey]:
        """The arrays a walk goes through, in order: looked for anew once others are held, or may be gone through."""
        book, needs = self._book, self._moving_needs()
        if self._orders is not None and self._ordered is needs:
            return self._orders[1][x_to_y]
        self._ordered = needs
        arrays = [book.value(address, layout.BinArray) for address in needs]
        known = [
            array.index if array else book.is_absent(address) for array, address in zip(arrays, needs, strict=True)
        ]
        made_of = needs, known, self._searched_from(), book.is_known(self._extension_address)
        if self._orders is None or self._orders[0] != made_of:
            addresses = {array.index: address for array, address in zip(arrays, needs, strict=True) if array}
            state = self._held_state()
            orders = {down: [addresses[at] for at in arrays_to_trade(state, x_to_y=down)] for down in (True, False)}
            self._orders = made_of, orders
        return self._orders[1][x_to_y]

    def _laid_out(self, before: "_LaidRun | None", address: Pubkey, *, x_to_y: bool) -> "_LaidRun":
        """Lay an array out for one direction, unless it is as it was: a swap changes one or two of them."""
        array, with_orders = self._book.held(address, layout.BinArray), self._own.with_orders
        if before is not None and before[0] is array and before[1] == with_orders:
            return before
        run = BinRun.of_array(array.data, array.index, array.bin_step, x_to_y=x_to_y, with_orders=with_orders)
        return array, with_orders, run

    def _ladder_pricing(self, ladder: BinLadder, clock: ChainClock, *, a_to_b: bool, vault_out: int) -> Pricing:
        own, further = self._own, partial(self._reach_further, downwards=a_to_b)
        memory = self._memory(clock)
        return ladder.pricing(
            fee=own.fee, volatility=memory, bin_step=own.bin_step, vault_out=vault_out, ran_out=further
        )

    def _memory(self, clock: ChainClock) -> Volatility:
        """What a swap at `clock` remembers of those before."""
        if self._remembered is None or self._remembered[0] != clock.unix_timestamp:
            own = self._own
            memory = own.volatility.at_swap_start(own.fee, active_id=own.active_id, unix_timestamp=clock.unix_timestamp)
            self._remembered = clock.unix_timestamp, memory
        return self._remembered[1]

    def _forget_derived(self) -> None:
        super()._forget_derived()
        self._remembered = self._ordered = None

    def _place_text(self, piece: WalkPiece) -> str:
        return f"bin {piece.place}"

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
        accumulator = self._memory(clock).accumulator_at(own.active_id, accumulator_max=own.fee.accumulator_max)
        return own.fee.rate(own.bin_step, accumulator) / FEE_DENOMINATOR

    def _make_state(self) -> DlmmState:
        own = self._own
        book = self._book
        needed = {
            position - layout.ARRAY_ZERO: self._array_at(position)
            for downwards, reach in self._reach.items()
            for position in islice(self._set_positions(downwards=downwards), reach)
        }
        arrays = (book.value(address, layout.BinArray) for address in needed.values())
        return DlmmState(
            active_id=own.active_id,
            bin_step=own.bin_step,
            fee=own.fee,
            volatility=own.volatility,
            fee_on_y_only=own.fee_on_y_only,
            with_orders=own.with_orders,
            arrays=_BinsRead({array.index: array for array in arrays if array is not None}),
            array_set=self._array_set(),
            array_zero=layout.ARRAY_ZERO,
            bitmap_complete=self._book.is_known(self._extension_address),
            has_extension=self._book.holds(self._extension_address),
            absent_arrays=frozenset(index for index, address in needed.items() if book.is_absent(address)),
        )


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
