"""Accounts of Raydium CLMM: pool, config, tick arrays and the bitmaps that say which arrays hold liquidity.

| pool (1544 bytes)  | offset | config (117)        | offset | tick array (10240)  | offset |
|--------------------|--------|---------------------|--------|---------------------|--------|
| amm_config         | 9      | trade_fee_rate u32  | 47     | pool                | 8      |
| mint 0, 1          | 73 105 | tick_spacing u16    | 51     | start_tick i32      | 40     |
| vault 0, 1         | 137 169| **tick (168)**      |        | 60 ticks            | 44     |
| tick_spacing u16   | 235    | tick i32            | +0     | **extension (1832)**|        |
| liquidity u128     | 237    | liquidity_net i128  | +4     | pool                | 8      |
| sqrt_price_x64 u128| 253    | liquidity_gross u128| +20    | positive 14 x 8 u64 | 40     |
| tick_current i32   | 269    | order_phase u64     | +116   | negative 14 x 8 u64 | 936    |
| status, fee_on u8  | 389 390| orders_amount u64   | +124   |                     |        |
| bitmap 16 x u64    | 904    | part_filled u64     | +132   |                     |        |
| open_time u64      | 1080   |                     |        |                     |        |
| dynamic fee        | 1096   |                     |        |                     |        |

Source: raydium-io/raydium-clmm, programs/amm/src/states/{pool,tick_array,tickarray_bitmap_extension,config}.rs.
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
    u16,
    u32,
    u64,
    u128,
    with_fields,
)
from quote_core.dex.pool import Account
from quote_core.dex.raydium_clmm.state import DynamicFee, Tick
from quote_core.dex.raydium_clmm.ticks import MAX_SQRT_PRICE_X64, sqrt_price_at_tick
from quote_core.dex.sqrt_price import MAX_TICK, MIN_SQRT_PRICE_X64, MIN_TICK
from quote_core.errors import CorruptAccount
from quote_core.units import PPM, Pubkey

__all__ = [
    "LIQUIDITY",
    "MINT_0",
    "MINT_1",
    "POOL",
    "POOL_BITMAP_SIDE",
    "PROGRAM_ID",
    "SQRT_PRICE",
    "TICKS_PER_ARRAY",
    "TICK_CURRENT",
    "ClmmAccount",
    "ClmmConfig",
    "ClmmTickArray",
    "bitmap_extension_address",
    "decode_bitmap_extension",
    "decode_config",
    "decode_pool_account",
    "decode_tick_array",
    "joined_bitmap",
    "tick_array_address",
    "with_orders",
    "with_swap",
]

PROGRAM_ID: Final = Pubkey("CAMMCzo5YL8w4VFF8KVHrK22GGUsp5VTaW7grrKgrWqK")
TICKS_PER_ARRAY: Final = 60
POOL_BITMAP_SIDE: Final = 512
EXTENSION_SIDE: Final = 14 * 512
BITMAP_ZERO: Final = POOL_BITMAP_SIDE + EXTENSION_SIDE
"""Position of tick array index 0 in the joined bitmap."""

_OWNERS: Final = frozenset({PROGRAM_ID})
POOL: Final = AccountLayout("pool", _OWNERS, 1544, 1544, bytes.fromhex("f7ede3f5d7c3de46"))
_CONFIG: Final = AccountLayout("amm_config", _OWNERS, 117, 117, bytes.fromhex("daf42168cbcb2b6f"))
_TICK_ARRAY: Final = AccountLayout("tick_array", _OWNERS, 10240, 10240, bytes.fromhex("c09b55cd31f9812a"))
_EXTENSION: Final = AccountLayout("bitmap_extension", _OWNERS, 1832, 1832, bytes.fromhex("3c9624db61808b99"))

MINT_0: Final = key(73)
MINT_1: Final = key(105)
LIQUIDITY: Final = u128(237)
SQRT_PRICE: Final = u128(253)
TICK_CURRENT: Final = i32(269)
_POOL: Final = struct.Struct("<9x32s32x32s32s32s32s34xH4Qi116xBB513x128s48xQ")
"""The table's fields in their order; 128 bits are a low and a high half."""
_DYNAMIC_FEE: Final = struct.Struct("<HHHIIiIIQ")
_DYNAMIC_FEE_OFFSET: Final = 1096
_DYNAMIC_FEE_SIZE_BYTES: Final = 80

_TRADE_FEE_RATE: Final = u32(47)
_CONFIG_TICK_SPACING: Final = u16(51)

_ARRAY_POOL: Final = key(8)
_ARRAY_START: Final = i32(40)
_TICKS_OFFSET: Final = 44
_TICK_SIZE_BYTES: Final = 168
_TICK: Final = struct.Struct("<iQqQQ80xQQQ28x")
_ORDER_PHASE, _ORDERS_AMOUNT, _PART_FILLED = 116, 124, 132

_EXTENSION_POOL: Final = key(8)
_POSITIVE: Final = slice(40, 936)
_NEGATIVE: Final = slice(936, 1832)


@dataclass(frozen=True, slots=True)
class ClmmAccount:
    """The pool's own account. `bitmap` has bit `index + 512` set where tick array `index` holds liquidity."""

    amm_config: Pubkey
    mint_0: Pubkey
    mint_1: Pubkey
    vault_0: Pubkey
    vault_1: Pubkey
    tick_spacing: int
    liquidity: int
    sqrt_price_x64: int
    tick: int
    status: int
    fee_on: int
    bitmap: int
    open_time: int
    dynamic_fee: DynamicFee | None


@dataclass(frozen=True, slots=True)
class ClmmConfig:
    """A fee tier; the rate is in parts per million."""

    trade_fee_rate: int
    tick_spacing: int


@dataclass(frozen=True, slots=True)
class ClmmTickArray:
    """Sixty consecutive ticks; `ticks` has the initialised ones, ascending."""

    start_tick: int
    ticks: tuple[Tick, ...]


def decode_pool_account(pubkey: Pubkey, account: Account) -> ClmmAccount:
    """Read the pool's own account.

    Raises:
        CorruptAccount: Not a pool of this program, or a value no pool can have.
    """
    data = POOL.check(pubkey, account)
    (
        *raw_keys,
        spacing,
        liquidity,
        liquidity_high,
        sqrt_price,
        sqrt_price_high,
        tick,
        status,
        fee_on,
        bitmap,
        open_time,
    ) = _POOL.unpack_from(data)
    sqrt_price += sqrt_price_high << 64
    if not 0 < spacing <= MAX_TICK:
        raise CorruptAccount(pubkey, "pool.tick_spacing", f"is {spacing}")
    if not MIN_SQRT_PRICE_X64 <= sqrt_price <= MAX_SQRT_PRICE_X64:
        raise CorruptAccount(pubkey, "pool.sqrt_price_x64", f"is {sqrt_price}, outside the program's range")
    if not MIN_TICK <= tick <= MAX_TICK:
        raise CorruptAccount(pubkey, "pool.tick_current", f"is {tick}, outside ±{MAX_TICK}")
    # A swap that ends on a tick from below stands one tick short of its price; nothing else may differ.
    if not sqrt_price_at_tick(tick) <= sqrt_price or sqrt_price > sqrt_price_at_tick(min(tick + 1, MAX_TICK)):
        raise CorruptAccount(pubkey, "pool.tick_current", f"is {tick}, which is not the tick of sqrt_price_x64")
    amm_config, mint_0, mint_1, vault_0, vault_1 = map(key_from_bytes, raw_keys)
    return ClmmAccount(
        amm_config=amm_config,
        mint_0=mint_0,
        mint_1=mint_1,
        vault_0=vault_0,
        vault_1=vault_1,
        tick_spacing=spacing,
        liquidity=liquidity + (liquidity_high << 64),
        sqrt_price_x64=sqrt_price,
        tick=tick,
        status=status,
        fee_on=fee_on,
        bitmap=int.from_bytes(bitmap, "little"),
        open_time=open_time,
        dynamic_fee=_dynamic_fee(pubkey, data),
    )


def _dynamic_fee(pubkey: Pubkey, data: bytes) -> DynamicFee | None:
    if not any(data[_DYNAMIC_FEE_OFFSET : _DYNAMIC_FEE_OFFSET + _DYNAMIC_FEE_SIZE_BYTES]):
        return None
    fee = DynamicFee(*_DYNAMIC_FEE.unpack_from(data, _DYNAMIC_FEE_OFFSET))
    if not -MAX_TICK - 1 <= fee.index_reference <= MAX_TICK:
        raise CorruptAccount(pubkey, "pool.dynamic_fee.index_reference", f"is {fee.index_reference}")
    return fee


def decode_config(pubkey: Pubkey, account: Account) -> ClmmConfig:
    """Read a fee tier.

    Raises:
        CorruptAccount: Not a config of this program, or a rate of 100 % and more.
    """
    data = _CONFIG.check(pubkey, account)
    rate = _TRADE_FEE_RATE.read(data)
    if rate >= PPM:
        raise CorruptAccount(pubkey, "amm_config.trade_fee_rate", f"is {rate}, not below {PPM}")
    return ClmmConfig(rate, _CONFIG_TICK_SPACING.read(data))


def decode_tick_array(pubkey: Pubkey, account: Account, *, pool: Pubkey, tick_spacing: int) -> ClmmTickArray:
    """Read the initialised ticks of an array: those with liquidity, or with live limit orders.

    Raises:
        CorruptAccount: Not a tick array, of another pool, or with ticks that are not where they should be.
    """
    data = _TICK_ARRAY.check(pubkey, account)
    _ARRAY_POOL.check(pubkey, data, pool, name="tick_array.pool")
    start = _ARRAY_START.read(data)
    if start % (TICKS_PER_ARRAY * tick_spacing) or abs(start) > MAX_TICK + TICKS_PER_ARRAY * tick_spacing:
        raise CorruptAccount(pubkey, "tick_array.start_tick_index", f"is {start}")
    ticks = []
    for position in range(TICKS_PER_ARRAY):
        index, net_low, net_high, gross_low, gross_high, phase, orders, part_filled = _TICK.unpack_from(
            data, _TICKS_OFFSET + position * _TICK_SIZE_BYTES
        )
        if not (gross_low or gross_high or orders or part_filled):
            continue
        if index != start + position * tick_spacing or abs(index) > MAX_TICK:
            raise CorruptAccount(pubkey, f"tick_array.ticks[{position}].tick", f"is {index}")
        net = net_low + (net_high << 64)
        ticks.append(Tick(index, sqrt_price_at_tick(index), net, phase, orders, part_filled))
    return ClmmTickArray(start, tuple(ticks))


def joined_bitmap(bitmap: int) -> int:
    """Give the pool's own bitmap in the joined order: bit `index + BITMAP_ZERO` is tick array `index`."""
    return bitmap << (BITMAP_ZERO - POOL_BITMAP_SIDE)


def decode_bitmap_extension(pubkey: Pubkey, account: Account, *, pool: Pubkey) -> int:
    """Read the extension's bits, in the joined order.

    Raises:
        CorruptAccount: Not the extension of this pool.
    """
    data = _EXTENSION.check(pubkey, account)
    _EXTENSION_POOL.check(pubkey, data, pool, name="bitmap_extension.pool")
    positive = int.from_bytes(data[_POSITIVE], "little")
    joined = positive << (BITMAP_ZERO + POOL_BITMAP_SIDE)
    # On the negative side blocks go down as the number rises, bits within a block go up.
    negative = data[_NEGATIVE]
    for block in range(14):
        bits = int.from_bytes(negative[block * 64 : (block + 1) * 64], "little")
        joined |= bits << (BITMAP_ZERO - POOL_BITMAP_SIDE * (block + 2))
    return joined


@lru_cache(maxsize=65536)
def tick_array_address(pool: Pubkey, start_tick: int) -> Pubkey:
    """Derive the address of the tick array that starts at `start_tick` (big-endian in the seeds)."""
    return derived_address(PROGRAM_ID, b"tick_array", key_bytes(pool), start_tick.to_bytes(4, "big", signed=True))


@lru_cache(maxsize=4096)
def bitmap_extension_address(pool: Pubkey) -> Pubkey:
    """Derive the address of the pool's bitmap extension."""
    return derived_address(PROGRAM_ID, b"pool_tick_array_bitmap_extension", key_bytes(pool))


def with_swap(data: bytes, *, liquidity: int, sqrt_price_x64: int, tick: int, dynamic_fee: DynamicFee | None) -> bytes:
    """Copy the pool's data with price, liquidity and fee memory replaced."""
    changed = with_fields(data, [(LIQUIDITY, liquidity), (SQRT_PRICE, sqrt_price_x64), (TICK_CURRENT, tick)])
    if dynamic_fee is None:
        return changed
    patched = bytearray(changed)
    _DYNAMIC_FEE.pack_into(
        patched,
        _DYNAMIC_FEE_OFFSET,
        dynamic_fee.filter_period_s,
        dynamic_fee.decay_period_s,
        dynamic_fee.reduction_factor,
        dynamic_fee.control,
        dynamic_fee.accumulator_max,
        dynamic_fee.index_reference,
        dynamic_fee.volatility_reference,
        dynamic_fee.accumulator,
        dynamic_fee.last_update_unix_s,
    )
    return bytes(patched)


def with_orders(data: bytes, *, position: int, tick: Tick) -> bytes:
    """Copy a tick array's data with the limit orders of one tick replaced."""
    base = _TICKS_OFFSET + position * _TICK_SIZE_BYTES
    return with_fields(
        data,
        [
            (u64(base + _ORDER_PHASE), tick.order_phase),
            (u64(base + _ORDERS_AMOUNT), tick.orders_amount),
            (u64(base + _PART_FILLED), tick.part_filled_amount),
        ],
    )
