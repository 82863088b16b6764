"""The Clock sysvar: the chain's own time.

| offset | field                 | type |
|--------|-----------------------|------|
| 0      | slot                  | u64  |
| 8      | epoch_start_timestamp | i64  |
| 16     | epoch                 | u64  |
| 24     | leader_schedule_epoch | u64  |
| 32     | unix_timestamp        | i64  |

Source: Solana documentation, "Sysvar cluster data".
"""

import struct
from typing import Final

from quote_core.dex.pool import Account, ChainClock
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

__all__ = ["CLOCK_SYSVAR", "SYSVAR_OWNER", "decode_clock"]

CLOCK_SYSVAR: Final = Pubkey("SysvarC1ock11111111111111111111111111111111")
SYSVAR_OWNER: Final = Pubkey("Sysvar1111111111111111111111111111111111111")

_LAYOUT = struct.Struct("<Q8xQ8xq")


def decode_clock(account: Account) -> ChainClock:
    """Read the Clock sysvar's account.

    Raises:
        CorruptAccount: Another owner or size.
    """
    if account.owner != SYSVAR_OWNER:
        raise CorruptAccount(CLOCK_SYSVAR, "owner", f"must be the sysvar owner, is {account.owner}")
    if len(account.data) != _LAYOUT.size:
        raise CorruptAccount(CLOCK_SYSVAR, "size", f"must be {_LAYOUT.size} bytes, is {len(account.data)}")
    slot, epoch, unix_timestamp = _LAYOUT.unpack(account.data)
    return ChainClock(slot=slot, unix_timestamp=unix_timestamp, epoch=epoch)
