"""The pools that can be decoded, over the market's accounts, and the one way their bytes change: a swap.

A swap is priced by the pool itself and written back as account bytes by the pool itself, so what a client decodes is
what the project's own arithmetic left behind. A DEX without a decoder stays as recorded until it has one.
"""

from collections.abc import Mapping
from dataclasses import replace

from quote_core.dex.pool import Account, ChainClock, Direction, Pool, Swap, SwapMode
from quote_core.dex.programs import PROGRAMS, decode_pool
from quote_core.errors import CorruptAccount, MarketError
from quote_core.units import Pubkey
from recorded_market.ledger import Transaction
from recorded_market.native_sol import with_native_lamports

__all__ = ["PoolBook"]


class PoolBook:
    """Open pools and the accounts beneath them."""

    def __init__(self, accounts: Mapping[Pubkey, Account]) -> None:
        self._accounts = dict(accounts)
        self._changed: dict[Pubkey, Account] = {}
        self._transactions: list[Transaction] = []
        self._asked: dict[Pubkey, set[Pubkey]] = {}
        self.pools = tuple(self._open_all())

    def tradable(self, clock: ChainClock) -> list[Pool]:
        """The pools that accept swaps now, in address order."""
        return [pool for pool in self.pools if _accepts_swaps(pool, clock)]

    def swap(self, pool: Pool, direction: Direction, amount_in: int, clock: ChainClock) -> Swap | None:
        """Fill an exact-in swap and keep what it leaves behind; None when the pool refuses it."""
        try:
            swap = pool.swap(direction, SwapMode.EXACT_IN, amount_in, clock)
        except MarketError:
            return None
        written = pool.write_swap(swap)
        for pubkey, data in written.items():
            account = with_native_lamports(replace(self._accounts[pubkey], data=data))
            self._accounts[pubkey] = self._changed[pubkey] = account
            pool.apply(pubkey, account)
        # A node tells of every account that a transaction wrote, whether or not its bytes are others now.
        self._changed.update((pubkey, self._accounts[pubkey]) for pubkey in pool.moved_together)
        program_id = self._accounts[pool.address].owner
        self._transactions.append(Transaction(program_id, pool.moved_together | written.keys()))
        self._load(pool)
        return swap

    def take_changes(self) -> dict[Pubkey, Account]:
        """The accounts changed since the last call."""
        changed, self._changed = self._changed, {}
        return changed

    def take_transactions(self) -> list[Transaction]:
        """The swaps made since the last call."""
        made, self._transactions = self._transactions, []
        return made

    def take_back(self, accounts: Mapping[Pubkey, Account]) -> None:
        """Let accounts be again what they were."""
        self._accounts |= accounts
        for pool in self.pools:
            for pubkey in accounts.keys() & {pool.address, *self._asked[pool.address]}:
                pool.apply(pubkey, accounts[pubkey])
            self._load(pool)

    def _open_all(self) -> list[Pool]:
        pools = []
        for pubkey in sorted(self._accounts):
            account = self._accounts[pubkey]
            if account.owner in PROGRAMS:
                try:
                    pool = decode_pool(pubkey, account)
                except CorruptAccount:
                    continue  # another account of a DEX program: a tick array, a configuration
                self._asked[pubkey] = set()
                self._load(pool)
                pools.append(pool)
        return pools

    def _load(self, pool: Pool) -> None:
        """Hand in what the pool wants; what it wants may grow as accounts arrive and as its price moves."""
        asked = self._asked[pool.address]
        asked.intersection_update(need.pubkey for need in pool.accounts_needed())  # the pool has let go of the others
        while wanted := [need.pubkey for need in pool.accounts_needed() if need.pubkey not in asked]:
            for pubkey in wanted:
                asked.add(pubkey)
                pool.apply(pubkey, self._accounts.get(pubkey))


def _accepts_swaps(pool: Pool, clock: ChainClock) -> bool:
    try:
        pool.check_tradable(clock)
    except MarketError:
        return False
    return True
