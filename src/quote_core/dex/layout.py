"""How account bytes are read and written: a field is an offset and a width, a layout is who owns how many bytes.

A DEX module opens with its offsets as `IntField` and `KeyField` constants, and one `AccountLayout` that refuses bytes
which cannot be what they claim to be. All integers on chain are little-endian.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.dex.pool import Account
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

__all__ = [
    "AccountLayout",
    "IntField",
    "KeyField",
    "derived_address",
    "i32",
    "i64",
    "i128",
    "key",
    "key_bytes",
    "key_from_bytes",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "with_fields",
]


@dataclass(frozen=True, slots=True)
class IntField:
    """An integer at a fixed place."""

    offset: int
    size_bytes: int
    signed: bool = False

    def read(self, data: bytes) -> int:
        """Read the field; the layout has checked that `data` is long enough."""
        return int.from_bytes(data[self.offset : self.offset + self.size_bytes], "little", signed=self.signed)


@dataclass(frozen=True, slots=True)
class KeyField:
    """A public key at a fixed place."""

    offset: int

    def read(self, data: bytes) -> Pubkey:
        """Read the key as base58."""
        return key_from_bytes(data[self.offset : self.offset + 32])

    def check(self, pubkey: Pubkey, data: bytes, expected: Pubkey, *, name: str) -> None:
        """Pass when the key is `expected`.

        Raises:
            CorruptAccount: It is another; `name` says of which field.
        """
        found = self.read(data)
        if found != expected:
            raise CorruptAccount(pubkey, name, f"is {found}, not {expected}")


@lru_cache(maxsize=16_384)
def key_from_bytes(raw: bytes) -> Pubkey:
    """Write 32 bytes as base58. Accounts say the same few keys with every change, and to write one takes a while."""
    return Pubkey(str(SoldersPubkey.from_bytes(raw)))


def key_bytes(pubkey: Pubkey) -> bytes:
    """Give the 32 bytes of a key."""
    return bytes(SoldersPubkey.from_string(pubkey))


def derived_address(program: Pubkey, *seeds: bytes) -> Pubkey:
    """Derive the address at which a program keeps the account of these seeds."""
    address, _bump = SoldersPubkey.find_program_address(list(seeds), SoldersPubkey.from_string(program))
    return Pubkey(str(address))


def u8(offset: int) -> IntField:
    """Place an unsigned byte."""
    return IntField(offset, 1)


def u16(offset: int) -> IntField:
    """Place an unsigned 16-bit integer."""
    return IntField(offset, 2)


def u32(offset: int) -> IntField:
    """Place an unsigned 32-bit integer."""
    return IntField(offset, 4)


def u64(offset: int) -> IntField:
    """Place an unsigned 64-bit integer."""
    return IntField(offset, 8)


def u128(offset: int) -> IntField:
    """Place an unsigned 128-bit integer."""
    return IntField(offset, 16)


def i32(offset: int) -> IntField:
    """Place a signed 32-bit integer."""
    return IntField(offset, 4, signed=True)


def i64(offset: int) -> IntField:
    """Place a signed 64-bit integer."""
    return IntField(offset, 8, signed=True)


def i128(offset: int) -> IntField:
    """Place a signed 128-bit integer."""
    return IntField(offset, 16, signed=True)


def key(offset: int) -> KeyField:
    """Place a public key."""
    return KeyField(offset)


def with_fields(data: bytes, changes: Iterable[tuple[IntField, int]]) -> bytes:
    """Copy `data` with some integer fields replaced; every other byte stays.

    Raises:
        OverflowError: A value does not fit its field.
    """
    changed = bytearray(data)
    for field, value in changes:
        raw = value.to_bytes(field.size_bytes, "little", signed=field.signed)
        changed[field.offset : field.offset + field.size_bytes] = raw
    return bytes(changed)


@dataclass(frozen=True, slots=True)
class AccountLayout:
    """What bytes must show before any field is read.

    `size_bytes_min` to `size_bytes_max` bounds the data; an empty `discriminator` means the program writes none.
    """

    name: str
    owners: frozenset[Pubkey]
    size_bytes_min: int
    size_bytes_max: int
    discriminator: bytes = b""

    def check(self, pubkey: Pubkey, account: Account) -> bytes:
        """Return the account's data if owner, size and discriminator are right.

        Raises:
            CorruptAccount: One of them is not; says which.
        """
        if account.owner not in self.owners:
            raise CorruptAccount(pubkey, f"{self.name}.owner", f"is {account.owner}, not {self._owner_names()}")
        size_bytes = len(account.data)
        if not self.size_bytes_min <= size_bytes <= self.size_bytes_max:
            raise CorruptAccount(pubkey, f"{self.name}.size", f"is {size_bytes} bytes, not {self._size_rule()}")
        if not account.data.startswith(self.discriminator):
            found = account.data[: len(self.discriminator)].hex()
            raise CorruptAccount(pubkey, f"{self.name}.discriminator", f"is {found}, not {self.discriminator.hex()}")
        return account.data

    def _owner_names(self) -> str:
        return " or ".join(sorted(self.owners))

    def _size_rule(self) -> str:
        if self.size_bytes_min == self.size_bytes_max:
            return str(self.size_bytes_min)
        return f"{self.size_bytes_min} to {self.size_bytes_max}"
