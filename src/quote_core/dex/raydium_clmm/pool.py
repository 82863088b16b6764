"""A Raydium CLMM pool as a `Pool`: its accounts, the line of ticks they make, and swaps over it.

Not reproduced by `write_swap`, because no quote reads it: fee growth, protocol and fund fee counters, observations,
and a tick's unfilled ratio.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from quote_core.dex import spl_token
from quote_core.dex.pool import Account, AccountNeed, ChainClock, Dex, Direction, Pool, Swap, SwapMode
from quote_core.dex.raydium_clmm import layout
from quote_core.dex.raydium_clmm.layout import PROGRAM_ID, TICKS_PER_ARRAY
from quote_core.dex.raydium_clmm.state import ClmmState, LineEnd, TickLine
from quote_core.dex.raydium_clmm.swap import (
    FEE_DENOMINATOR,
    EndOfLine,
    Walk,
    effective_fee_rate,
    walk,
    with_references,
)
from quote_core.errors import (
    AmountOverflow,
    AmountTooSmall,
    LiquidityNotLoaded,
    MarketError,
    NoLiquidity,
    NotTradable,
    ReserveShort,
)
from quote_core.units import U64_MAX, Pubkey

__all__ = ["PROGRAM_ID", "RaydiumClmmPool"]

TICK_ARRAYS_EACH_WAY: Final = 5
"""How many initialised arrays are asked for on each side, the current one counted on both."""

STATUS_SWAP_OFF: Final = 1 << 4
EXTENSION_TICK_SPACING_MAX: Final = 14
"""From a spacing of 15 on, the pool's own bitmap covers every tick."""


@dataclass(frozen=True, slots=True)
class _NextState:
    walk: Walk
    vault_in: Pubkey
    vault_out: Pubkey
    vault_in_delta: int
    vault_out_delta: int


class RaydiumClmmPool(Pool):
    """See `Pool`; token A is token 0."""

    dex: ClassVar[Dex] = Dex.RAYDIUM_CLMM

    def __init__(self, address: Pubkey, account: Account) -> None:
        self.address = address
        self._own = layout.decode_pool_account(address, account)
        self._data = account.data
        self.mint_a, self.mint_b = self._own.mint_0, self._own.mint_1
        self._extension_address = layout.bitmap_extension_address(address)
        self._config: layout.Config | None = None
        self._mints: dict[Pubkey, spl_token.Mint] = {}
        self._vaults: dict[Pubkey, bytes] = {}
        self._extension: Account | None = None
        self._extension_seen = False
        self._arrays: dict[Pubkey, tuple[layout.TickArray, bytes]] = {}
        self._bitmap = layout.bitmap_with_extension(
            self._extension_address, None, pool=address, bitmap=self._own.bitmap
        )
        self._state: ClmmState | None = None

    def accounts_needed(self) -> Sequence[AccountNeed]:
        """See `Pool.accounts_needed`; the tick arrays follow the bitmaps around the current price."""
        own = self._own
        needs = [AccountNeed(key) for key in (own.amm_config, own.mint_0, own.mint_1)]
        needs += [AccountNeed(key, required=False) for key in (own.vault_0, own.vault_1)]
        if own.tick_spacing <= EXTENSION_TICK_SPACING_MAX:
            needs.append(AccountNeed(self._extension_address, required=False))
        down = self._starts(downwards=True)
        up = self._starts(downwards=False)
        starts = dict.fromkeys(
            start for side in (down, up) for start, _ in zip(side, range(TICK_ARRAYS_EACH_WAY), strict=False)
        )
        needs += [AccountNeed(layout.tick_array_address(self.address, start), required=False) for start in starts]
        return needs

    def apply(self, pubkey: Pubkey, account: Account | None) -> None:
        """See `Pool.apply`."""
        own = self._own
        if pubkey == self.address:
            self._apply_own(account)
        elif pubkey == self._extension_address:
            self._bitmap = layout.bitmap_with_extension(pubkey, account, pool=self.address, bitmap=own.bitmap)
            self._extension, self._extension_seen = account, True
        elif pubkey == own.amm_config:
            self._config = None if account is None else layout.decode_config(pubkey, account)
        elif pubkey in (own.mint_0, own.mint_1):
            if account is None:
                self._mints.pop(pubkey, None)
            else:
                self._mints[pubkey] = spl_token.decode_mint(pubkey, account)
        elif pubkey in (own.vault_0, own.vault_1):
            self._apply_vault(pubkey, account)
        elif account is None:
            self._arrays.pop(pubkey, None)
        else:
            array = layout.decode_tick_array(pubkey, account, pool=self.address, tick_spacing=own.tick_spacing)
            self._arrays[pubkey] = (array, account.data)
        self._state = None

    def _apply_own(self, account: Account | None) -> None:
        if account is None:
            raise NotTradable(self.address, "the pool account is gone")
        own = layout.decode_pool_account(self.address, account)
        bitmap = layout.bitmap_with_extension(
            self._extension_address, self._extension, pool=self.address, bitmap=own.bitmap
        )
        self._own, self._data, self._bitmap = own, account.data, bitmap

    def _apply_vault(self, pubkey: Pubkey, account: Account | None) -> None:
        if account is None:
            self._vaults.pop(pubkey, None)
            return
        mint = self._own.mint_0 if pubkey == self._own.vault_0 else self._own.mint_1
        spl_token.decode_token_account(pubkey, account, mint=mint)
        self._vaults[pubkey] = account.data

    def missing(self) -> Sequence[Pubkey]:
        """See `Pool.missing`."""
        absent = [] if self._config else [self._own.amm_config]
        return absent + [mint for mint in (self.mint_a, self.mint_b) if mint not in self._mints]

    def check_tradable(self, clock: ChainClock) -> None:
        """See `Pool.check_tradable`; the clock must be strictly past the opening time."""
        if self._own.status & STATUS_SWAP_OFF:
            raise NotTradable(self.address, f"swaps are off (status {self._own.status})")
        if clock.unix_timestamp <= self._own.open_time:
            raise NotTradable(self.address, f"opens after unix time {self._own.open_time}")
        if self.missing():
            raise NotTradable(self.address, f"account {self.missing()[0]} is not loaded")

    def swap(self, direction: Direction, mode: SwapMode, amount: int, clock: ChainClock) -> Swap:
        """See `Pool.swap`; `fee_amount` is in the output token where `fee_on` says so."""
        self.check_tradable(clock)
        zero_for_one, exact_in = direction is Direction.A_TO_B, mode is SwapMode.EXACT_IN
        mint_in, mint_out = (self.mint_a, self.mint_b) if zero_for_one else (self.mint_b, self.mint_a)
        fee_in = self._mints[mint_in].transfer_fee_at(clock.epoch)
        fee_out = self._mints[mint_out].transfer_fee_at(clock.epoch)
        specified = amount - fee_in.on_amount(amount) if exact_in else amount + fee_out.for_net(amount)
        if amount == 0 or specified == 0:
            raise AmountTooSmall(self.address, "nothing is left to swap")
        done = self._walk(specified, zero_for_one=zero_for_one, exact_in=exact_in, unix_timestamp=clock.unix_timestamp)
        amount_in = amount if exact_in else done.amount_in + fee_in.for_net(done.amount_in)
        amount_out = done.amount_out - fee_out.on_amount(done.amount_out)
        if amount_out == 0 or done.amount_in == 0:
            raise AmountTooSmall(self.address, "the program refuses zero input or output")
        if amount_in > U64_MAX:
            raise AmountOverflow(self.address, "the input does not fit in 64 bits")
        vault_in, vault_out = self._own.vault_0, self._own.vault_1
        if not zero_for_one:
            vault_in, vault_out = vault_out, vault_in
        self._check_reserve(vault_out, done.amount_out)
        next_state = _NextState(done, vault_in, vault_out, done.amount_in, done.amount_out)
        fee_mint = {1: self.mint_a, 2: self.mint_b}.get(self._own.fee_on, mint_in)
        return Swap(direction, mode, amount_in, amount_out, done.fee_amount, fee_mint, done.crossed_count, next_state)

    def _walk(self, amount: int, *, zero_for_one: bool, exact_in: bool, unix_timestamp: int) -> Walk:
        try:
            return walk(
                self._held_state(),
                zero_for_one=zero_for_one,
                exact_in=exact_in,
                amount=amount,
                unix_timestamp=unix_timestamp,
            )
        except EndOfLine as end:
            if end.end.missing is not None:
                raise LiquidityNotLoaded(self.address, end.end.missing) from None
            raise NoLiquidity(self.address, "no initialised tick is left in this direction") from None

    def _check_reserve(self, vault: Pubkey, amount_out: int) -> None:
        if vault in self._vaults:
            held = spl_token.token_amount(self._vaults[vault])
            if amount_out > held:
                raise ReserveShort(self.address, amount_out, held)

    def ladder(self, direction: Direction, amounts_in: Sequence[int], clock: ChainClock) -> Sequence[int]:
        """See `Pool.ladder`."""
        self.check_tradable(clock)
        return [self._output_or_zero(direction, amount, clock) for amount in amounts_in]

    def _output_or_zero(self, direction: Direction, amount: int, clock: ChainClock) -> int:
        try:
            return self.swap(direction, SwapMode.EXACT_IN, amount, clock).amount_out
        except MarketError:
            return 0

    def write_swap(self, swap: Swap) -> Mapping[Pubkey, bytes]:
        """See `Pool.write_swap`."""
        after: _NextState = swap.next_state
        changed = {
            self.address: layout.with_swap(
                self._data,
                liquidity=after.walk.liquidity,
                sqrt_price_x64=after.walk.sqrt_price_x64,
                tick=after.walk.tick,
                dynamic_fee=after.walk.dynamic_fee,
            )
        }
        for vault, change in ((after.vault_in, after.vault_in_delta), (after.vault_out, -after.vault_out_delta)):
            if vault in self._vaults:
                data = self._vaults[vault]
                changed[vault] = spl_token.with_token_amount(data, spl_token.token_amount(data) + change)
        span = TICKS_PER_ARRAY * self._own.tick_spacing
        for tick in after.walk.filled.values():
            start = tick.index // span * span
            array = layout.tick_array_address(self.address, start)
            data = changed.get(array, self._arrays[array][1])
            position = (tick.index - start) // self._own.tick_spacing
            changed[array] = layout.with_orders(data, position=position, tick=tick)
        return changed

    def spot_price(self, clock: ChainClock) -> float:
        """See `Pool.spot_price`."""
        del clock  # the price does not depend on time here
        return (self._own.sqrt_price_x64 / 2**64) ** 2

    def fee_fraction(self, direction: Direction, clock: ChainClock) -> float:
        """See `Pool.fee_fraction`; the same in both directions."""
        del direction
        state = self._held_state()
        if state.dynamic_fee is None:
            return state.trade_fee_rate / FEE_DENOMINATOR
        fee = with_references(state.dynamic_fee, state, clock.unix_timestamp)
        return effective_fee_rate(state.trade_fee_rate, state.tick_spacing, fee) / FEE_DENOMINATOR

    def _held_state(self) -> ClmmState:
        """What a walk reads, built once per change."""
        if self._state is None:
            assert self._config is not None, "check_tradable comes first"
            own = self._own
            self._state = ClmmState(
                sqrt_price_x64=own.sqrt_price_x64,
                tick=own.tick,
                liquidity=own.liquidity,
                tick_spacing=own.tick_spacing,
                trade_fee_rate=self._config.trade_fee_rate,
                fee_on=own.fee_on,
                dynamic_fee=own.dynamic_fee,
                line=self._line(),
            )
        return self._state

    def _line(self) -> TickLine:
        down, below = self._side(downwards=True)
        up, above = self._side(downwards=False)
        arrays = {array.start_tick: array for array in (*down, *up)}
        ticks = [tick for start in sorted(arrays) for tick in arrays[start].ticks]
        return TickLine(ticks, below, above)

    def _side(self, *, downwards: bool) -> tuple[list[layout.TickArray], LineEnd]:
        """The arrays held without a gap from the current one on, and what stops them."""
        held: list[layout.TickArray] = []
        for start in self._starts(downwards=downwards):
            address = layout.tick_array_address(self.address, start)
            if address not in self._arrays:
                return held, LineEnd(address)
            held.append(self._arrays[address][0])
        unknown = self._own.tick_spacing <= EXTENSION_TICK_SPACING_MAX and not self._extension_seen
        return held, LineEnd(self._extension_address if unknown else None)

    def _starts(self, *, downwards: bool) -> Iterator[int]:
        """Start ticks of the arrays that are set, from the current one outwards."""
        span = TICKS_PER_ARRAY * self._own.tick_spacing
        position = self._own.tick // span + layout.BITMAP_ZERO
        if downwards:
            bits = self._bitmap & ((1 << (position + 1)) - 1)
            while bits:
                top = bits.bit_length() - 1
                yield (top - layout.BITMAP_ZERO) * span
                bits ^= 1 << top
        else:
            bits = self._bitmap >> position << position
            while bits:
                low = bits & -bits
                yield (low.bit_length() - 1 - layout.BITMAP_ZERO) * span
                bits ^= low
