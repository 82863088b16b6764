"""Accounts of Orca Whirlpool: pool, tick arrays in two formats, and the oracle that holds the adaptive fee.

| pool (653 bytes)        | offset  | oracle (254)                | offset |
|-------------------------|---------|-----------------------------|--------|
| tick_spacing u16        | 41      | whirlpool                   | 8      |
| fee_tier_index_seed u16 | 43      | trade_enable_timestamp u64  | 40     |
| fee_rate u16            | 45      | constants                   | 48     |
| protocol_fee_rate u16   | 47      | variables                   | 82     |
| liquidity u128          | 49      | **fixed array (9988)**      |        |
| sqrt_price u128         | 65      | start_tick i32              | 8      |
| tick_current i32        | 81      | 88 ticks of 113 bytes       | 12     |
| protocol_fee_owed a, b  | 85 93   | whirlpool                   | 9956   |
| mint a, vault a         | 101 133 | **dynamic array (148..10004)** |     |
| fee_growth_global_a u128| 165     | start_tick i32, whirlpool   | 8 12   |
| mint b, vault b         | 181 213 | bitmap u128                 | 44     |
| fee_growth_global_b u128| 245     | 88 entries: 0, or 1 and 112 bytes | 60 |
| reward stamp u64        | 261     |                             |        |

Source: orca-so/whirlpools, programs/whirlpool/src/state/{whirlpool,fixed_tick_array,dynamic_tick_array,oracle}.rs.
"""

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from quote_core.dex.layout import (
    AccountLayout,
    derived_address,
    i32,
    key,
    key_bytes,
    key_from_bytes,
    u64,
    u128,
    with_fields,
)
from quote_core.dex.orca_whirlpool.adaptive_fee import AdaptiveFee
from quote_core.dex.orca_whirlpool.state import TICKS_PER_ARRAY, WhirlpoolTickArray
from quote_core.dex.orca_whirlpool.ticks import MAX_SQRT_PRICE_X64
from quote_core.dex.pool import Account
from quote_core.dex.sqrt_price import MAX_TICK, MIN_SQRT_PRICE_X64, MIN_TICK
from quote_core.errors import CorruptAccount
from quote_core.units import U64_MAX, Pubkey

__all__ = [
    "LIQUIDITY",
    "MINT_A",
    "MINT_B",
    "OWED_A",
    "OWED_B",
    "POOL",
    "PROGRAM_IDS",
    "SQRT_PRICE",
    "TICK_CURRENT",
    "WhirlpoolAccount",
    "WhirlpoolOracle",
    "decode_oracle",
    "decode_pool_account",
    "decode_tick_array",
    "oracle_address",
    "tick_array_address",
    "with_oracle",
    "with_swap",
]

PROGRAM_IDS: Final = frozenset(
    {
        Pubkey("whirLbMiicVdio4qvUfM5KAg6Ct8VwpYzGff3uctyCc"),
        Pubkey("iwhrLHdsgrvmnwU8GF2FSmyabSMjfHwFGJAX2ufJ3ZN"),  # the immutable twin
    }
)
FIXED_ARRAY_SIZE_BYTES: Final = 9988

POOL: Final = AccountLayout("whirlpool", PROGRAM_IDS, 653, 653, bytes.fromhex("3f95d10ce1806309"))
_FIXED_ARRAY: Final = AccountLayout(
    "tick_array", PROGRAM_IDS, FIXED_ARRAY_SIZE_BYTES, FIXED_ARRAY_SIZE_BYTES, bytes.fromhex("4561bdbe6e0742bb")
)
_DYNAMIC_ARRAY: Final = AccountLayout("tick_array", PROGRAM_IDS, 148, 10004, bytes.fromhex("11d8f68ee1c7da38"))
_ORACLE: Final = AccountLayout("oracle", PROGRAM_IDS, 254, 254, bytes.fromhex("8bc283b38cb3e5f4"))

_POOL: Final = struct.Struct(
    "<4H4Qi2Q32s32s2Q32s32s2QQ"
)  # from the tick spacing on; 128 bits are a low and a high half
_POOL_OFFSET: Final = 41
LIQUIDITY, SQRT_PRICE, TICK_CURRENT = u128(49), u128(65), i32(81)
OWED_A, OWED_B = u64(85), u64(93)
MINT_A, _GROWTH_A = key(101), u128(165)
MINT_B, _GROWTH_B = key(181), u128(245)
_REWARD_STAMP: Final = u64(261)

_ARRAY_START: Final = i32(8)
_FIXED_POOL, _DYNAMIC_POOL = key(9956), key(12)
_DYNAMIC_BITMAP: Final = u128(44)
_FIXED_TICKS_OFFSET, _DYNAMIC_TICKS_OFFSET = 12, 60
_FIXED_TICK_SIZE_BYTES, _DYNAMIC_TICK_SIZE_BYTES = 113, 112
_NET: Final = struct.Struct("<Qq")  # low and high half of an i128

_ORACLE_POOL, _TRADE_ENABLE = key(8), u64(40)
_CONSTANTS: Final = struct.Struct("<HHHIIHH")
_VARIABLES: Final = struct.Struct("<QQIiI")
_CONSTANTS_OFFSET, _VARIABLES_OFFSET = 48, 82

FEE_DENOMINATOR: Final = 1_000_000
PROTOCOL_FEE_RATE_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class WhirlpoolAccount:
    """The pool's own account; rates in parts per million, the protocol's in basis points of the fee."""

    tick_spacing: int
    uses_adaptive_fee: bool
    fee_rate: int
    protocol_fee_rate_bps: int
    liquidity: int
    sqrt_price_x64: int
    tick: int
    protocol_fee_owed_a: int
    protocol_fee_owed_b: int
    mint_a: Pubkey
    vault_a: Pubkey
    fee_growth_global_a_x64: int
    mint_b: Pubkey
    vault_b: Pubkey
    fee_growth_global_b_x64: int
    reward_updated_unix_s: int


@dataclass(frozen=True, slots=True)
class WhirlpoolOracle:
    """The oracle account of a pool with an adaptive fee."""

    trade_enable_unix_s: int
    fee: AdaptiveFee


def decode_pool_account(pubkey: Pubkey, account: Account) -> WhirlpoolAccount:
    """Read the pool's own account.

    Raises:
        CorruptAccount: Not a Whirlpool, or a value no pool can have.
    """
    (
        spacing,
        fee_tier_index,
        fee_rate,
        protocol_rate,
        *numbers,
        tick,
        owed_a,
        owed_b,
        mint_a,
        vault_a,
        growth_a,
        growth_a_high,
        mint_b,
        vault_b,
        growth_b,
        growth_b_high,
        reward_stamp,
    ) = _POOL.unpack_from(POOL.check(pubkey, account), _POOL_OFFSET)
    liquidity, liquidity_high, sqrt_price, sqrt_price_high = numbers
    sqrt_price += sqrt_price_high << 64
    if spacing == 0:
        raise CorruptAccount(pubkey, "whirlpool.tick_spacing", "is 0")
    if not MIN_SQRT_PRICE_X64 <= sqrt_price <= MAX_SQRT_PRICE_X64:
        raise CorruptAccount(pubkey, "whirlpool.sqrt_price", f"is {sqrt_price}, outside the program's range")
    if not MIN_TICK - 1 <= tick <= MAX_TICK:
        raise CorruptAccount(pubkey, "whirlpool.tick_current_index", f"is {tick}, outside ±{MAX_TICK}")
    if protocol_rate > PROTOCOL_FEE_RATE_MAX:
        raise CorruptAccount(pubkey, "whirlpool.protocol_fee_rate", f"is {protocol_rate}, above 100 %")
    return WhirlpoolAccount(
        tick_spacing=spacing,
        uses_adaptive_fee=fee_tier_index != spacing,
        fee_rate=fee_rate,
        protocol_fee_rate_bps=protocol_rate,
        liquidity=liquidity + (liquidity_high << 64),
        sqrt_price_x64=sqrt_price,
        tick=tick,
        protocol_fee_owed_a=owed_a,
        protocol_fee_owed_b=owed_b,
        mint_a=key_from_bytes(mint_a),
        vault_a=key_from_bytes(vault_a),
        fee_growth_global_a_x64=growth_a + (growth_a_high << 64),
        mint_b=key_from_bytes(mint_b),
        vault_b=key_from_bytes(vault_b),
        fee_growth_global_b_x64=growth_b + (growth_b_high << 64),
        reward_updated_unix_s=reward_stamp,
    )


def decode_tick_array(pubkey: Pubkey, account: Account, *, pool: Pubkey, tick_spacing: int) -> WhirlpoolTickArray:
    """Read the initialised ticks of an array of either format.

    Raises:
        CorruptAccount: Not a tick array, of another pool, or cut short.
    """
    if len(account.data) == FIXED_ARRAY_SIZE_BYTES and account.data.startswith(_FIXED_ARRAY.discriminator):
        data = _FIXED_ARRAY.check(pubkey, account)
        nets, owner_pool = _fixed_nets(pubkey, data), _FIXED_POOL
    else:
        data = _DYNAMIC_ARRAY.check(pubkey, account)
        nets, owner_pool = _dynamic_nets(pubkey, data), _DYNAMIC_POOL
    start = _ARRAY_START.read(data)
    owner_pool.check(pubkey, data, pool, name="tick_array.whirlpool")
    span = TICKS_PER_ARRAY * tick_spacing
    if start % span or not MIN_TICK - span < start <= MAX_TICK:
        raise CorruptAccount(pubkey, "tick_array.start_tick_index", f"is {start}")
    ticks = {start + slot * tick_spacing: net for slot, net in nets.items()}
    outside = [tick for tick in ticks if not MIN_TICK <= tick <= MAX_TICK]
    if outside:
        raise CorruptAccount(pubkey, "tick_array.ticks", f"tick {outside[0]} is initialised outside ±{MAX_TICK}")
    return WhirlpoolTickArray(start, ticks)


def _fixed_nets(pubkey: Pubkey, data: bytes) -> dict[int, int]:
    nets = {}
    for slot in range(TICKS_PER_ARRAY):
        offset = _FIXED_TICKS_OFFSET + slot * _FIXED_TICK_SIZE_BYTES
        if data[offset] > 1:
            raise CorruptAccount(pubkey, f"tick_array.ticks[{slot}].initialized", f"is {data[offset]}, not 0 or 1")
        if data[offset]:
            nets[slot] = _net(data, offset + 1)
    return nets


def _dynamic_nets(pubkey: Pubkey, data: bytes) -> dict[int, int]:
    nets = {}
    offset = _DYNAMIC_TICKS_OFFSET
    for slot in range(TICKS_PER_ARRAY):
        if offset >= len(data):
            raise CorruptAccount(pubkey, f"tick_array.ticks[{slot}]", "is beyond the end of the account")
        tag = data[offset]
        offset += 1
        if tag == 1:
            if offset + _DYNAMIC_TICK_SIZE_BYTES > len(data):
                raise CorruptAccount(pubkey, f"tick_array.ticks[{slot}]", "is cut short")
            nets[slot] = _net(data, offset)
            offset += _DYNAMIC_TICK_SIZE_BYTES
        elif tag:
            raise CorruptAccount(pubkey, f"tick_array.ticks[{slot}]", f"has tag {tag}, not 0 or 1")
    if _DYNAMIC_BITMAP.read(data) != sum(1 << slot for slot in nets):
        raise CorruptAccount(pubkey, "tick_array.tick_bitmap", "does not match the ticks")
    return nets


def _net(data: bytes, offset: int) -> int:
    low, high = _NET.unpack_from(data, offset)
    return int(low + (high << 64))


def decode_oracle(pubkey: Pubkey, account: Account, *, pool: Pubkey) -> WhirlpoolOracle:
    """Read the oracle account.

    Raises:
        CorruptAccount: Not the oracle of this pool, or constants no oracle can have.
    """
    data = _ORACLE.check(pubkey, account)
    _ORACLE_POOL.check(pubkey, data, pool, name="oracle.whirlpool")
    fee = AdaptiveFee(
        *_CONSTANTS.unpack_from(data, _CONSTANTS_OFFSET), *_VARIABLES.unpack_from(data, _VARIABLES_OFFSET)
    )
    if fee.tick_group_size == 0:
        raise CorruptAccount(pubkey, "oracle.tick_group_size", "is 0")
    if fee.major_swap_threshold_ticks > MAX_TICK or not MIN_TICK - 1 <= fee.group_reference <= MAX_TICK:
        raise CorruptAccount(pubkey, "oracle.tick_group_index_reference", f"is {fee.group_reference}")
    if fee.volatility_reference > fee.accumulator_max:
        raise CorruptAccount(pubkey, "oracle.volatility_reference", "is above the maximum accumulator")
    return WhirlpoolOracle(_TRADE_ENABLE.read(data), fee)


@lru_cache(maxsize=65536)
def tick_array_address(program: Pubkey, pool: Pubkey, start_tick: int) -> Pubkey:
    """Derive the address of the tick array that starts at `start_tick` (decimal text in the seeds)."""
    return derived_address(program, b"tick_array", key_bytes(pool), str(start_tick).encode())


@lru_cache(maxsize=4096)
def oracle_address(program: Pubkey, pool: Pubkey) -> Pubkey:
    """Derive the address of the pool's oracle."""
    return derived_address(program, b"oracle", key_bytes(pool))


def with_swap(
    data: bytes,
    *,
    liquidity: int,
    sqrt_price_x64: int,
    tick: int,
    a_to_b: bool,
    protocol_fee: int,
    fee_growth_x64: int,
    unix_timestamp: int,
) -> bytes:
    """Copy the pool's data as a swap leaves it; fee and growth go to the input token's counters."""
    owed, growth = (OWED_A, _GROWTH_A) if a_to_b else (OWED_B, _GROWTH_B)
    return with_fields(
        data,
        [
            (LIQUIDITY, liquidity),
            (SQRT_PRICE, sqrt_price_x64),
            (TICK_CURRENT, tick),
            (owed, (owed.read(data) + protocol_fee) % (U64_MAX + 1)),
            (growth, fee_growth_x64),
            (_REWARD_STAMP, unix_timestamp),
        ],
    )


def with_oracle(data: bytes, fee: AdaptiveFee) -> bytes:
    """Copy the oracle's data with its variables replaced."""
    changed = bytearray(data)
    _VARIABLES.pack_into(
        changed,
        _VARIABLES_OFFSET,
        fee.last_reference_update_unix_s,
        fee.last_major_swap_unix_s,
        fee.volatility_reference,
        fee.group_reference,
        fee.accumulator,
    )
    return bytes(changed)
