"""An Orca Whirlpool as a `Pool`: its accounts, and swaps over three tick arrays.

Not reproduced by `write_swap`, because no quote reads it: growth outside the ticks crossed, and reward growth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from quote_core.dex import spl_token
from quote_core.dex.orca_whirlpool import layout
from quote_core.dex.orca_whirlpool.adaptive_fee import FeeManager
from quote_core.dex.orca_whirlpool.layout import PROGRAM_IDS
from quote_core.dex.orca_whirlpool.state import TickArray, WhirlpoolState, array_sequence
from quote_core.dex.orca_whirlpool.swap import (
    FEE_DENOMINATOR,
    ArrayUnknown,
    PartialFill,
    SequenceEnd,
    Walk,
    walk,
)
from quote_core.dex.orca_whirlpool.ticks import MathOverflow
from quote_core.dex.pool import Account, AccountNeed, ChainClock, Dex, Direction, Pool, Swap, SwapMode
from quote_core.errors import (
    ActivationPending,
    AmountOverflow,
    AmountTooSmall,
    LiquidityNotLoaded,
    MarketError,
    NoLiquidity,
    NotTradable,
    ReserveShort,
)
from quote_core.units import U64_MAX, Pubkey

__all__ = ["PROGRAM_IDS", "OrcaWhirlpoolPool"]


@dataclass(frozen=True, slots=True)
class _NextState:
    walk: Walk
    a_to_b: bool
    unix_timestamp: int


class OrcaWhirlpoolPool(Pool):
    """See `Pool`. An array reported as absent counts as empty, one never reported as unknown."""

    dex: ClassVar[Dex] = Dex.ORCA_WHIRLPOOL

    def __init__(self, address: Pubkey, account: Account) -> None:
        self.address = address
        self._own = layout.decode_pool_account(address, account)
        self._data = account.data
        self._program = account.owner
        self.mint_a, self.mint_b = self._own.mint_a, self._own.mint_b
        self._oracle_address = layout.oracle_address(account.owner, address)
        self._oracle: tuple[layout.Oracle, bytes] | None = None
        self._mints: dict[Pubkey, spl_token.Mint] = {}
        self._vaults: dict[Pubkey, bytes] = {}
        self._arrays: dict[int, TickArray] = {}
        self._state: WhirlpoolState | None = None

    def accounts_needed(self) -> Sequence[AccountNeed]:
        """See `Pool.accounts_needed`; tick arrays are those a swap in either direction may use."""
        own = self._own
        needs = [AccountNeed(own.mint_a), AccountNeed(own.mint_b)]
        needs += [AccountNeed(vault, required=False) for vault in (own.vault_a, own.vault_b)]
        if own.uses_adaptive_fee:
            needs.append(AccountNeed(self._oracle_address))
        return needs + [AccountNeed(array, required=False) for array in self._array_addresses()]

    def _array_addresses(self) -> dict[Pubkey, int]:
        own = self._own
        starts = (
            start for a_to_b in (True, False) for start in array_sequence(own.tick, own.tick_spacing, a_to_b=a_to_b)
        )
        return {layout.tick_array_address(self._program, self.address, start): start for start in starts}

    def apply(self, pubkey: Pubkey, account: Account | None) -> None:
        """See `Pool.apply`."""
        own = self._own
        if pubkey == self.address:
            if account is None:
                raise NotTradable(self.address, "the pool account is gone")
            self._own, self._data = layout.decode_pool_account(pubkey, account), account.data
        elif pubkey in (own.mint_a, own.mint_b):
            if account is None:
                self._mints.pop(pubkey, None)
            else:
                self._mints[pubkey] = spl_token.decode_mint(pubkey, account)
        elif pubkey in (own.vault_a, own.vault_b):
            self._apply_vault(pubkey, account)
        elif pubkey == self._oracle_address:
            self._oracle = (
                None if account is None else (layout.decode_oracle(pubkey, account, pool=self.address), account.data)
            )
        elif account is None:
            start = self._array_addresses().get(pubkey)
            if start is not None:
                self._arrays[start] = TickArray(start, {})
        else:
            array = layout.decode_tick_array(pubkey, account, pool=self.address, tick_spacing=own.tick_spacing)
            self._arrays[array.start_tick] = array
        self._state = None

    def _apply_vault(self, pubkey: Pubkey, account: Account | None) -> None:
        if account is None:
            self._vaults.pop(pubkey, None)
            return
        mint = self.mint_a if pubkey == self._own.vault_a else self.mint_b
        spl_token.decode_token_account(pubkey, account, mint=mint)
        self._vaults[pubkey] = account.data

    def missing(self) -> Sequence[Pubkey]:
        """See `Pool.missing`."""
        absent = [mint for mint in (self.mint_a, self.mint_b) if mint not in self._mints]
        if self._own.uses_adaptive_fee and self._oracle is None:
            absent.append(self._oracle_address)
        return absent

    def check_tradable(self, clock: ChainClock) -> None:
        """See `Pool.check_tradable`."""
        if self.missing():
            raise NotTradable(self.address, f"account {self.missing()[0]} is not loaded")
        if self._oracle is not None and clock.unix_timestamp < self._oracle[0].trade_enable_unix_s:
            raise ActivationPending(self.address, f"opens at unix time {self._oracle[0].trade_enable_unix_s}")
        if clock.unix_timestamp < self._own.reward_updated_unix_s:
            raise NotTradable(self.address, "the clock is earlier than the pool's last update")

    def swap(self, direction: Direction, mode: SwapMode, amount: int, clock: ChainClock) -> Swap:
        """See `Pool.swap`; an exact input that buys nothing succeeds here, as it does on chain."""
        self.check_tradable(clock)
        a_to_b, exact_in = direction is Direction.A_TO_B, mode is SwapMode.EXACT_IN
        mint_in, mint_out = (self.mint_a, self.mint_b) if a_to_b else (self.mint_b, self.mint_a)
        fee_in = self._mints[mint_in].transfer_fee_at(clock.epoch)
        fee_out = self._mints[mint_out].transfer_fee_at(clock.epoch)
        specified = amount - fee_in.on_amount(amount) if exact_in else amount + fee_out.for_net(amount)
        if amount == 0 or specified == 0:
            raise AmountTooSmall(self.address, "nothing is left to swap")
        done = self._walk(specified, a_to_b=a_to_b, exact_in=exact_in, unix_timestamp=clock.unix_timestamp)
        # An exact input that ends at the edge of the price range is a partial fill: less goes in than was offered.
        amount_in = (
            amount if exact_in and done.amount_in == specified else done.amount_in + fee_in.for_net(done.amount_in)
        )
        amount_out = done.amount_out - fee_out.on_amount(done.amount_out)
        if amount_in > U64_MAX:
            raise AmountOverflow(self.address, "the input does not fit in 64 bits")
        self._check_reserve(self._own.vault_b if a_to_b else self._own.vault_a, done.amount_out)
        next_state = _NextState(done, a_to_b, clock.unix_timestamp)
        return Swap(direction, mode, amount_in, amount_out, done.fee_amount, mint_in, done.crossed_count, next_state)

    def _walk(self, amount: int, *, a_to_b: bool, exact_in: bool, unix_timestamp: int) -> Walk:
        try:
            return walk(
                self._held_state(), a_to_b=a_to_b, exact_in=exact_in, amount=amount, unix_timestamp=unix_timestamp
            )
        except ArrayUnknown as unknown:
            array = layout.tick_array_address(self._program, self.address, unknown.start_tick)
            raise LiquidityNotLoaded(self.address, array) from None
        except SequenceEnd:
            raise NoLiquidity(self.address, "the amount needs a fourth tick array; split the trade") from None
        except PartialFill:
            raise NoLiquidity(self.address, "the output cannot be reached at any price") from None
        except MathOverflow as overflow:
            raise AmountOverflow(self.address, f"the program's arithmetic overflows: {overflow}") from None

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
        done = after.walk
        changed = {
            self.address: layout.with_swap(
                self._data,
                liquidity=done.liquidity,
                sqrt_price_x64=done.sqrt_price_x64,
                tick=done.tick,
                a_to_b=after.a_to_b,
                protocol_fee=done.protocol_fee,
                fee_growth_x64=done.fee_growth_x64,
                unix_timestamp=after.unix_timestamp,
            )
        }
        a_change, b_change = (done.amount_in, -done.amount_out) if after.a_to_b else (-done.amount_out, done.amount_in)
        for vault, change in ((self._own.vault_a, a_change), (self._own.vault_b, b_change)):
            if vault in self._vaults:
                data = self._vaults[vault]
                changed[vault] = spl_token.with_token_amount(data, spl_token.token_amount(data) + change)
        if done.adaptive_fee is not None and self._oracle is not None:
            changed[self._oracle_address] = layout.with_oracle(self._oracle[1], done.adaptive_fee)
        return changed

    def spot_price(self, clock: ChainClock) -> float:
        """See `Pool.spot_price`."""
        del clock  # the price does not depend on time here
        return (self._own.sqrt_price_x64 / 2**64) ** 2

    def fee_fraction(self, direction: Direction, clock: ChainClock) -> float:
        """See `Pool.fee_fraction`."""
        state = self._held_state()
        fee = state.adaptive_fee
        if fee is not None:
            fee = fee.at_swap_start(tick=state.tick, unix_timestamp=clock.unix_timestamp)
        manager = FeeManager(state.fee_rate, fee, tick=state.tick, a_to_b=direction is Direction.A_TO_B)
        return manager.next_rate() / FEE_DENOMINATOR

    def _held_state(self) -> WhirlpoolState:
        """What a walk reads, built once per change."""
        if self._state is None:
            own = self._own
            self._state = WhirlpoolState(
                sqrt_price_x64=own.sqrt_price_x64,
                tick=own.tick,
                liquidity=own.liquidity,
                tick_spacing=own.tick_spacing,
                fee_rate=own.fee_rate,
                protocol_fee_rate_bps=own.protocol_fee_rate_bps,
                adaptive_fee=self._oracle[0].fee if own.uses_adaptive_fee and self._oracle else None,
                fee_growth_global_a_x64=own.fee_growth_global_a_x64,
                fee_growth_global_b_x64=own.fee_growth_global_b_x64,
                arrays=self._arrays,
            )
        return self._state
