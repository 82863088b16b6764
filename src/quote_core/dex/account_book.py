"""The account book of a pool: for each key the account as the chain holds it, and the value it decodes to.

An account is unknown (nobody has said anything of it), absent (it does not exist on chain) or held. Absent is not the
same as unknown: a tick array nobody fetched may hold liquidity, one that does not exist holds none. A book is never
changed; `with_account` decodes first and gives the next book, so that a pool keeps the one before when bytes are bad.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from quote_core.dex.pool import Account
from quote_core.units import Pubkey

__all__ = ["SYSTEM_PROGRAM", "AccountBook", "Decoder", "exists_on_chain"]

SYSTEM_PROGRAM: Final = Pubkey("11111111111111111111111111111111")

Decoder = Callable[[Pubkey, Account], Any]
"""Reads an account; raises `CorruptAccount` where the bytes cannot be what they should be."""

ValueT = TypeVar("ValueT")


def exists_on_chain(account: Account | None) -> bool:
    """Say whether any program holds an account there.

    A closed account is `None`, or an empty one of the system program: anybody may send lamports to its address, and
    they bring nothing back.
    """
    return account is not None and not (account.owner == SYSTEM_PROGRAM and not account.data)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is known of one account; both None where it is absent."""

    data: bytes | None
    value: Any


_ABSENT: Final = _Entry(None, None)


@dataclass(frozen=True, slots=True)
class AccountBook:
    """See the module."""

    _entries: Mapping[Pubkey, _Entry] = field(default_factory=dict)

    def with_account(self, pubkey: Pubkey, account: Account | None, decode: Decoder) -> "AccountBook":
        """Give the book with the newest state of one account.

        Raises:
            CorruptAccount: `decode` refuses the bytes.
        """
        entry = _ABSENT
        if account is not None and exists_on_chain(account):
            entry = _Entry(account.data, decode(pubkey, account))
        return AccountBook({**self._entries, pubkey: entry})

    def with_value(self, pubkey: Pubkey, data: bytes, value: Any) -> "AccountBook":
        """Give the book with the newest bytes of one account that has been read already."""
        return AccountBook({**self._entries, pubkey: _Entry(data, value)})

    def keeping(self, pubkeys: Container[Pubkey]) -> "AccountBook":
        """Give the book with nothing but `pubkeys`; the others are unknown again."""
        return AccountBook({pubkey: entry for pubkey, entry in self._entries.items() if pubkey in pubkeys})

    def is_known(self, pubkey: Pubkey) -> bool:
        """Whether the account is held or absent."""
        return pubkey in self._entries

    def is_absent(self, pubkey: Pubkey) -> bool:
        """Whether the account is known not to exist."""
        return self._entries.get(pubkey) is _ABSENT

    def holds(self, pubkey: Pubkey) -> bool:
        """Whether the account is held."""
        return self._entries.get(pubkey, _ABSENT) is not _ABSENT

    def value(self, pubkey: Pubkey, kind: type[ValueT]) -> ValueT | None:
        """Give what the account decodes to, None where it is not held."""
        entry = self._entries.get(pubkey, _ABSENT)
        assert entry is _ABSENT or isinstance(entry.value, kind), f"{pubkey} is read as {type(entry.value)}"
        value: ValueT | None = entry.value
        return value

    def held(self, pubkey: Pubkey, kind: type[ValueT]) -> ValueT:
        """Give what a held account decodes to."""
        value = self.value(pubkey, kind)
        assert value is not None, f"{pubkey} is not held"
        return value

    def data(self, pubkey: Pubkey) -> bytes:
        """Give the bytes of a held account."""
        data = self._entries[pubkey].data
        assert data is not None, f"{pubkey} does not exist"
        return data
