"""What the node remembers: every account, as seen at each commitment level.

A slot's changes become visible all at once, at `processed` in the slot itself, at `confirmed` one slot later, at
`finalized` 31 slots later, as on the chain when nothing goes wrong. So each level is one consistent slot, and the
three never mix. What is processed is finalized in the end, and no slot is skipped, but for those of a fork that was
asked for: they are seen at `processed` alone, and taken back by the slot that is built on the one before them.
"""

import enum
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quote_core.dex.pool import Account
from quote_core.units import Pubkey

__all__ = ["AccountLedger", "Block", "Commitment", "Transaction", "View"]


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
class Transaction:
    """One that went through: the program it called, and the accounts that it named."""

    program_id: Pubkey
    accounts: frozenset[Pubkey]


@dataclass(frozen=True, slots=True)
class Block:
    """The accounts one slot changed, with their new content, and by what."""

    slot: int
    changes: Mapping[Pubkey, Account]
    parent: int | None = None
    """The slot it was built on; None = the one before."""
    transactions: Sequence[Transaction] = ()


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
        self._taken_back: dict[Pubkey, Account] = {}

    def view(self, commitment: Commitment) -> View:
        """The state at `commitment`; read it before the next `advance`, it is not a copy."""
        return View(self._slots[commitment], self._accounts[commitment])

    def advance(
        self, changes: Mapping[Pubkey, Account], transactions: Sequence[Transaction] = ()
    ) -> Mapping[Commitment, Block]:
        """Add the next slot; give the block that each commitment level has newly reached.

        In the first slots nothing after genesis has been confirmed or finalized yet: such a level is left out.
        """
        slot, parent = self._slots[Commitment.PROCESSED] + 1, self._recent[-1].slot
        self._recent.append(Block(slot, changes, parent, transactions))
        # A node tells at `processed` that an account is again what it was, and at no other level that it ever was not.
        shown = Block(slot, {**self._taken_back, **changes}, parent, transactions)
        self._taken_back = {}
        self._show(shown)
        reached: dict[Commitment, Block] = {Commitment.PROCESSED: shown}
        for commitment in (Commitment.CONFIRMED, Commitment.FINALIZED):
            position = len(self._recent) - 1 - commitment.lag_slots
            if position >= 0 and self._recent[position].slot > self._slots[commitment]:
                block = self._recent[position]
                self._slots[commitment] = block.slot
                self._accounts[commitment].update(block.changes)
                reached[commitment] = block
        return reached

    def advance_fork(
        self, changes: Mapping[Pubkey, Account], transactions: Sequence[Transaction] = ()
    ) -> Mapping[Commitment, Block]:
        """Add a slot that the next `advance` takes back: nobody confirms it."""
        held = self._accounts[Commitment.PROCESSED]
        for pubkey in changes.keys() & held.keys():
            self._taken_back.setdefault(pubkey, held[pubkey])
        newest = self._slots[Commitment.PROCESSED]
        block = Block(newest + 1, changes, newest, transactions)
        self._show(block)
        return {Commitment.PROCESSED: block}

    @property
    def taken_back(self) -> Mapping[Pubkey, Account]:
        """The accounts that the fork's slots changed so far, as they were before."""
        return self._taken_back

    def _show(self, block: Block) -> None:
        self._slots[Commitment.PROCESSED] = block.slot
        self._accounts[Commitment.PROCESSED].update(block.changes)
