"""The chain's clock."""

import struct

import pytest

from quote_core.dex.pool import Account, ChainClock
from quote_core.errors import CorruptAccount
from quote_core.solana.sysvar import SYSVAR_OWNER, decode_clock


def test_slot_epoch_and_time_are_read_from_their_places() -> None:
    data = struct.pack("<QqQQq", 11, 22, 33, 44, 55)
    assert decode_clock(Account(SYSVAR_OWNER, data)) == ChainClock(slot=11, unix_timestamp=55, epoch=33)


@pytest.mark.parametrize(
    "account", [Account(SYSVAR_OWNER, b""), Account(SYSVAR_OWNER, bytes(41)), Account("else", bytes(40))]
)
def test_another_size_or_owner_is_refused(account: Account) -> None:
    with pytest.raises(CorruptAccount):
        decode_clock(account)
