"""A Raydium CPMM pool as a `Pool`: its accounts, its refusals, its ladder, and the bytes a swap leaves.

Not reproduced by `write_swap`, because no quote reads it: the price observations and the pool's `recent_epoch`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from quote_core.dex._constant_product import CpmmPricing
from quote_core.dex.account_book import AccountBook, Decoder
from quote_core.dex.booked_pool import PoolKeys
from quote_core.dex.constant_product import Reserves, VaultPool, VaultsAfter, curve_in_ceil
from quote_core.dex.fixed_point import mul_div_ceil, mul_div_floor
from quote_core.dex.pool import Account, ChainClock, Dex, Direction, Pricing, Swap, SwapMode, SwapStep
from quote_core.dex.pool_program import PoolProgram
from quote_core.dex.raydium_cpmm.fill import CpmmFees, CpmmFill, swap_exact_in, swap_exact_out
from quote_core.dex.raydium_cpmm.layout import (
    CREATOR_FEE_ON_INPUT,
    CREATOR_FEE_ON_TOKEN_0,
    CREATOR_FEE_ON_TOKEN_1,
    MINT_0,
    MINT_1,
    POOL,
    CpmmAccount,
    CpmmConfig,
    Owed,
    decode_config,
    decode_pool_account,
    with_owed,
)
from quote_core.dex.spl_token import TokenAccount, decode_mint
from quote_core.errors import (
    ActivationPending,
    AmountOverflow,
    AmountTooSmall,
    NoLiquidity,
    NotTradable,
)
from quote_core.units import PPM, Pubkey

__all__ = ["PROGRAM", "RaydiumCpmmPool"]


@dataclass(frozen=True, slots=True)
class _Curve(Reserves):
    """What a quote reads."""

    config: CpmmConfig


@dataclass(frozen=True, slots=True)
class _NextState(VaultsAfter):
    fill: CpmmFill
    owed_a: Owed
    owed_b: Owed


class RaydiumCpmmPool(VaultPool[CpmmAccount, _Curve]):
    """One CPMM pool; token A is token 0."""

    dex = Dex.RAYDIUM_CPMM

    def _decode_own(self, pubkey: Pubkey, account: Account) -> CpmmAccount:
        return decode_pool_account(pubkey, account)

    def _keys_of(self, own: CpmmAccount) -> PoolKeys:
        return PoolKeys(own.mint_a, own.mint_b, own.vault_a, own.vault_b, (own.amm_config, own.token_2022_mints))

    def _extra_decoders(self) -> Mapping[Pubkey, Decoder]:
        """The fee configuration, and the mints that may charge a transfer fee (classic mints never do)."""
        return {self._own.amm_config: decode_config, **dict.fromkeys(self._own.token_2022_mints, decode_mint)}

    def _make_curve(self, own: CpmmAccount, book: AccountBook) -> _Curve:
        return _Curve(
            reserve_a=book.held(self.vault_a, TokenAccount).amount - own.owed_a.total,
            reserve_b=book.held(self.vault_b, TokenAccount).amount - own.owed_b.total,
            config=book.held(own.amm_config, CpmmConfig),
        )

    def _turning_times(self) -> Iterable[int]:
        yield self._own.open_time_unix_s

    def _check_curve(self, curve: _Curve, clock: ChainClock) -> None:
        if self._own.is_swap_off:
            raise NotTradable(self.address, f"status {self._own.status} switches swaps off")
        if clock.unix_timestamp < self._own.open_time_unix_s:
            raise ActivationPending(self.address, f"opens at unix time {self._own.open_time_unix_s}")
        curve.check_owed(self.address)

    def swap(self, direction: Direction, mode: SwapMode, amount: int, clock: ChainClock) -> Swap:
        """See `Pool.swap`. `fee_amount` is what was charged on the input; transfer fees are not part of it."""
        curve = self._ready(clock)
        self._check_amount(amount)
        fees = self._fees(curve.config, direction, clock)
        if fees.divides_by_zero:
            raise AmountOverflow(self.address, "the program divides the input fee by a rate of zero")
        fill = self._fill(curve, fees, direction, mode, amount)
        self._check_u64(fill.amount_in, "input")
        return Swap(
            direction=direction,
            mode=mode,
            amount_in=fill.amount_in,
            amount_out=fill.amount_out,
            fee_amount=fill.trade_fee + (fill.creator_fee if fees.creator_on_input else 0),
            fee_mint=self.mint_a if direction is Direction.A_TO_B else self.mint_b,
            crossed_count=0,
            next_state=self._next_state(curve.config, fees, direction, fill),
        )

    def _fill(self, curve: _Curve, fees: CpmmFees, direction: Direction, mode: SwapMode, amount: int) -> CpmmFill:
        curve.check_filled(self.address)
        reserve_in, reserve_out = curve.of(direction)
        if mode is SwapMode.EXACT_OUT:
            fill = swap_exact_out(reserve_in, reserve_out, amount, fees)
            if fill is None:
                raise NoLiquidity(self.address, f"the reserve holds {reserve_out}")
            return fill
        fill = swap_exact_in(reserve_in, reserve_out, amount, fees)
        if fill.amount_out == 0:
            raise AmountTooSmall(self.address, "the amount buys nothing")
        return fill

    def _curve_steps(self, swap: Swap, clock: ChainClock) -> Sequence[SwapStep]:
        curve, fill = self._held(), _next_state_of(swap).fill
        fees = self._fees(curve.config, swap.direction, clock)
        reserve_in, reserve_out = curve.of(swap.direction)
        input_fee = fill.trade_fee + (fill.creator_fee if fees.creator_on_input else 0)
        received, sent = fill.vault_received, fill.vault_sent
        net_in, swapped = received - input_fee, sent + (0 if fees.creator_on_input else fill.creator_fee)
        steps = []
        if swap.mode is SwapMode.EXACT_IN:
            if received != swap.amount_in:
                how = f"{swap.amount_in} - {swap.amount_in - received}"
                steps.append(SwapStep("input after the transfer fee", how, received))
            steps.append(SwapStep("fee on the input", f"ceil({received} x {fees.input_ppm} / {PPM})", input_fee))
            steps.append(SwapStep("input after fees", f"{received} - {input_fee}", net_in))
            how = f"floor({reserve_out} x {net_in} / ({reserve_in} + {net_in}))"
            steps.append(SwapStep("off the curve", how, swapped))
            if sent != swapped:
                how = f"{swapped} - ceil({swapped} x {fees.creator_ppm} / {PPM})"
                steps.append(SwapStep("after the creator's fee", how, sent))
            how = f"{sent} - {sent - swap.amount_out}" if sent != swap.amount_out else str(sent)
            return (*steps, SwapStep("output", how, swap.amount_out))
        if swapped != swap.amount_out:
            how = f"{swap.amount_out} + {swapped - swap.amount_out}"
            steps.append(SwapStep("off the curve, fees on the output included", how, swapped))
        how = f"ceil({reserve_in} x {swapped} / ({reserve_out} - {swapped}))"
        net_in = curve_in_ceil(reserve_in, reserve_out, swapped)
        steps.append(SwapStep("input before fees", how, net_in))
        gross = f"ceil({net_in} x {PPM} / ({PPM} - {fees.input_ppm}))"
        reached = mul_div_ceil(net_in, PPM, PPM - fees.input_ppm)
        if reached != swap.amount_in:
            gross = f"{gross} + {swap.amount_in - reached}"
        return (*steps, SwapStep("input", gross, swap.amount_in))

    def _fees(self, config: CpmmConfig, direction: Direction, clock: ChainClock) -> CpmmFees:
        transfer_in, transfer_out = self._transfer_fees(direction, clock)
        named_input = CREATOR_FEE_ON_TOKEN_0 if direction is Direction.A_TO_B else CREATOR_FEE_ON_TOKEN_1
        return CpmmFees(
            trade_ppm=config.trade_ppm,
            creator_ppm=config.creator_ppm if self._own.creator_fee_enabled else 0,
            creator_on_input=self._own.creator_fee_on in (CREATOR_FEE_ON_INPUT, named_input),
            transfer_in=transfer_in,
            transfer_out=transfer_out,
        )

    def pricing(self, direction: Direction, clock: ChainClock) -> Pricing:
        """See `Pool.pricing`."""
        terms = self._terms(self._ready(clock), direction, clock)
        if terms is None:  # no rate to split the fee by: the program refuses every amount
            return lambda amounts_in: [0] * len(amounts_in)
        return CpmmPricing(*terms)

    def _terms(self, curve: _Curve, direction: Direction, clock: ChainClock) -> tuple[int, ...] | None:
        """What `CpmmPricing` takes, in its order; None where no amount can be swapped."""
        fees = self._fees(curve.config, direction, clock)
        if fees.divides_by_zero:
            return None
        reserve_in, reserve_out = curve.of(direction)
        vault_in = self._vault_amount(self.vault_a if direction is Direction.A_TO_B else self.vault_b)
        return (
            reserve_in,
            reserve_out,
            vault_in,
            fees.input_ppm,
            0 if fees.creator_on_input else fees.creator_ppm,
            fees.transfer_in.rate_bps,
            fees.transfer_in.fee_max,
            fees.transfer_out.rate_bps,
            fees.transfer_out.fee_max,
        )

    def _next_state(self, config: CpmmConfig, fees: CpmmFees, direction: Direction, fill: CpmmFill) -> _NextState:
        is_a_to_b = direction is Direction.A_TO_B
        owed_in, owed_out = self._own.owed_a, self._own.owed_b
        if not is_a_to_b:
            owed_in, owed_out = owed_out, owed_in
        owed_in = owed_in.plus(
            protocol=mul_div_floor(fill.trade_fee, config.protocol_ppm, PPM),
            fund=mul_div_floor(fill.trade_fee, config.fund_ppm, PPM),
            creator=fill.creator_fee if fees.creator_on_input else 0,
        )
        owed_out = owed_out.plus(creator=0 if fees.creator_on_input else fill.creator_fee)
        balances = self._moved(direction, received=fill.vault_received, sent=fill.vault_sent)
        self._check_u64(max(balances.a, balances.b), "input vault's balance")
        return _NextState(
            fill=fill,
            balances=balances,
            owed_a=owed_in if is_a_to_b else owed_out,
            owed_b=owed_out if is_a_to_b else owed_in,
        )

    def _own_data_after(self, swap: Swap) -> bytes | None:
        after = _next_state_of(swap)
        return with_owed(self._book.data(self.address), after.owed_a, after.owed_b)

    def fee_fraction(self, direction: Direction, clock: ChainClock) -> float:
        """See `Pool.fee_fraction`: trade and creator fee, whichever side they are taken from."""
        own, config = self._own, self._held().config
        return (config.trade_ppm + (config.creator_ppm if own.creator_fee_enabled else 0)) / PPM


def _next_state_of(swap: Swap) -> _NextState:
    assert isinstance(swap.next_state, _NextState)
    return swap.next_state


def _named_amounts(swap: Swap) -> Mapping[str, int]:
    fill = _next_state_of(swap).fill
    return {"fee": fill.trade_fee, "creator_fee": fill.creator_fee}


PROGRAM: Final = PoolProgram(
    dex=Dex.RAYDIUM_CPMM,
    layout=POOL,
    mint_a=MINT_0,
    mint_b=MINT_1,
    open_pool=RaydiumCpmmPool,
    named_amounts=_named_amounts,
)
