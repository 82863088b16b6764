"""Accounts of Raydium CPMM: PoolState, 637 bytes, and AmmConfig, 236; all rates are parts per million.

Fees of protocol, fund and creator stay in the vaults until collected and are counted in the pool account: `Owed`.

Source: raydium-io/raydium-cp-swap, programs/cp-swap/src/states.
"""

import struct
from dataclasses import dataclass
from typing import Final

from quote_core.dex.layout import AccountLayout, key, key_bytes, key_from_bytes, u64, with_fields
from quote_core.dex.pool import Account
from quote_core.dex.spl_token import TOKEN_2022_PROGRAM
from quote_core.errors import CorruptAccount
from quote_core.units import PPM, Pubkey

__all__ = [
    "CREATOR_FEE_ON_INPUT",
    "CREATOR_FEE_ON_TOKEN_0",
    "CREATOR_FEE_ON_TOKEN_1",
    "MINT_0",
    "MINT_1",
    "POOL",
    "CpmmAccount",
    "CpmmConfig",
    "Owed",
    "decode_config",
    "decode_pool_account",
    "with_owed",
]

PROGRAM_ID: Final = Pubkey("CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C")
POOL: Final = AccountLayout("pool_state", frozenset({PROGRAM_ID}), 637, 637, bytes.fromhex("f7ede3f5d7c3de46"))
MINT_0: Final = key(168)
MINT_1: Final = key(200)
_PROTOCOL_FEES_0: Final = u64(341)
_PROTOCOL_FEES_1: Final = u64(349)
_FUND_FEES_0: Final = u64(357)
_FUND_FEES_1: Final = u64(365)
_CREATOR_FEES_0: Final = u64(397)
_CREATOR_FEES_1: Final = u64(405)

_POOL_STATE: Final = struct.Struct("<8x32s32x32s32s32x32s32s32s32s33xB11x4QQ8xBB6x2Q")
"""amm_config 8, vaults 72 and 104, mints 168 and 200, token programs 232 and 264, status 329, protocol fees 341 and
349, fund fees 357 and 365, open_time 373, creator_fee_on 389, enable_creator_fee 390, creator fees 397 and 405."""
_TOKEN_2022: Final = key_bytes(TOKEN_2022_PROGRAM)

_STATUS_SWAP_OFF_BIT: Final = 1 << 2
CREATOR_FEE_ON_INPUT: Final = 0
CREATOR_FEE_ON_TOKEN_0: Final = 1
CREATOR_FEE_ON_TOKEN_1: Final = 2

_CONFIG: Final = AccountLayout("amm_config", frozenset({PROGRAM_ID}), 236, 236, bytes.fromhex("daf42168cbcb2b6f"))
_TRADE_FEE_RATE: Final = u64(12)
_PROTOCOL_FEE_RATE: Final = u64(20)
_FUND_FEE_RATE: Final = u64(28)
_CREATOR_FEE_RATE: Final = u64(108)


@dataclass(frozen=True, slots=True)
class CpmmConfig:
    """AmmConfig: rates in parts per million; protocol and fund take their part of the trade fee."""

    trade_ppm: int
    protocol_ppm: int
    fund_ppm: int
    creator_ppm: int


@dataclass(frozen=True, slots=True)
class Owed:
    """Fees in one vault that nobody has collected yet."""

    protocol: int
    fund: int
    creator: int

    @property
    def total(self) -> int:
        """All that does not trade."""
        return self.protocol + self.fund + self.creator

    def plus(self, *, protocol: int = 0, fund: int = 0, creator: int = 0) -> "Owed":
        """Give the counters after a swap."""
        return Owed(self.protocol + protocol, self.fund + fund, self.creator + creator)


@dataclass(frozen=True, slots=True)
class CpmmAccount:
    """The fields of PoolState that decide a swap."""

    mint_a: Pubkey
    mint_b: Pubkey
    vault_a: Pubkey
    vault_b: Pubkey
    amm_config: Pubkey
    is_swap_off: bool
    status: int
    open_time_unix_s: int
    owed_a: Owed
    owed_b: Owed
    creator_fee_on: int
    creator_fee_enabled: bool
    token_2022_mints: tuple[Pubkey, ...]


def decode_pool_account(pubkey: Pubkey, account: Account) -> CpmmAccount:
    """Read PoolState.

    Raises:
        CorruptAccount: Not a CPMM pool, or a creator fee side that does not exist.
    """
    (
        amm_config,
        vault_a,
        vault_b,
        raw_mint_a,
        raw_mint_b,
        program_a,
        program_b,
        status,
        protocol_a,
        protocol_b,
        fund_a,
        fund_b,
        open_time,
        creator_fee_on,
        enables_creator_fee,
        creator_a,
        creator_b,
    ) = _POOL_STATE.unpack_from(POOL.check(pubkey, account))
    if creator_fee_on > CREATOR_FEE_ON_TOKEN_1:
        raise CorruptAccount(pubkey, "pool_state.creator_fee_on", f"is {creator_fee_on}, above 2")
    mint_a, mint_b = key_from_bytes(raw_mint_a), key_from_bytes(raw_mint_b)
    return CpmmAccount(
        mint_a=mint_a,
        mint_b=mint_b,
        vault_a=key_from_bytes(vault_a),
        vault_b=key_from_bytes(vault_b),
        amm_config=key_from_bytes(amm_config),
        is_swap_off=bool(status & _STATUS_SWAP_OFF_BIT),
        status=status,
        open_time_unix_s=open_time,
        owed_a=Owed(protocol_a, fund_a, creator_a),
        owed_b=Owed(protocol_b, fund_b, creator_b),
        creator_fee_on=creator_fee_on,
        creator_fee_enabled=enables_creator_fee != 0,
        token_2022_mints=tuple(
            mint for mint, program in ((mint_a, program_a), (mint_b, program_b)) if program == _TOKEN_2022
        ),
    )


def with_owed(data: bytes, owed_a: Owed, owed_b: Owed) -> bytes:
    """Copy PoolState with other fee counters."""
    return with_fields(
        data,
        [
            (_PROTOCOL_FEES_0, owed_a.protocol),
            (_PROTOCOL_FEES_1, owed_b.protocol),
            (_FUND_FEES_0, owed_a.fund),
            (_FUND_FEES_1, owed_b.fund),
            (_CREATOR_FEES_0, owed_a.creator),
            (_CREATOR_FEES_1, owed_b.creator),
        ],
    )


def decode_config(pubkey: Pubkey, account: Account) -> CpmmConfig:
    """Read AmmConfig.

    Raises:
        CorruptAccount: Not an AmmConfig, or rates that leave nothing to trade.
    """
    data = _CONFIG.check(pubkey, account)
    config = CpmmConfig(
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
