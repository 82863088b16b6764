"""The order-book accounts an AMM V4 pool names, made: none is recorded, and clients read them before they quote.

Pools of today do not trade on the book any more (status 6), yet clients and SDKs still fetch the market account for its
vault signer, queues and lot sizes, and the pool's open orders to add what lies in them to the reserves: nothing. What
the market account names in turn (queues, bids and asks, vaults) does not exist.

Market, 388 bytes, all of it packed between the words `serum` and `padding`:

| at  | field                         | at  | field                                | at  | field                  |
|-----|-------------------------------|-----|--------------------------------------|-----|------------------------|
| 5   | flags u64: 1 init, 2 market   | 117 | coin vault, total u64, fees u64      | 285 | bids                   |
| 13  | own address                   | 165 | pc vault, total u64, fees u64        | 317 | asks                   |
| 45  | vault signer nonce u64        | 213 | pc dust threshold u64                | 349 | coin lot u64, pc lot   |
| 53  | coin mint, pc mint            | 221 | request queue, event queue           | 365 | fee bps u64, rebates   |

Open orders, 3228 bytes: flags u64 (1 init, 4 open orders) at 5, market at 13, owner at 45, then balances and slots.

Source: project-serum/serum-dex, dex/src/state.rs.
"""

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Final

from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.dex.layout import IntField, KeyField, key, key_bytes, u64, with_fields
from quote_core.dex.pool import Account, Dex
from quote_core.dex.programs import BY_DEX
from quote_core.units import Pubkey
from recorded_market.derived_keys import derived_key

__all__ = ["AUTHORITY", "serum_markets"]

AUTHORITY: Final = Pubkey("5Q544fKrFoe6tsEbD7S8EmxGTJYAKtTVhAW5Q5pge4j1")
"""Of all AMM V4 pools; it owns their open orders."""

_POOL_BYTES: Final = 752
_POOL_COIN_MINT, _POOL_PC_MINT, _POOL_OPEN_ORDERS = key(400), key(432), key(496)
_POOL_MARKET, _POOL_MARKET_PROGRAM = key(528), key(560)

_MARKET_BYTES: Final = 388
_OPEN_ORDERS_BYTES: Final = 3228
_HEAD, _TAIL = b"serum", b"padding"
_FLAGS, _OWN_ADDRESS, _NONCE = u64(5), key(13), u64(45)
_COIN_MINT, _PC_MINT = key(53), key(85)
_MADE_UP_KEYS: Final = {
    "coin vault": key(117),
    "pc vault": key(165),
    "request queue": key(221),
    "event queue": key(253),
    "bids": key(285),
    "asks": key(317),
}
_COIN_LOT, _PC_LOT = u64(349), u64(357)
_OPEN_ORDERS_MARKET, _OPEN_ORDERS_OWNER = key(13), key(45)
_MARKET_FLAGS: Final = 1 | 2
_OPEN_ORDERS_FLAGS: Final = 1 | 4
_COIN_LOT_UNITS, _PC_LOT_UNITS = 100_000, 1  # what the SOL/USDC market had
_RENT_LAMPORTS: Final = {_MARKET_BYTES: 3_591_360, _OPEN_ORDERS_BYTES: 23_357_760}
"""Rent-exempt minimum: (128 + bytes) * 6960 lamports."""


def serum_markets(accounts: Mapping[Pubkey, Account]) -> Iterator[tuple[Pubkey, Account]]:
    """The market and open-orders account of every AMM V4 pool in `accounts`, where they are not there themselves."""
    program = next(iter(BY_DEX[Dex.RAYDIUM_AMM_V4].layout.owners))
    for account in accounts.values():
        if account.owner == program and len(account.data) == _POOL_BYTES:
            market_program = _POOL_MARKET_PROGRAM.read(account.data)
            made = {
                _POOL_MARKET.read(account.data): _market(account.data),
                _POOL_OPEN_ORDERS.read(account.data): _open_orders(account.data),
            }
            for pubkey, data in made.items():
                if pubkey not in accounts:
                    yield pubkey, Account(market_program, data, _RENT_LAMPORTS[len(data)])


def _market(pool: bytes) -> bytes:
    market = _POOL_MARKET.read(pool)
    keys = {field: derived_key(f"serum market {market} {name}") for name, field in _MADE_UP_KEYS.items()}
    keys |= {_OWN_ADDRESS: market, _COIN_MINT: _POOL_COIN_MINT.read(pool), _PC_MINT: _POOL_PC_MINT.read(pool)}
    integers = [
        (_FLAGS, _MARKET_FLAGS),
        (_NONCE, _vault_signer_nonce(market, _POOL_MARKET_PROGRAM.read(pool))),
        (_COIN_LOT, _COIN_LOT_UNITS),
        (_PC_LOT, _PC_LOT_UNITS),
    ]
    return _packed(_MARKET_BYTES, keys, integers)


def _open_orders(pool: bytes) -> bytes:
    keys = {_OPEN_ORDERS_MARKET: _POOL_MARKET.read(pool), _OPEN_ORDERS_OWNER: AUTHORITY}
    return _packed(_OPEN_ORDERS_BYTES, keys, [(_FLAGS, _OPEN_ORDERS_FLAGS)])


def _packed(size_bytes: int, keys: Mapping[KeyField, Pubkey], integers: list[tuple[IntField, int]]) -> bytes:
    data = bytearray(size_bytes)
    data[: len(_HEAD)], data[-len(_TAIL) :] = _HEAD, _TAIL
    for field, pubkey in keys.items():
        data[field.offset : field.offset + 32] = key_bytes(pubkey)
    return with_fields(bytes(data), integers)


def _vault_signer_nonce(market: Pubkey, program: Pubkey) -> int:
    """The first nonce that gives the market a vault signer, whose address clients derive from it.

    A program's address is a hash that is no point of the curve; half of all hashes are none.
    """
    market_key, program_key = (key_bytes(pubkey) for pubkey in (market, program))

    def is_address(nonce: int) -> bool:
        hashed = market_key + nonce.to_bytes(8, "little") + program_key + b"ProgramDerivedAddress"
        return not SoldersPubkey.from_bytes(hashlib.sha256(hashed).digest()).is_on_curve()

    return next(filter(is_address, itertools.count()))
