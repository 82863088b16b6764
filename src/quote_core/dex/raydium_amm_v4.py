"""Raydium AMM V4: constant product, one fee on the input, priced from the vaults.

Layout of AmmInfo, 752 bytes, no discriminator (offsets below). The order book it once shared liquidity with is gone:
open orders are never added to the reserves. What the pool owes its owner (`need_take_pnl`) does not trade.

Rounding is that of the program since August 2025: every ceil is a plain ceil. Builds before gave 0 or 1 for quotients
below one, so inputs under `denominator / numerator` units differ from recordings of that time.

Source: raydium-io/raydium-amm, program/src/{state,math,processor}.rs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from quote_core.dex._constant_product import AmmV4Pricing
from quote_core.dex.account_book import AccountBook, Decoder
from quote_core.dex.booked_pool import PoolKeys
from quote_core.dex.constant_product import (
    Reserves,
    VaultPool,
    VaultsAfter,
    curve_in_ceil,
    curve_out_floor,
)
from quote_core.dex.fixed_point import mul_div_ceil
from quote_core.dex.layout import AccountLayout, key, u64
from quote_core.dex.pool import Account, ChainClock, Dex, Direction, Pricing, Swap, SwapMode, SwapStep
from quote_core.dex.pool_program import PoolProgram
from quote_core.dex.spl_token import TokenAccount
from quote_core.errors import (
    ActivationPending,
    AmountTooSmall,
    CorruptAccount,
    NoLiquidity,
    NotTradable,
)
from quote_core.units import Pubkey

__all__ = ["PROGRAM", "RaydiumAmmV4Pool"]

PROGRAM_ID: Final = Pubkey("675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8")
_LAYOUT: Final = AccountLayout("amm_info", frozenset({PROGRAM_ID}), 752, 752)

_STATUS: Final = u64(0)
_SWAP_FEE_NUMERATOR: Final = u64(176)
_SWAP_FEE_DENOMINATOR: Final = u64(184)
_NEED_TAKE_PNL_COIN: Final = u64(192)
_NEED_TAKE_PNL_PC: Final = u64(200)
_POOL_OPEN_TIME: Final = u64(224)
_COIN_VAULT: Final = key(336)
_PC_VAULT: Final = key(368)
_COIN_MINT: Final = key(400)
_PC_MINT: Final = key(432)

_STATUS_INITIALIZED: Final = 1
_STATUS_SWAP_ONLY: Final = 6
_STATUS_WAITING_TRADE: Final = 7
_STATUSES_WITH_SWAP: Final = frozenset({_STATUS_INITIALIZED, _STATUS_SWAP_ONLY, _STATUS_WAITING_TRADE})


@dataclass(frozen=True, slots=True)
class _PoolState:
    """The fields of AmmInfo that decide a swap."""

    keys: PoolKeys
    status: int
    fee_numerator: int
    fee_denominator: int
    owed_a: int
    owed_b: int
    open_time_unix_s: int


@dataclass(frozen=True, slots=True)
class _Curve(Reserves):
    """What a quote reads."""

    fee_numerator: int
    fee_denominator: int

    def fee_on_input(self, amount_in: int) -> int:
        return mul_div_ceil(amount_in, self.fee_numerator, self.fee_denominator)

    def gross_input(self, net_in: int) -> int:
        return mul_div_ceil(net_in, self.fee_denominator, self.fee_denominator - self.fee_numerator)


class RaydiumAmmV4Pool(VaultPool[_PoolState, _Curve]):
    """One AMM V4 pool; token A is its coin, token B its pc."""

    dex = Dex.RAYDIUM_AMM_V4

    def _decode_own(self, pubkey: Pubkey, account: Account) -> _PoolState:
        data = _LAYOUT.check(pubkey, account)
        state = _PoolState(
            keys=PoolKeys(_COIN_MINT.read(data), _PC_MINT.read(data), _COIN_VAULT.read(data), _PC_VAULT.read(data)),
            status=_STATUS.read(data),
            fee_numerator=_SWAP_FEE_NUMERATOR.read(data),
            fee_denominator=_SWAP_FEE_DENOMINATOR.read(data),
            owed_a=_NEED_TAKE_PNL_COIN.read(data),
            owed_b=_NEED_TAKE_PNL_PC.read(data),
            open_time_unix_s=_POOL_OPEN_TIME.read(data),
        )
        if state.fee_numerator >= state.fee_denominator:
            fee = f"{state.fee_numerator}/{state.fee_denominator}"
            raise CorruptAccount(pubkey, "amm_info.swap_fee", f"is {fee}, not below one")
        return state

    def _keys_of(self, own: _PoolState) -> PoolKeys:
        return own.keys

    def _extra_decoders(self) -> Mapping[Pubkey, Decoder]:
        return {}

    def _make_curve(self, own: _PoolState, book: AccountBook) -> _Curve:
        return _Curve(
            reserve_a=book.held(self.vault_a, TokenAccount).amount - own.owed_a,
            reserve_b=book.held(self.vault_b, TokenAccount).amount - own.owed_b,
            fee_numerator=own.fee_numerator,
            fee_denominator=own.fee_denominator,
        )

    def _turning_times(self) -> Iterable[int]:
        yield self._own.open_time_unix_s

    def _check_curve(self, curve: _Curve, clock: ChainClock) -> None:
        status, open_time_unix_s = self._own.status, self._own.open_time_unix_s
        if status not in _STATUSES_WITH_SWAP:
            raise NotTradable(self.address, f"status {status} does not allow swaps")
        if status == _STATUS_WAITING_TRADE and clock.unix_timestamp < open_time_unix_s:
            raise ActivationPending(self.address, f"opens at unix time {open_time_unix_s}")
        curve.check_owed(self.address)

    def swap(self, direction: Direction, mode: SwapMode, amount: int, clock: ChainClock) -> Swap:
        """See `Pool.swap`."""
        curve = self._ready(clock)
        self._check_amount(amount)
        if mode is SwapMode.EXACT_IN:
            amount_in, amount_out = amount, self._out_for(curve, direction, amount)
            fee_amount = curve.fee_on_input(amount_in)
        else:
            net_in = self._net_in_for(curve, direction, amount)
            amount_in, amount_out = curve.gross_input(net_in), amount
            fee_amount = amount_in - net_in
            self._check_u64(amount_in, "input")
        return Swap(
            direction=direction,
            mode=mode,
            amount_in=amount_in,
            amount_out=amount_out,
            fee_amount=fee_amount,
            fee_mint=self.mint_a if direction is Direction.A_TO_B else self.mint_b,
            crossed_count=0,
            next_state=VaultsAfter(self._moved(direction, received=amount_in, sent=amount_out)),
        )

    def _curve_steps(self, swap: Swap, clock: ChainClock) -> Sequence[SwapStep]:
        curve = self._held()
        reserve_in, reserve_out = curve.of(swap.direction)
        numerator, denominator = curve.fee_numerator, curve.fee_denominator
        sent, got, net_in = swap.amount_in, swap.amount_out, swap.amount_in - swap.fee_amount
        if swap.mode is SwapMode.EXACT_IN:
            return (
                SwapStep("fee", f"ceil({sent} x {numerator} / {denominator})", swap.fee_amount),
                SwapStep("input after the fee", f"{sent} - {swap.fee_amount}", net_in),
                SwapStep("output", f"floor({reserve_out} x {net_in} / ({reserve_in} + {net_in}))", got),
            )
        return (
            SwapStep("input before the fee", f"ceil({reserve_in} x {got} / ({reserve_out} - {got}))", net_in),
            SwapStep("input", f"ceil({net_in} x {denominator} / ({denominator} - {numerator}))", sent),
        )

    def _out_for(self, curve: _Curve, direction: Direction, amount_in: int) -> int:
        curve.check_filled(self.address)
        reserve_in, reserve_out = curve.of(direction)
        amount_out = curve_out_floor(reserve_in, reserve_out, amount_in - curve.fee_on_input(amount_in))
        if amount_out == 0:
            raise AmountTooSmall(self.address, "the amount buys nothing")
        return amount_out

    def _net_in_for(self, curve: _Curve, direction: Direction, amount_out: int) -> int:
        reserve_in, reserve_out = curve.of(direction)
        if amount_out >= reserve_out:
            raise NoLiquidity(self.address, f"the reserve holds {reserve_out}")
        net_in = curve_in_ceil(reserve_in, reserve_out, amount_out)
        if net_in == 0:
            raise AmountTooSmall(self.address, "the amount costs nothing")
        return net_in

    def pricing(self, direction: Direction, clock: ChainClock) -> Pricing:
        """See `Pool.pricing`."""
        curve = self._ready(clock)
        reserve_in, reserve_out = curve.of(direction)
        return AmmV4Pricing(reserve_in, reserve_out, curve.fee_numerator, curve.fee_denominator)

    def fee_fraction(self, direction: Direction, clock: ChainClock) -> float:
        """See `Pool.fee_fraction`: the same both ways."""
        return self._own.fee_numerator / self._own.fee_denominator


PROGRAM: Final = PoolProgram(
    dex=Dex.RAYDIUM_AMM_V4,
    layout=_LAYOUT,
    mint_a=_COIN_MINT,
    mint_b=_PC_MINT,
    open_pool=RaydiumAmmV4Pool,
)
