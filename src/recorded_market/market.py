"""The market: the accounts at its first slot, and what each slot after it changes."""

from collections.abc import Mapping

from quote_core.dex.pool import Account, ChainClock
from quote_core.units import Pubkey
from recorded_market.chain_time import CLOCK_SYSVAR
from recorded_market.genesis import Genesis
from recorded_market.ledger import Block, Commitment, Ledger

__all__ = ["Market"]


class Market:
    """Moves on one slot at a time; its bytes at slot N depend on genesis and seed only."""

    def __init__(self, genesis: Genesis) -> None:
        self._chain_time = genesis.chain_time
        self._clock_account = genesis.accounts[CLOCK_SYSVAR]
        self.clock = genesis.chain_time.clock(genesis.slot)
        self.provenance = genesis.provenance
        self.ledger = Ledger(Block(genesis.slot, genesis.accounts))

    def advance(self) -> Mapping[Commitment, Block]:
        """Play the next slot; give the block each commitment level has newly reached."""
        self.clock = self._chain_time.clock(self.clock.slot + 1)
        return self.ledger.advance(self._play(self.clock))

    def _play(self, clock: ChainClock) -> Mapping[Pubkey, Account]:
        sysvar = self._chain_time.sysvar(clock.slot)
        return {CLOCK_SYSVAR: Account(self._clock_account.owner, sysvar, self._clock_account.lamports)}
