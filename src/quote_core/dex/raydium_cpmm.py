"""Raydium CPMM: constant product with trade and creator fees, Token-2022 transfer fees, and fees owed in the vaults.

PoolState is 637 bytes, AmmConfig 236 (offsets below); all rates are parts per million. Fees of protocol, fund and
creator stay in the vaults until collected but do not trade: reserve = vault - the three counters.

The creator fee is charged on the input or the output by `creator_fee_on`. On the input it shares one ceil with the
trade fee and is then split off with a floor; two ceils, as some clients do it, can cost one unit more.

Source: raydium-io/raydium-cp-swap, programs/cp-swap/src/{states,curve,instructions}.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from quote_core.dex._constant_product import cpmm_ladder
from quote_core.dex.constant_product import (
    Decoder,
    VaultBalances,
    VaultPool,
    curve_in_ceil,
    curve_out_floor,
    curve_price,
)
from quote_core.dex.fixed_point import mul_div_ceil, mul_div_floor
from quote_core.dex.layout import AccountLayout, key, u8, u64, with_fields
from quote_core.dex.pool import Account, ChainClock, Dex, Direction, Swap, SwapMode
from quote_core.dex.pool_program import PoolProgram
from quote_core.dex.spl_token import NO_TRANSFER_FEE, TOKEN_2022_PROGRAM, Mint, TransferFee, decode_mint
from quote_core.errors import (
    ActivationPending,
    AmountTooSmall,
    CorruptAccount,
    ImpossibleState,
    NoLiquidity,
    NotTradable,
)
from quote_core.units import PPM, Pubkey

__all__ = ["PROGRAM", "CpmmFees", "RaydiumCpmmPool", "swap_exact_in", "swap_exact_out"]

PROGRAM_ID: Final = Pubkey("CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C")
_LAYOUT: Final = AccountLayout("pool_state", frozenset({PROGRAM_ID}), 637, 637, bytes.fromhex("f7ede3f5d7c3de46"))
_AMM_CONFIG: Final = key(8)
_VAULT_0: Final = key(72)
_VAULT_1: Final = key(104)
_MINT_0: Final = key(168)
_MINT_1: Final = key(200)
_TOKEN_PROGRAM_0: Final = key(232)
_TOKEN_PROGRAM_1: Final = key(264)
_STATUS: Final = u8(329)
_PROTOCOL_FEES_0: Final = u64(341)
_PROTOCOL_FEES_1: Final = u64(349)
_FUND_FEES_0: Final = u64(357)
_FUND_FEES_1: Final = u64(365)
_OPEN_TIME: Final = u64(373)
_CREATOR_FEE_ON: Final = u8(389)
_ENABLE_CREATOR_FEE: Final = u8(390)
_CREATOR_FEES_0: Final = u64(397)
_CREATOR_FEES_1: Final = u64(405)

_STATUS_SWAP_OFF_BIT: Final = 1 << 2
_CREATOR_FEE_ON_INPUT: Final = 0
_CREATOR_FEE_ON_TOKEN_0: Final = 1
_CREATOR_FEE_ON_TOKEN_1: Final = 2

_CONFIG_LAYOUT: Final = AccountLayout(
    "amm_config", frozenset({PROGRAM_ID}), 236, 236, bytes.fromhex("daf42168cbcb2b6f")
)
_TRADE_FEE_RATE: Final = u64(12)
_PROTOCOL_FEE_RATE: Final = u64(20)
_FUND_FEE_RATE: Final = u64(28)
_CREATOR_FEE_RATE: Final = u64(108)


@dataclass(frozen=True, slots=True)
class CpmmFees:
    """The fees of one swap direction: rates in parts per million, and which side the creator's is taken from."""

    trade_ppm: int
    creator_ppm: int
    creator_on_input: bool
    transfer_in: TransferFee = NO_TRANSFER_FEE
    transfer_out: TransferFee = NO_TRANSFER_FEE

    @property
    def input_ppm(self) -> int:
        """All that is charged on the input."""
        return self.trade_ppm + self.creator_ppm if self.creator_on_input else self.trade_ppm

    def split_input_fee(self, fee: int) -> tuple[int, int]:
        """Split what was charged on the input into the trade and the creator fee; the creator's is rounded down."""
        if not self.creator_on_input or self.input_ppm == 0:
            return fee, 0
        creator_fee = mul_div_floor(fee, self.creator_ppm, self.input_ppm)
        return fee - creator_fee, creator_fee


@dataclass(frozen=True, slots=True)
class CpmmFill:
    """One priced swap in the pool's own amounts: what the vaults receive and send, and the fees among it."""

    amount_in: int
    amount_out: int
    vault_received: int
    vault_sent: int
    trade_fee: int
    creator_fee: int


def swap_exact_in(reserve_in: int, reserve_out: int, amount_in: int, fees: CpmmFees) -> CpmmFill:
    """Price an exact input, equal to the program to the last unit; `amount_out` 0 means it refuses."""
    received = amount_in - fees.transfer_in.on_amount(amount_in)
    input_fee = mul_div_ceil(received, fees.input_ppm, PPM)
    trade_fee, creator_fee = fees.split_input_fee(input_fee)
    swapped = curve_out_floor(reserve_in, reserve_out, received - input_fee)
    sent = swapped
    if not fees.creator_on_input:
        creator_fee = mul_div_ceil(swapped, fees.creator_ppm, PPM)
        sent = swapped - creator_fee
    return CpmmFill(
        amount_in=amount_in,
        amount_out=sent - fees.transfer_out.on_amount(sent),
        vault_received=received,
        vault_sent=sent,
        trade_fee=trade_fee,
        creator_fee=creator_fee,
    )


def swap_exact_out(reserve_in: int, reserve_out: int, amount_out: int, fees: CpmmFees) -> CpmmFill | None:
    """Price an exact output, equal to the program to the last unit; None when the reserve does not hold it."""
    sent = amount_out + fees.transfer_out.for_net(amount_out)
    swapped = sent if fees.creator_on_input else mul_div_ceil(sent, PPM, PPM - fees.creator_ppm)
    if swapped >= reserve_out:
        return None
    net_in = curve_in_ceil(reserve_in, reserve_out, swapped)
    received = mul_div_ceil(net_in, PPM, PPM - fees.input_ppm)
    trade_fee, creator_fee = fees.split_input_fee(received - net_in)
    amount_in = received + fees.transfer_in.for_net(received)
    return CpmmFill(
        # what a transfer fee's inverse adds can be a unit more than its forward rounding takes
        amount_in=amount_in,
        amount_out=sent - fees.transfer_out.on_amount(sent),
        vault_received=amount_in - fees.transfer_in.on_amount(amount_in),
        vault_sent=sent,
        trade_fee=trade_fee,
        creator_fee=creator_fee if fees.creator_on_input else swapped - sent,
    )


@dataclass(frozen=True, slots=True)
class _Config:
    """AmmConfig: rates in parts per million; protocol and fund take their part of the trade fee."""

    trade_ppm: int
    protocol_ppm: int
    fund_ppm: int
    creator_ppm: int


@dataclass(frozen=True, slots=True)
class _Owed:
    """Fees in one vault that nobody has collected yet."""

    protocol: int
    fund: int
    creator: int

    @property
    def total(self) -> int:
        return self.protocol + self.fund + self.creator

    def plus(self, *, protocol: int = 0, fund: int = 0, creator: int = 0) -> "_Owed":
        return _Owed(self.protocol + protocol, self.fund + fund, self.creator + creator)


@dataclass(frozen=True, slots=True)
class _PoolState:
    """The fields of PoolState that decide a swap."""

    amm_config: Pubkey
    status: int
    open_time_unix_s: int
    owed_a: _Owed
    owed_b: _Owed
    creator_fee_on: int
    creator_fee_enabled: bool
    token_2022_mints: tuple[Pubkey, ...]


@dataclass(frozen=True, slots=True)
class _Curve:
    """What a quote reads; a reserve is below zero when more is owed than the vault holds."""

    reserve_a: int
    reserve_b: int
    config: _Config


@dataclass(frozen=True, slots=True)
class _NextState:
    fill: CpmmFill
    balances: VaultBalances
    owed_a: _Owed
    owed_b: _Owed


class RaydiumCpmmPool(VaultPool[_Curve]):
    """One CPMM pool; token A is token 0."""

    dex = Dex.RAYDIUM_CPMM

    _state: _PoolState

    def __init__(self, address: Pubkey, account: Account) -> None:
        super().__init__(address, account)
        self._ladder_terms: dict[tuple[Direction, int], tuple[int, ...]] = {}

    def _take_own(self, account: Account) -> None:
        data = _LAYOUT.check(self.address, account)
        mint_a, mint_b = _MINT_0.read(data), _MINT_1.read(data)
        programs = (mint_a, _TOKEN_PROGRAM_0.read(data)), (mint_b, _TOKEN_PROGRAM_1.read(data))
        creator_fee_on = _CREATOR_FEE_ON.read(data)
        if creator_fee_on > _CREATOR_FEE_ON_TOKEN_1:
            raise CorruptAccount(self.address, "pool_state.creator_fee_on", f"is {creator_fee_on}, above 2")
        self._state = _PoolState(
            amm_config=_AMM_CONFIG.read(data),
            status=_STATUS.read(data),
            open_time_unix_s=_OPEN_TIME.read(data),
            owed_a=_Owed(_PROTOCOL_FEES_0.read(data), _FUND_FEES_0.read(data), _CREATOR_FEES_0.read(data)),
            owed_b=_Owed(_PROTOCOL_FEES_1.read(data), _FUND_FEES_1.read(data), _CREATOR_FEES_1.read(data)),
            creator_fee_on=creator_fee_on,
            creator_fee_enabled=_ENABLE_CREATOR_FEE.read(data) != 0,
            token_2022_mints=tuple(mint for mint, program in programs if program == TOKEN_2022_PROGRAM),
        )
        self.mint_a, self.mint_b = mint_a, mint_b
        self.vault_a, self.vault_b = _VAULT_0.read(data), _VAULT_1.read(data)

    def _extra_decoders(self) -> Mapping[Pubkey, Decoder]:
        """The fee configuration, and the mints that may charge a transfer fee (classic mints never do)."""
        return {self._state.amm_config: _decode_config, **dict.fromkeys(self._state.token_2022_mints, decode_mint)}

    def _identity(self) -> tuple[Pubkey, ...]:
        return *super()._identity(), self._state.amm_config, *self._state.token_2022_mints

    def _make_curve(self) -> _Curve:
        config = self._values[self._state.amm_config]
        assert isinstance(config, _Config)
        self._ladder_terms.clear()
        return _Curve(
            reserve_a=self._vault(self.vault_a).amount - self._state.owed_a.total,
            reserve_b=self._vault(self.vault_b).amount - self._state.owed_b.total,
            config=config,
        )

    def _check_open(self, curve: _Curve, clock: ChainClock) -> None:
        if self._state.status & _STATUS_SWAP_OFF_BIT:
            raise NotTradable(self.address, f"status {self._state.status} switches swaps off")
        if clock.unix_timestamp < self._state.open_time_unix_s:
            raise ActivationPending(self.address, f"opens at unix time {self._state.open_time_unix_s}")
        if curve.reserve_a < 0 or curve.reserve_b < 0:
            raise ImpossibleState(self.address, "a vault holds less than the fees owed from it")

    def swap(self, direction: Direction, mode: SwapMode, amount: int, clock: ChainClock) -> Swap:
        """See `Pool.swap`. `fee_amount` is what was charged on the input; transfer fees are not part of it."""
        curve = self._ready(clock)
        self._check_amount(amount)
        fees = self._fees(curve.config, direction, clock)
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
        reserve_in, reserve_out = curve.reserve_a, curve.reserve_b
        if direction is Direction.B_TO_A:
            reserve_in, reserve_out = reserve_out, reserve_in
        if reserve_in == 0 or reserve_out == 0:
            raise NoLiquidity(self.address, "a reserve is empty")
        if mode is SwapMode.EXACT_OUT:
            fill = swap_exact_out(reserve_in, reserve_out, amount, fees)
            if fill is None:
                raise NoLiquidity(self.address, f"the reserve holds {reserve_out}")
            return fill
        fill = swap_exact_in(reserve_in, reserve_out, amount, fees)
        if fill.amount_out == 0:
            raise AmountTooSmall(self.address, "the amount buys nothing")
        return fill

    def _fees(self, config: _Config, direction: Direction, clock: ChainClock) -> CpmmFees:
        mint_in, mint_out = self.mint_a, self.mint_b
        named_input = _CREATOR_FEE_ON_TOKEN_0
        if direction is Direction.B_TO_A:
            mint_in, mint_out, named_input = mint_out, mint_in, _CREATOR_FEE_ON_TOKEN_1
        return CpmmFees(
            trade_ppm=config.trade_ppm,
            creator_ppm=config.creator_ppm if self._state.creator_fee_enabled else 0,
            creator_on_input=self._state.creator_fee_on in (_CREATOR_FEE_ON_INPUT, named_input),
            transfer_in=self._transfer_fee(mint_in, clock),
            transfer_out=self._transfer_fee(mint_out, clock),
        )

    def ladder(self, direction: Direction, amounts_in: Sequence[int], clock: ChainClock) -> Sequence[int]:
        """See `Pool.ladder`; an `array("Q")` of amounts is read in place."""
        curve = self._ready(clock)
        terms = self._ladder_terms.get((direction, clock.epoch))
        if terms is None:
            self._ladder_terms.clear()  # an epoch lasts days: only the present one is worth keeping
            for either in Direction:
                self._ladder_terms[either, clock.epoch] = self._terms(curve, either, clock)
            terms = self._ladder_terms[direction, clock.epoch]
        return cpmm_ladder(amounts_in, *terms)

    def _terms(self, curve: _Curve, direction: Direction, clock: ChainClock) -> tuple[int, ...]:
        """What the compiled ladder takes, in its order."""
        fees = self._fees(curve.config, direction, clock)
        reserve_in, reserve_out, vault_in = curve.reserve_a, curve.reserve_b, self._vault(self.vault_a)
        if direction is Direction.B_TO_A:
            reserve_in, reserve_out, vault_in = curve.reserve_b, curve.reserve_a, self._vault(self.vault_b)
        return (
            reserve_in,
            reserve_out,
            vault_in.amount,
            fees.input_ppm,
            0 if fees.creator_on_input else fees.creator_ppm,
            fees.transfer_in.rate_bps,
            fees.transfer_in.fee_max,
            fees.transfer_out.rate_bps,
            fees.transfer_out.fee_max,
        )

    def _transfer_fee(self, mint: Pubkey, clock: ChainClock) -> TransferFee:
        held = self._values.get(mint)
        return held.transfer_fee_at(clock.epoch) if isinstance(held, Mint) else NO_TRANSFER_FEE

    def _next_state(self, config: _Config, fees: CpmmFees, direction: Direction, fill: CpmmFill) -> _NextState:
        is_a_to_b = direction is Direction.A_TO_B
        owed_in, owed_out = self._state.owed_a, self._state.owed_b
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

    def _balances_after(self, swap: Swap) -> VaultBalances:
        return _next_state_of(swap).balances

    def _own_data_after(self, swap: Swap) -> bytes | None:
        after = _next_state_of(swap)
        return with_fields(
            self._own_data,
            [
                (_PROTOCOL_FEES_0, after.owed_a.protocol),
                (_PROTOCOL_FEES_1, after.owed_b.protocol),
                (_FUND_FEES_0, after.owed_a.fund),
                (_FUND_FEES_1, after.owed_b.fund),
                (_CREATOR_FEES_0, after.owed_a.creator),
                (_CREATOR_FEES_1, after.owed_b.creator),
            ],
        )

    def spot_price(self, clock: ChainClock) -> float:
        """See `Pool.spot_price`."""
        curve = self._held()
        return curve_price(curve.reserve_a, curve.reserve_b)

    def fee_fraction(self, direction: Direction, clock: ChainClock) -> float:
        """See `Pool.fee_fraction`: trade and creator fee, whichever side they are taken from."""
        fees = self._fees(self._held().config, direction, clock)
        return (fees.trade_ppm + fees.creator_ppm) / PPM


def _next_state_of(swap: Swap) -> _NextState:
    assert isinstance(swap.next_state, _NextState)
    return swap.next_state


def _named_amounts(swap: Swap) -> Mapping[str, int]:
    fill = _next_state_of(swap).fill
    return {"fee": fill.trade_fee, "creator_fee": fill.creator_fee}


def _decode_config(pubkey: Pubkey, account: Account) -> _Config:
    data = _CONFIG_LAYOUT.check(pubkey, account)
    config = _Config(
        trade_ppm=_TRADE_FEE_RATE.read(data),
        protocol_ppm=_PROTOCOL_FEE_RATE.read(data),
        fund_ppm=_FUND_FEE_RATE.read(data),
        creator_ppm=_CREATOR_FEE_RATE.read(data),
    )
    if config.trade_ppm + config.creator_ppm >= PPM:
        raise CorruptAccount(pubkey, "amm_config.trade_fee_rate", "and creator_fee_rate take all of the input")
    if config.protocol_ppm + config.fund_ppm > PPM:
        raise CorruptAccount(pubkey, "amm_config.protocol_fee_rate", "and fund_fee_rate exceed the trade fee")
    return config


PROGRAM: Final = PoolProgram(
    dex=Dex.RAYDIUM_CPMM,
    layout=_LAYOUT,
    mint_a=_MINT_0,
    mint_b=_MINT_1,
    open_pool=RaydiumCpmmPool,
    named_amounts=_named_amounts,
)
