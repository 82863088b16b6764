"""The market's chain time: slot, unix time and epoch, and the Clock sysvar that carries them.

Clock sysvar, 40 bytes, little-endian (anza-xyz/solana-sdk, clock/src/lib.rs):

| field                 | offset | type |
|-----------------------|--------|------|
| slot                  | 0      | u64  |
| epoch_start_timestamp | 8      | i64  |
| epoch                 | 16     | u64  |
| leader_schedule_epoch | 24     | u64  |
| unix_timestamp        | 32     | i64  |

A slot is 400 ms of chain time however fast the market runs, so that the bytes of slot N do not depend on the host.
"""

import struct
from dataclasses import dataclass

from quote_core.dex.pool import ChainClock
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

__all__ = ["CLOCK_SYSVAR", "SLOTS_PER_EPOCH", "SLOT_MS", "ChainTime"]

CLOCK_SYSVAR = Pubkey("SysvarC1ock11111111111111111111111111111111")
SLOT_MS = 400
SLOTS_PER_EPOCH = 432_000

_CLOCK = struct.Struct("<QqQQq")


@dataclass(frozen=True, slots=True)
class ChainTime:
    """Chain time of every slot, told from one known slot."""

    known_slot: int
    known_unix_timestamp: int

    @classmethod
    def from_sysvar(cls, data: bytes) -> "ChainTime":
        """Read the recorded Clock sysvar.

        Raises:
            CorruptAccount: Not the size of a Clock.
        """
        if len(data) != _CLOCK.size:
            raise CorruptAccount(CLOCK_SYSVAR, "data", f"is {len(data)} bytes, not {_CLOCK.size}")
        slot, _, _, _, unix_timestamp = _CLOCK.unpack(data)
        return cls(slot, unix_timestamp)

    def clock(self, slot: int) -> ChainClock:
        """The time at `slot`; seconds are rounded down."""
        return ChainClock(slot, self._unix_timestamp(slot), slot // SLOTS_PER_EPOCH)

    def sysvar(self, slot: int) -> bytes:
        """The Clock sysvar's data at `slot`."""
        clock = self.clock(slot)
        epoch_start = self._unix_timestamp(clock.epoch * SLOTS_PER_EPOCH)
        return _CLOCK.pack(slot, epoch_start, clock.epoch, clock.epoch + 1, clock.unix_timestamp)

    def slot_at(self, unix_timestamp: int) -> int:
        """The first slot whose time is not before `unix_timestamp`."""
        return self.known_slot - (self.known_unix_timestamp - unix_timestamp) * 1000 // SLOT_MS

    def _unix_timestamp(self, slot: int) -> int:
        return self.known_unix_timestamp + (slot - self.known_slot) * SLOT_MS // 1000
