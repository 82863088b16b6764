"""The market: the accounts at its first slot, and what each slot after it changes."""

from collections.abc import Mapping

from quote_core.dex.pool import Pool
from recorded_market.genesis import Genesis
from recorded_market.ledger import AccountLedger, Block, Commitment

__all__ = ["Market"]


class Market:
    """Moves on one slot at a time; its bytes at slot N depend on genesis and seed only."""

    def __init__(self, genesis: Genesis) -> None:
        self._chain_time = genesis.chain_time
        self._flow = genesis.flow
        self.clock = genesis.chain_time.clock(genesis.slot)
        self.provenance = genesis.provenance
        self.ledger = AccountLedger(Block(genesis.slot, genesis.accounts))

    @property
    def swap_count(self) -> int:
        """Swaps made since the first slot."""
        return self._flow.swap_count

    def tradable_pools(self) -> list[Pool]:
        """The pools that accept swaps in this slot."""
        return self._flow.book.tradable(self.clock)

    def advance(self) -> Mapping[Commitment, Block]:
        """Play the next slot; give the block each commitment level has newly reached."""
        self.clock = self._chain_time.clock(self.clock.slot + 1)
        return self.ledger.advance(self._flow.play(self.clock))
