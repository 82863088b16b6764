"""A Meteora DLMM pair as a `Pool`: its accounts, and swaps over price bins.

Not reproduced by `write_swap`, because no quote reads it: protocol fee counters, fee growth of bins, oracle samples.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import ClassVar, Final

from quote_core.dex.concentrated import ConcentratedPool, WalkDone
from quote_core.dex.meteora_dlmm import layout
from quote_core.dex.meteora_dlmm._ladder import BinLadder
from quote_core.dex.meteora_dlmm.bins import price_of_bin
from quote_core.dex.meteora_dlmm.state import BINS_PER_ARRAY, FEE_DENOMINATOR, DlmmState
from quote_core.dex.meteora_dlmm.swap import (
    ArrayMissing,
    ExtensionMissing,
    MathOverflow,
    OutOfBins,
    Undetermined,
    Walk,
    arrays_in_walk_order,
    bins_to_trade,
    walk,
)
from quote_core.dex.pool import Account, AccountNeed, ChainClock, Dex, Direction
from quote_core.dex.pool_program import MathTable, PoolProgram
from quote_core.errors import (
    ActivationPending,
    AmountOverflow,
    LiquidityNotLoaded,
    NoLiquidity,
    NotTradable,
    UndeterminedFill,
)
from quote_core.units import Pubkey

__all__ = ["PROGRAM", "MeteoraDlmmPool"]

BIN_ARRAYS_EACH_WAY: Final = 4
"""How many arrays with liquidity are asked for on each side, the active one counted on both."""

STATUS_ENABLED: Final = 0


class MeteoraDlmmPool(ConcentratedPool):
    """See `Pool`; token A is X."""

    dex: ClassVar[Dex] = Dex.METEORA_DLMM

    def __init__(self, address: Pubkey, account: Account) -> None:
        self._extension_address = layout.bitmap_extension_address(address)
        self._extension: Account | None = None
        self._extension_seen = False
        self._arrays: dict[int, tuple[layout.BinArray, bytes]] = {}
        self._array_index: dict[Pubkey, int] = {}
        self._state: DlmmState | None = None
        self._ladders: dict[bool, BinLadder] = {}
        super().__init__(address, account)

    def _take_own(self, account: Account) -> None:
        own = layout.decode_pair(self.address, account)
        self._array_set = layout.bitmap_with_extension(
            self._extension_address, self._extension, pair=self.address, bitmap=own.bitmap
        )
        self._own, self._data = own, account.data
        self.mint_a, self.mint_b = own.mint_x, own.mint_y
        self.vault_a, self.vault_b = own.reserve_x, own.reserve_y

    def accounts_needed(self) -> Sequence[AccountNeed]:
        """See `Pool.accounts_needed`; the bin arrays follow the bitmaps around the active bin."""
        needs = [*self._token_needs(), AccountNeed(self._extension_address, required=False)]
        indexes = dict.fromkeys(index for x_to_y in (True, False) for index in self._near_arrays(x_to_y=x_to_y))
        needs += [AccountNeed(layout.bin_array_address(self.address, index), required=False) for index in indexes]
        return needs

    def _near_arrays(self, *, x_to_y: bool) -> Iterator[int]:
        position = self._own.active_id // BINS_PER_ARRAY + layout.ARRAY_ZERO
        indexes = (
            found - layout.ARRAY_ZERO for found in arrays_in_walk_order(self._array_set, position, x_to_y=x_to_y)
        )
        return islice(indexes, BIN_ARRAYS_EACH_WAY)

    def _apply_other(self, pubkey: Pubkey, account: Account | None) -> None:
        if pubkey == self._extension_address:
            self._array_set = layout.bitmap_with_extension(pubkey, account, pair=self.address, bitmap=self._own.bitmap)
            self._extension, self._extension_seen = account, True
        elif account is None:
            index = self._array_index.pop(pubkey, None)
            if index is not None:
                del self._arrays[index]
        else:
            step = self._own.bin_step
            array = layout.decode_bin_array(pubkey, account, pair=self.address, bin_step=step)
            self._arrays[array.index] = (array, account.data)
            self._array_index[pubkey] = array.index

    def _keep_arrays(self, needed: frozenset[Pubkey]) -> None:
        self._array_index = {address: index for address, index in self._array_index.items() if address in needed}
        self._arrays = {index: self._arrays[index] for index in self._array_index.values()}

    def _forget_derived(self) -> None:
        self._state = None
        self._ladders.clear()

    def _check_open(self, clock: ChainClock) -> None:
        own = self._own
        if own.status != STATUS_ENABLED:
            raise NotTradable(self.address, f"the pair is disabled (status {own.status})")
        now, unit = (clock.unix_timestamp, "unix time") if own.activates_by_time else (clock.slot, "slot")
        if now < own.activation_point:
            raise ActivationPending(self.address, f"activates at {unit} {own.activation_point}")

    def _fee_mint(self, mint_in: Pubkey) -> Pubkey:
        return self.mint_b if self._own.fee_on_y_only else mint_in

    def _walk(self, amount: int, clock: ChainClock, *, a_to_b: bool, exact_in: bool) -> Walk:
        try:
            return walk(
                self._held_state(),
                x_to_y=a_to_b,
                exact_in=exact_in,
                amount=amount,
                unix_timestamp=clock.unix_timestamp,
            )
        except ArrayMissing as missing:
            address = layout.bin_array_address(self.address, missing.array_index)
            raise LiquidityNotLoaded(self.address, address) from None
        except ExtensionMissing:
            raise LiquidityNotLoaded(self.address, self._extension_address) from None
        except OutOfBins:
            raise NoLiquidity(self.address, "no bin with liquidity is left in this direction") from None
        except Undetermined:
            raise UndeterminedFill(self.address, "the cost depends on how the order layers round") from None
        except MathOverflow as overflow:
            raise AmountOverflow(self.address, f"the program's arithmetic overflows: {overflow}") from None

    def _walk_outputs(self, amounts: "array[int]", clock: ChainClock, *, a_to_b: bool, vault_out: int) -> Sequence[int]:
        state = self._held_state()
        ladder = self._ladders.get(a_to_b)
        if ladder is None:
            ladder = self._ladders[a_to_b] = BinLadder(
                bins_to_trade(state, x_to_y=a_to_b), x_to_y=a_to_b, fee_on_output=state.fee_on_y_only and a_to_b
            )
        volatility = state.volatility.at_swap_start(
            state.fee, active_id=state.active_id, unix_timestamp=clock.unix_timestamp
        )
        return ladder.outputs(
            amounts, fee=state.fee, volatility=volatility, bin_step=state.bin_step, vault_out=vault_out
        )

    def _accounts_after(self, done: WalkDone) -> Mapping[Pubkey, bytes]:
        after: Walk = done.walk
        changed = {self.address: layout.with_swap(self._data, active_id=after.active_id, volatility=after.volatility)}
        for traded in after.bins:
            index = traded.bin_id // BINS_PER_ARRAY
            address = layout.bin_array_address(self.address, index)
            changed[address] = layout.with_bin(changed.get(address, self._arrays[index][1]), traded)
        return changed

    def spot_price(self, clock: ChainClock) -> float:
        """See `Pool.spot_price`: the price of the active bin."""
        del clock  # the price does not depend on time here
        return price_of_bin(self._own.active_id, self._own.bin_step) / 2**64

    def fee_fraction(self, direction: Direction, clock: ChainClock) -> float:
        """See `Pool.fee_fraction`; the same in both directions."""
        del direction
        own = self._own
        memory = own.volatility.at_swap_start(own.fee, active_id=own.active_id, unix_timestamp=clock.unix_timestamp)
        memory = memory.at_bin(own.active_id, accumulator_max=own.fee.accumulator_max)
        return own.fee.rate(own.bin_step, memory.accumulator) / FEE_DENOMINATOR

    def _held_state(self) -> DlmmState:
        """What a walk reads, built once per change."""
        if self._state is None:
            own = self._own
            self._state = DlmmState(
                active_id=own.active_id,
                bin_step=own.bin_step,
                fee=own.fee,
                volatility=own.volatility,
                fee_on_y_only=own.fee_on_y_only,
                with_orders=own.with_orders,
                arrays={index: array.bins for index, (array, _) in self._arrays.items()},
                array_set=self._array_set,
                array_zero=layout.ARRAY_ZERO,
                bitmap_complete=self._extension_seen,
            )
        return self._state


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
