"""A market that is started again goes on where it was: a chain never goes back, and its readers drop what is older.

The slot is kept in a small file that whoever supervises the market names and removes; without one every market begins
at the recording. Bytes depend on genesis and seed only, so a market that ran for `REPLAY_SLOTS_MAX` slots or less plays
them again and continues byte for byte; replaying a longer one would take too long, so it begins at the recording's
pools once more, at the later slot.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from recorded_market.base58 import base58_encode
from recorded_market.genesis import Genesis
from recorded_market.market import Market

__all__ = ["REPLAY_SLOTS_MAX", "SlotFile", "continue_market", "genesis_hash"]

REPLAY_SLOTS_MAX: Final = 250
"""About half a second of work, for 100 s of market."""
_SLOT_BYTES: Final = 8


class SlotFile:
    """The newest slot that anybody may have seen, in eight bytes that are written over; without a path, nowhere."""

    def __init__(self, path: Path | None) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = None if path is None else os.open(path, flags, 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def read(self) -> int:
        """The slot kept; 0 when there is none yet."""
        if self._descriptor is None:
            return 0
        return int.from_bytes(os.pread(self._descriptor, _SLOT_BYTES, 0), "little")

    def write(self, slot: int) -> None:
        """Keep a slot; called before it is published."""
        if self._descriptor is not None:
            os.pwrite(self._descriptor, slot.to_bytes(_SLOT_BYTES, "little"), 0)


def genesis_hash(*, seed: int, started_unix_ns: int | None) -> str:
    """Name the chain, as `getGenesisHash` does: another one for every market that does not go on where one was.

    Args:
        seed: Of the flow.
        started_unix_ns: When the market began; None for one whose slots are kept, which is the same chain ever after.
    """
    told = f"solquote recorded market {seed} {'' if started_unix_ns is None else started_unix_ns}"
    return base58_encode(hashlib.sha256(told.encode()).digest())


def continue_market(make_genesis: Callable[[int], Genesis], *, slot: int) -> Market:
    """Bring a market to `slot`.

    Args:
        make_genesis: Gives a first slot that is not before its argument.
        slot: The last one seen; before the recording's for a market that never ran.
    """
    market = Market(make_genesis(0))
    if slot - market.clock.slot > REPLAY_SLOTS_MAX:
        market = Market(make_genesis(slot))
    while market.clock.slot < slot:
        market.advance()
    return market
