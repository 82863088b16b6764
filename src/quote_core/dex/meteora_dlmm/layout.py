"""Accounts of Meteora DLMM: pair, bin arrays and the bitmaps that say which arrays hold liquidity.

| pair (904 bytes)        | offset  | pair                     | offset  | bin array (10136)    | offset |
|-------------------------|---------|--------------------------|---------|----------------------|--------|
| base_factor u16         | 8       | active_id i32            | 76      | index i64            | 8      |
| filter, decay u16       | 10 12   | bin_step u16             | 80      | pair                 | 24     |
| reduction u16           | 14      | status u8                | 82      | 70 bins of 144 bytes | 56     |
| variable control u32    | 16      | activation_type u8       | 86      | **bin**              |        |
| max accumulator u32     | 20      | mints x, y               | 88 120  | amount x, y u64      | +0 +8  |
| base_fee_power u8       | 34      | reserves x, y            | 152 184 | price u128           | +16    |
| function_type u8        | 35      | reward mints             | 264 408 | open orders u64      | +112   |
| collect_fee_mode u8     | 36      | bitmap 16 x u64          | 584     | processing total u64 | +120   |
| accumulator, ref. u32   | 40 44   | activation_point u64     | 816     | processing left u64  | +128   |
| index_reference i32     | 48      | **extension (1576)**     |         | order age u32        | +136   |
| last_update i64         | 56      | pair; 12 x 8 u64 up, down| 8 40 808| ask side u8          | +140   |
| pair_type u8            | 75      |                          |         |                      |        |

The version byte of a bin array is not looked at, because the program does not: see `docs/adding-a-dex.md`.

Source: MeteoraAg/dlmm-sdk, idls/dlmm.json.
"""

import struct
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from weakref import ref as weakref

from quote_core.dex.changed_bytes import changed_items
from quote_core.dex.layout import (
    AccountLayout,
    derived_address,
    i32,
    i64,
    key,
    key_bytes,
    key_from_bytes,
    u32,
    u64,
    with_fields,
)
from quote_core.dex.meteora_dlmm._ladder import priceless_bins
from quote_core.dex.meteora_dlmm.bins import BIN_ID_MAX, price_of_bin
from quote_core.dex.meteora_dlmm.state import BINS_PER_ARRAY, PAIR_BITMAP_SIDE, Bin, FeeParameters, Volatility
from quote_core.dex.pool import Account
from quote_core.errors import CorruptAccount
from quote_core.units import BPS, Pubkey

__all__ = [
    "ACTIVE_ID",
    "ARRAY_ZERO",
    "INDEX_REFERENCE",
    "LAST_UPDATE",
    "MINT_X",
    "MINT_Y",
    "PAIR",
    "VOLATILITY_ACCUMULATOR",
    "VOLATILITY_REFERENCE",
    "BinArray",
    "DlmmAccount",
    "bin_array_address",
    "bitmap_extension_address",
    "decode_bin_array",
    "decode_bitmap_extension",
    "decode_pair",
    "joined_bitmap",
    "with_bin",
    "with_swap",
]

PROGRAM_ID: Final = Pubkey("LBUZKhRxPF3XUpBCjp4YzTKgLccjZhTSDM9YuVaPwxo")
EXTENSION_ROWS: Final = 12
ARRAY_ZERO: Final = PAIR_BITMAP_SIDE * (EXTENSION_ROWS + 1)
"""Position of bin array index 0 in the joined bitmap."""

_OWNERS: Final = frozenset({PROGRAM_ID})
PAIR: Final = AccountLayout("lb_pair", _OWNERS, 904, 904, bytes.fromhex("210b3162b565b10d"))
_BIN_ARRAY_SIZE_BYTES: Final = 10136
_BIN_ARRAY: Final = AccountLayout(
    "bin_array", _OWNERS, _BIN_ARRAY_SIZE_BYTES, _BIN_ARRAY_SIZE_BYTES, bytes.fromhex("5c8e5cdc059446b5")
)
_EXTENSION: Final = AccountLayout("bitmap_extension", _OWNERS, 1576, 1576, bytes.fromhex("506f7c7137ed1205"))

_FEES: Final = struct.Struct("<4H2I10x3B")  # parameters, base_fee_power, function_type, collect_fee_mode
_FEES_OFFSET: Final = 8
_MEMORY: Final = struct.Struct(
    "<IIi4xq11xBiHB3xB"
)  # volatility, pair_type, active_id, bin_step, status, activation_type
_MEMORY_OFFSET: Final = 40
_KEYS: Final = struct.Struct("<32s32s32s32s")  # mints and reserves
_KEYS_OFFSET: Final = 88
VOLATILITY_ACCUMULATOR: Final = u32(40)
VOLATILITY_REFERENCE: Final = u32(44)
INDEX_REFERENCE: Final = i32(48)
LAST_UPDATE: Final = i64(56)
ACTIVE_ID: Final = i32(76)
MINT_X: Final = key(88)
MINT_Y: Final = key(120)
_REWARD_MINTS: Final = (slice(264, 296), slice(408, 440))
_NO_KEY: Final = bytes(32)
_BITMAP: Final = slice(584, 712)
_ACTIVATION_POINT: Final = u64(816)

_ARRAY_INDEX, _ARRAY_PAIR = i64(8), key(24)
_BINS_OFFSET, _BIN_SIZE_BYTES = 56, 144
_BIN: Final = struct.Struct("<QQQQ80xQQQIB3x")
_AMOUNT_X, _AMOUNT_Y, _OPEN, _TOTAL, _LEFT, _AGE = 0, 8, 112, 120, 128, 136

_EXTENSION_PAIR: Final = key(8)
_POSITIVE, _NEGATIVE = slice(40, 808), 808
_ROW_SIZE_BYTES: Final = 64

_PAIR_TYPES_ACTIVATED: Final = frozenset({1, 2})  # permissioned, customizable; the permissionless ones never wait
_FUNCTION_UNDETERMINED, _FUNCTION_LIMIT_ORDER = 0, 2
_BASE_FEE_POWER_MAX: Final = 19


@dataclass(frozen=True, slots=True)
class DlmmAccount:
    """The pair's own account. `bitmap` has bit `index + 512` set where bin array `index` holds liquidity."""

    fee: FeeParameters
    volatility: Volatility
    active_id: int
    bin_step: int
    status: int
    waits_for_activation: bool
    activates_by_time: bool
    activation_point: int
    fee_on_y_only: bool
    with_orders: bool
    mint_x: Pubkey
    mint_y: Pubkey
    reserve_x: Pubkey
    reserve_y: Pubkey
    bitmap: int


@dataclass(frozen=True, slots=True, weakref_slot=True)
class BinArray:
    """Seventy consecutive bins from id `70 * index` on, as bytes that have been checked.

    Ladders are laid out from the bytes. The bins are read when a swap asks for them; those that are as they were in the
    array before, while it is still there, are the same.
    """

    index: int
    data: bytes
    bin_step: int
    _before: "weakref[BinArray] | None" = field(default=None, compare=False, repr=False)
    _read: "list[tuple[Bin, ...]]" = field(default_factory=list, compare=False, repr=False)

    @property
    def bins(self) -> tuple[Bin, ...]:
        """The bins, ascending; a price not stored yet is computed, as the program would."""
        if not self._read:
            self._read.append(self._bins())
        return self._read[0]

    def _bins(self) -> tuple[Bin, ...]:
        before = None if self._before is None else self._before()
        if before is None or before.index != self.index:
            return tuple(self._bin(position) for position in range(BINS_PER_ARRAY))
        bins = list(before.bins)
        for position in changed_items(before.data, self.data, offset=_BINS_OFFSET, size_bytes=_BIN_SIZE_BYTES):
            bins[position] = self._bin(position)
        return tuple(bins)

    def _bin(self, position: int) -> Bin:
        start = _BINS_OFFSET + position * _BIN_SIZE_BYTES
        amount_x, amount_y, price_low, price_high, opened, total, left, age, ask = _BIN.unpack_from(self.data, start)
        bin_id = self.index * BINS_PER_ARRAY + position
        price = price_low + (price_high << 64) or price_of_bin(bin_id, self.bin_step)
        return Bin(bin_id, price, amount_x, amount_y, opened, total, left, age, orders_sell_x=ask == 1)


def decode_pair(pubkey: Pubkey, account: Account) -> DlmmAccount:
    """Read the pair's own account.

    Raises:
        CorruptAccount: Not a pair of this program, or a value no pair can have.
    """
    data = PAIR.check(pubkey, account)
    *parameters, power, function, collect_fee_mode = _FEES.unpack_from(data, _FEES_OFFSET)
    *volatility, pair_type, active_id, bin_step, status, activation_type = _MEMORY.unpack_from(data, _MEMORY_OFFSET)
    base_factor, filter_s, decay_s, reduction, control, accumulator_max = parameters
    if abs(active_id) > BIN_ID_MAX:
        raise CorruptAccount(pubkey, "lb_pair.active_id", f"is {active_id}, outside ±{BIN_ID_MAX}")
    if not 0 < bin_step <= BPS:
        raise CorruptAccount(pubkey, "lb_pair.bin_step", f"is {bin_step}, not 1 to {BPS}")
    if power > _BASE_FEE_POWER_MAX:
        raise CorruptAccount(pubkey, "lb_pair.base_fee_power_factor", f"is {power}")
    has_rewards = any(data[mint] != _NO_KEY for mint in _REWARD_MINTS)
    mint_x, mint_y, reserve_x, reserve_y = map(key_from_bytes, _KEYS.unpack_from(data, _KEYS_OFFSET))
    return DlmmAccount(
        fee=FeeParameters(base_factor, power, filter_s, decay_s, reduction, control, accumulator_max),
        volatility=Volatility(*volatility),
        active_id=active_id,
        bin_step=bin_step,
        status=status,
        waits_for_activation=pair_type in _PAIR_TYPES_ACTIVATED,
        activates_by_time=activation_type == 1,
        activation_point=_ACTIVATION_POINT.read(data),
        fee_on_y_only=collect_fee_mode == 1,
        with_orders=function == _FUNCTION_LIMIT_ORDER or (function == _FUNCTION_UNDETERMINED and not has_rewards),
        mint_x=mint_x,
        mint_y=mint_y,
        reserve_x=reserve_x,
        reserve_y=reserve_y,
        bitmap=int.from_bytes(data[_BITMAP], "little"),
    )


def decode_bin_array(
    pubkey: Pubkey, account: Account, *, pair: Pubkey, bin_step: int, before: tuple[bytes, BinArray] | None = None
) -> BinArray:
    """Check an array's bins; see `BinArray` for when they are read.

    Args:
        pubkey: The array's address, for errors.
        account: The array's account.
        pair: The pair it has to be of.
        bin_step: The pair's, in basis points.
        before: The array's data before, and the array: a swap changes few bins, the others are the same.

    Raises:
        CorruptAccount: Not a bin array, of another pair, or at an impossible place.
    """
    data = _BIN_ARRAY.check(pubkey, account)
    _ARRAY_PAIR.check(pubkey, data, pair, name="bin_array.lb_pair")
    index = _ARRAY_INDEX.read(data)
    if abs(index) > BIN_ID_MAX // BINS_PER_ARRAY + 1:
        raise CorruptAccount(pubkey, "bin_array.index", f"is {index}")
    for position in priceless_bins(data):
        if price_of_bin(index * BINS_PER_ARRAY + position, bin_step) == 0:
            raise CorruptAccount(pubkey, f"bin_array.bins[{position}].price", "is 0, and underflows when computed")
    return BinArray(index, data, bin_step, None if before is None else weakref(before[1]))


def joined_bitmap(bitmap: int) -> int:
    """Give the pair's own bitmap in the joined order: bit `index + ARRAY_ZERO` is bin array `index`."""
    return bitmap << (ARRAY_ZERO - PAIR_BITMAP_SIDE)


def decode_bitmap_extension(pubkey: Pubkey, account: Account, *, pair: Pubkey) -> int:
    """Read the extension's bits, in the joined order.

    Raises:
        CorruptAccount: Not the extension of this pair.
    """
    data = _EXTENSION.check(pubkey, account)
    _EXTENSION_PAIR.check(pubkey, data, pair, name="bitmap_extension.lb_pair")
    joined = int.from_bytes(data[_POSITIVE], "little") << (ARRAY_ZERO + PAIR_BITMAP_SIDE)
    # Below, bit n counts downwards: array index -(n + 1), so rows and bits run against the joined order.
    below = int.from_bytes(data[_NEGATIVE : _NEGATIVE + EXTENSION_ROWS * _ROW_SIZE_BYTES], "little")
    while below:
        lowest = (below & -below).bit_length() - 1
        joined |= 1 << (ARRAY_ZERO - 1 - (lowest + PAIR_BITMAP_SIDE))
        below &= below - 1
    return joined


@lru_cache(maxsize=65536)
def bin_array_address(pair: Pubkey, index: int) -> Pubkey:
    """Derive the address of a bin array."""
    return derived_address(PROGRAM_ID, b"bin_array", key_bytes(pair), index.to_bytes(8, "little", signed=True))


@lru_cache(maxsize=4096)
def bitmap_extension_address(pair: Pubkey) -> Pubkey:
    """Derive the address of the pair's bitmap extension."""
    return derived_address(PROGRAM_ID, b"bitmap", key_bytes(pair))


def with_swap(data: bytes, *, active_id: int, volatility: Volatility) -> bytes:
    """Copy the pair's data with active bin and fee memory replaced."""
    return with_fields(
        data,
        [
            (ACTIVE_ID, active_id),
            (VOLATILITY_ACCUMULATOR, volatility.accumulator),
            (VOLATILITY_REFERENCE, volatility.reference),
            (INDEX_REFERENCE, volatility.index_reference),
            (LAST_UPDATE, volatility.last_update_unix_s),
        ],
    )


def is_last_kept(before: bytes, after: bytes, *, beyond: int, upwards: bool) -> bool:
    """Whether the last bin of an array, upwards or downwards of a position, that could be traded in is as it was.

    False where there is none: then nothing tells. Both are of the size of a bin array, or it is False.
    """
    if not len(before) == len(after) == _BIN_ARRAY_SIZE_BYTES:
        return False
    positions = range(BINS_PER_ARRAY - 1, beyond, -1) if upwards else range(beyond)
    side = 0 if upwards else 8
    for position in positions:
        start = _BINS_OFFSET + position * _BIN_SIZE_BYTES
        if any(before[start + side : start + side + 8]):
            return before[start : start + _BIN_SIZE_BYTES] == after[start : start + _BIN_SIZE_BYTES]
    return False


def with_bin(data: bytes, traded: Bin) -> bytes:
    """Copy a bin array's data with one of its bins as a swap leaves it."""
    base = _BINS_OFFSET + traded.bin_id % BINS_PER_ARRAY * _BIN_SIZE_BYTES
    return with_fields(
        data,
        [
            (u64(base + _AMOUNT_X), traded.amount_x),
            (u64(base + _AMOUNT_Y), traded.amount_y),
            (u64(base + _OPEN), traded.open_order_amount),
            (u64(base + _TOTAL), traded.processing_total),
            (u64(base + _LEFT), traded.processing_left),
            (u32(base + _AGE), traded.order_age),
        ],
    )
