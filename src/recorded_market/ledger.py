"""What the node remembers: every account, as seen at each commitment level.

A slot's changes become visible all at once, at `processed` in the slot itself, at `confirmed` one slot later, at
`finalized` 31 slots later, as on the chain when nothing goes wrong. So each level is one consistent slot, and the
three never mix. There are no forks and no skipped slots here: what is processed is always finalized in the end.
"""

import enum
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from quote_core.dex.pool import Account
from quote_core.units import Pubkey

__all__ = ["AccountLedger", "Block", "Commitment", "View"]


class Commitment(enum.Enum):
    """How settled the state is that a client wants to see."""

    PROCESSED = "processed"
    CONFIRMED = "confirmed"
    FINALIZED = "finalized"

    @property
    def lag_slots(self) -> int:
        """Slots behind the newest one; finality takes the 32 votes of the tower."""
        return _LAG_SLOTS[self]


_LAG_SLOTS = {Commitment.PROCESSED: 0, Commitment.CONFIRMED: 1, Commitment.FINALIZED: 31}


@dataclass(frozen=True, slots=True)
class Block:
    """The accounts one slot changed, with their new content."""

    slot: int
    changes: Mapping[Pubkey, Account]


@dataclass(frozen=True, slots=True)
class View:
    """All accounts at one commitment level, at one slot."""

    slot: int
    accounts: Mapping[Pubkey, Account]


class AccountLedger:
    """Accounts at three commitment levels, moved on one slot at a time."""

    def __init__(self, genesis: Block) -> None:
        self._genesis_slot = genesis.slot
        self._slots = dict.fromkeys(Commitment, genesis.slot)
        self._accounts = {commitment: dict(genesis.changes) for commitment in Commitment}
        self._recent: deque[Block] = deque(maxlen=max(_LAG_SLOTS.values()) + 1)
        self._recent.append(genesis)

    def view(self, commitment: Commitment) -> View:
        """The state at `commitment`; read it before the next `advance`, it is not a copy."""
        return View(self._slots[commitment], self._accounts[commitment])

    def advance(self, changes: Mapping[Pubkey, Account]) -> Mapping[Commitment, Block]:
        """Add the next slot; give the block that each commitment level has newly reached.

        In the first slots nothing after genesis has been confirmed or finalized yet: such a level is left out.
        """
        self._recent.append(Block(self._slots[Commitment.PROCESSED] + 1, changes))
        reached: dict[Commitment, Block] = {}
        for commitment in Commitment:
            position = len(self._recent) - 1 - commitment.lag_slots
            if position >= 0 and self._recent[position].slot > self._slots[commitment]:
                block = self._recent[position]
                self._slots[commitment] = block.slot
                self._accounts[commitment].update(block.changes)
                reached[commitment] = block
        return reached
