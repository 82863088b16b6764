"""A PumpSwap pool as a `Pool`; token A is the base, token B the quote.

The Pool account has grown over time (211 to 300 bytes seen); fields past the end of a short one read as zero. The
quote reserve used for pricing is the vault plus `virtual_quote_reserves`, which is signed. Fees of the protocol and the
creator that wait in the quote vault are part of that price, but cannot be paid out to a seller.

Source: pump-fun/pump-public-docs (PumpSwap README and IDL).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from quote_core.dex._constant_product import PumpSwapPricing
from quote_core.dex.account_book import SYSTEM_PROGRAM, AccountBook, Decoder
from quote_core.dex.booked_pool import PoolKeys
from quote_core.dex.constant_product import VaultPool, VaultsAfter, curve_out_floor
from quote_core.dex.fixed_point import mul_div_floor
from quote_core.dex.layout import AccountLayout, i128, key, u8, u64
from quote_core.dex.pool import Account, ChainClock, Dex, Direction, Pricing, Swap, SwapMode, SwapStep
from quote_core.dex.pool_program import PoolProgram
from quote_core.dex.pumpswap.fees import (
    FEE_CONFIG,
    GLOBAL_CONFIG,
    FeeRates,
    FeeSchedule,
    GlobalConfig,
    decode_fee_schedule,
    decode_global_config,
    is_canonical,
    market_cap_floor,
)
from quote_core.dex.pumpswap.fill import PumpCurve, buy, buy_with, sell, sell_for
from quote_core.dex.spl_token import Mint, TokenAccount, decode_mint
from quote_core.errors import AmountTooSmall, CorruptAccount, NoLiquidity, NotTradable
from quote_core.units import BPS, U64_MAX, Pubkey

__all__ = ["PROGRAM", "PumpSwapPool"]

PROGRAM_ID: Final = Pubkey("pAMMBay6oceH9fJKBRHGP5D4bD4sWpmSwMn52FMfXEA")
_LAYOUT: Final = AccountLayout(
    "pool",
    frozenset({PROGRAM_ID}),
    211,
    1024,  # fields are appended now and then; the unknown ones are left alone
    bytes.fromhex("f19a6d0411b16dbc"),
)
_CREATOR: Final = key(11)
_BASE_MINT: Final = key(43)
_QUOTE_MINT: Final = key(75)
_BASE_VAULT: Final = key(139)
_QUOTE_VAULT: Final = key(171)
_COIN_CREATOR: Final = key(211)
_IS_MAYHEM_MODE: Final = u8(243)
_VIRTUAL_QUOTE_RESERVES: Final = i128(245)
_CREATOR_FEE_BPS: Final = u64(261)
_PROTOCOL_FEES: Final = u64(271)  # these two since October 2026
_CREATOR_FEES: Final = u64(279)
_KNOWN_SIZE_BYTES: Final = 287

_MAYHEM_SUPPLY: Final = 10**15


@dataclass(frozen=True, slots=True)
class _PoolState:
    """The fields of Pool that decide a swap."""

    keys: PoolKeys
    canonical: bool
    has_coin_creator: bool
    is_mayhem: bool
    virtual_quote: int
    creator_fee_bps: int
    owed_quote: int


@dataclass(frozen=True, slots=True)
class _NextState(VaultsAfter):
    """With the quote amount on the curve that the swap was priced with."""

    curve_quote: int


class PumpSwapPool(VaultPool[_PoolState, PumpCurve]):
    """One PumpSwap pool; token A is the base."""

    dex = Dex.PUMPSWAP

    def _decode_own(self, pubkey: Pubkey, account: Account) -> _PoolState:
        data = _LAYOUT.check(pubkey, account).ljust(_KNOWN_SIZE_BYTES, b"\0")
        base_mint = _BASE_MINT.read(data)
        creator_fee_bps = _CREATOR_FEE_BPS.read(data)
        if creator_fee_bps >= BPS:
            raise CorruptAccount(pubkey, "pool.creator_fee_bps", f"is {creator_fee_bps}, not below {BPS}")
        return _PoolState(
            keys=PoolKeys(base_mint, _QUOTE_MINT.read(data), _BASE_VAULT.read(data), _QUOTE_VAULT.read(data)),
            canonical=is_canonical(creator=_CREATOR.read(data), base_mint=base_mint),
            has_coin_creator=_COIN_CREATOR.read(data) != SYSTEM_PROGRAM,
            is_mayhem=_IS_MAYHEM_MODE.read(data) != 0,
            virtual_quote=_VIRTUAL_QUOTE_RESERVES.read(data),
            creator_fee_bps=creator_fee_bps,
            owed_quote=_PROTOCOL_FEES.read(data) + _CREATOR_FEES.read(data),
        )

    def _keys_of(self, own: _PoolState) -> PoolKeys:
        return own.keys

    def _extra_decoders(self) -> Mapping[Pubkey, Decoder]:
        return {
            self.mint_a: decode_mint,
            self.mint_b: decode_mint,
            GLOBAL_CONFIG: decode_global_config,
            FEE_CONFIG: decode_fee_schedule,
        }

    def _make_curve(self, own: _PoolState, book: AccountBook) -> PumpCurve:
        base_reserve = book.held(self.vault_a, TokenAccount).amount
        quote_vault = book.held(self.vault_b, TokenAccount).amount
        quote_reserve = quote_vault + own.virtual_quote
        switches = book.held(GLOBAL_CONFIG, GlobalConfig)
        return PumpCurve(
            base_reserve=base_reserve,
            quote_reserve=quote_reserve,
            quote_payable=max(0, quote_vault - own.owed_quote),
            rates=self._rates(own, book, base_reserve=base_reserve, quote_reserve=quote_reserve),
            buys_off=switches.buys_off,
            sells_off=switches.sells_off,
        )

    def _rates(self, own: _PoolState, book: AccountBook, *, base_reserve: int, quote_reserve: int) -> FeeRates:
        """The rates of the tier before the trade, with what the pool itself says about its creator's."""
        supply = _MAYHEM_SUPPLY if own.is_mayhem else book.held(self.mint_a, Mint).supply
        market_cap = (
            market_cap_floor(quote_reserve=quote_reserve, base_reserve=base_reserve, supply=supply)
            if base_reserve
            else 0
        )
        schedule = book.held(FEE_CONFIG, FeeSchedule)
        rates = schedule.rates(canonical=own.canonical, quote_mint=self.mint_b, market_cap=market_cap)
        creator_bps = rates.creator_bps
        if book.held(GLOBAL_CONFIG, GlobalConfig).creator_fee_configurable and own.creator_fee_bps > 0:
            creator_bps = own.creator_fee_bps
        if not own.has_coin_creator:
            creator_bps = 0
        return FeeRates(rates.lp_bps, rates.protocol_bps, creator_bps)

    def _check_curve(self, curve: PumpCurve, clock: ChainClock) -> None:
        if curve.buys_off and curve.sells_off:
            raise NotTradable(self.address, "buys and sells are switched off")
        if curve.quote_reserve <= 0:
            raise NotTradable(self.address, f"the quote reserve is {curve.quote_reserve}, virtual part included")
        if curve.rates.total_bps >= BPS:
            raise NotTradable(self.address, f"the fees take {curve.rates.total_bps} of {BPS} basis points")

    def swap(self, direction: Direction, mode: SwapMode, amount: int, clock: ChainClock) -> Swap:
        """See `Pool.swap`. A sale asked for by its output may deliver a little more than asked."""
        curve = self._ready(clock)
        self._check_amount(amount)
        if curve.base_reserve == 0:
            raise NoLiquidity(self.address, "the base vault is empty")
        is_sale = direction is Direction.A_TO_B
        if curve.sells_off if is_sale else curve.buys_off:
            raise NotTradable(self.address, f"{'sells' if is_sale else 'buys'} are switched off")
        fee_in, fee_out = self._transfer_fees(direction, clock)
        exact_in = mode is SwapMode.EXACT_IN
        specified = fee_in.net(amount) if exact_in else amount + fee_out.for_net(amount)
        self._check_amount(specified)
        if is_sale:
            fill = (sell if exact_in else sell_for)(self.address, curve, specified)
        else:
            fill = (buy_with if exact_in else buy)(self.address, curve, specified)
        amount_in = amount if exact_in else fill.amount_in + fee_in.for_net(fill.amount_in)
        amount_out = fee_out.net(fill.amount_out)
        if amount_out == 0:
            raise AmountTooSmall(self.address, "the transfer fee takes all of the output")
        self._check_u64(amount_in, "input")
        lp_fee = curve.rates.lp_fee(fill.curve_quote)
        if is_sale:
            balances = self._moved(direction, received=fee_in.net(amount_in), sent=fill.curve_quote - lp_fee)
        else:
            balances = self._moved(direction, received=fill.curve_quote + lp_fee, sent=fill.amount_out)
        return Swap(
            direction=direction,
            mode=mode,
            amount_in=amount_in,
            amount_out=amount_out,
            fee_amount=curve.rates.total_fee(fill.curve_quote),
            fee_mint=self.mint_b,
            crossed_count=0,
            next_state=_NextState(balances, fill.curve_quote),
        )

    def _curve_steps(self, swap: Swap, clock: ChainClock) -> Sequence[SwapStep]:
        curve, on_curve = self._held(), _next_state_of(swap).curve_quote
        rates, base, quote = curve.rates, curve.base_reserve, curve.quote_reserve
        fee_in, fee_out = self._transfer_fees(swap.direction, clock)
        total = rates.total_fee(on_curve)
        each = (rates.lp_bps, rates.protocol_bps, rates.creator_bps)
        fees = SwapStep("fees", " + ".join(f"ceil({on_curve} x {bps} / {BPS})" for bps in each), total)
        sent, arrives = fee_in.net(swap.amount_in), swap.amount_out
        steps = [SwapStep("input after the transfer fee", f"{swap.amount_in} - {swap.amount_in - sent}", sent)]
        if sent == swap.amount_in:
            steps.clear()
        is_exact_in = swap.mode is SwapMode.EXACT_IN
        if swap.direction is Direction.A_TO_B:
            how = f"floor({quote} x {sent} / ({base} + {sent}))"
            left = on_curve - total
            steps += [SwapStep("quote off the curve", how, on_curve), fees]
            out_how = f"{on_curve} - {total}" + (f" - {left - arrives}" if left != arrives else "")
            steps.append(SwapStep("output", out_how, arrives))
        elif is_exact_in:
            most = mul_div_floor(sent, BPS, BPS + rates.total_bps)
            how = f"floor({sent} x {BPS} / ({BPS} + {rates.total_bps})) - {most - on_curve}"
            spent = on_curve - 1
            bought = curve_out_floor(quote, base, spent)
            out_how = f"floor({base} x {spent} / ({quote} + {spent}))" + (
                f" - {bought - arrives}" if bought != arrives else ""
            )
            steps += [SwapStep("quote that reaches the curve", how, on_curve), fees]
            steps.append(SwapStep("output, for a unit less", out_how, arrives))
        else:
            bought = arrives + fee_out.for_net(arrives)
            how = f"ceil({quote} x {bought} / ({base} - {bought}))"
            steps = [SwapStep("quote onto the curve", how, on_curve), fees]
            paid = on_curve + total
            in_how = f"{on_curve} + {total}" + (f" + {swap.amount_in - paid}" if paid != swap.amount_in else "")
            return (*steps, SwapStep("input", in_how, swap.amount_in))
        if is_exact_in:
            return steps
        return (*steps, SwapStep("input, the least that is found to deliver it", "", swap.amount_in))

    def pricing(self, direction: Direction, clock: ChainClock) -> Pricing:
        """See `Pool.pricing`."""
        curve = self._ready(clock)
        is_sale, rates = direction is Direction.A_TO_B, curve.rates
        if curve.sells_off if is_sale else curve.buys_off:
            return lambda amounts_in: [0] * len(amounts_in)
        if curve.quote_reserve > U64_MAX:  # only a virtual reserve beyond any token's supply; C counts 64 bits here
            return lambda amounts_in: self.ladder_by_swaps(direction, amounts_in, clock)
        on_curve = PumpSwapPricing(
            curve.base_reserve,
            curve.quote_reserve,
            curve.quote_payable,
            rates.lp_bps,
            rates.protocol_bps,
            rates.creator_bps,
            is_sale=is_sale,
        )
        fee_in, fee_out = self._transfer_fees(direction, clock)
        if fee_in.is_zero and fee_out.is_zero:
            return on_curve

        def behind_transfer_fees(amounts_in: Sequence[int]) -> Sequence[int]:
            return [fee_out.net(output) for output in on_curve([fee_in.net(sent) for sent in amounts_in])]

        return behind_transfer_fees

    def fee_fraction(self, direction: Direction, clock: ChainClock) -> float:
        """See `Pool.fee_fraction`: the three rates on the quote side, per unit of what goes in."""
        total_bps = self._held().rates.total_bps
        return total_bps / BPS if direction is Direction.A_TO_B else total_bps / (BPS + total_bps)


def _next_state_of(swap: Swap) -> _NextState:
    assert isinstance(swap.next_state, _NextState)
    return swap.next_state


def _named_amounts(swap: Swap) -> Mapping[str, int]:
    return {"internal_quote": _next_state_of(swap).curve_quote}


PROGRAM: Final = PoolProgram(
    dex=Dex.PUMPSWAP,
    layout=_LAYOUT,
    mint_a=_BASE_MINT,
    mint_b=_QUOTE_MINT,
    open_pool=PumpSwapPool,
    named_amounts=_named_amounts,
)
