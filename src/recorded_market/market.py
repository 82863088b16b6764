"""The market: the accounts at its first slot, and what each slot after it changes."""

from collections.abc import Mapping
from typing import Final

from quote_core.dex.pool import Pool
from recorded_market.genesis import Genesis
from recorded_market.ledger import AccountLedger, Block, Commitment
from recorded_market.requested_swaps import RequestedSwaps

__all__ = ["FORK_SLOTS_MAX", "Market"]

FORK_SLOTS_MAX: Final = 31
"""A validator that voted for 32 slots of a fork cannot leave it any more."""


class Market:
    """Moves on one slot at a time; its bytes at slot N depend only on genesis, seed, and forks and swaps asked for."""

    def __init__(self, genesis: Genesis) -> None:
        self._chain_time = genesis.chain_time
        self._flow = genesis.flow
        self._fork_slots_left = 0
        self.clock = genesis.chain_time.clock(genesis.slot)
        self.provenance = genesis.provenance
        self.requested = RequestedSwaps(self._flow.book)
        self.ledger = AccountLedger(Block(genesis.slot, genesis.accounts))

    @property
    def swap_count(self) -> int:
        """Swaps made since the first slot."""
        return self._flow.swap_count + self.requested.made_count

    def tradable_pools(self) -> list[Pool]:
        """The pools that accept swaps in this slot."""
        return self._flow.book.tradable(self.clock)

    def advance(self) -> Mapping[Commitment, Block]:
        """Play the next slot; give the block each commitment level has newly reached."""
        self.clock = self._chain_time.clock(self.clock.slot + 1)
        if self._fork_slots_left:
            self._fork_slots_left -= 1
            return self.ledger.advance_fork(self._flow.play(self.clock), self._flow.book.take_transactions())
        if self.ledger.taken_back:
            self._flow.take_back(self.ledger.taken_back)
        self.requested.play(self.clock)
        return self.ledger.advance(self._flow.play(self.clock), self._flow.book.take_transactions())

    def begin_fork(self, slot_count: int) -> int:
        """Let the next `slot_count` slots be of a fork that the slot after them takes back; 1 to `FORK_SLOTS_MAX`.

        Returns:
            The first of them.
        """
        assert 1 <= slot_count <= FORK_SLOTS_MAX
        self._fork_slots_left = slot_count
        return self.clock.slot + 1
