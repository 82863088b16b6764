"""Read accounts so that those of one pool are of one slot: whole pools share a request.

Each request brings the chain's clock, too: a pool newer than the clock would seem to be from the future, and refuse.
"""

from collections.abc import Iterable, Sequence

from local_quote.poll_plan import pack
from local_quote.pool_store import PoolStore
from quote_core.solana import CLOCK_SYSVAR, AccountUpdate, RpcClient
from quote_core.solana.rpc import ACCOUNTS_PER_REQUEST_MAX
from quote_core.units import Pubkey

__all__ = ["PoolReader"]


class PoolReader:
    """Reads for both the feed, which asks by account, and the polls, which ask by pool."""

    def __init__(self, *, rpc: RpcClient, store: PoolStore) -> None:
        self._rpc = rpc
        self._store = store

    async def read_accounts(self, pubkeys: Sequence[Pubkey]) -> list[AccountUpdate]:
        """Read accounts, each with all others of the pools that rest on it.

        Raises:
            RpcFailed, DeadlinePassed, RateLimited: The node did not answer usefully.
        """
        groups: list[Sequence[Pubkey]] = []
        for pubkey in pubkeys:
            pools = self._store.resting_on(pubkey)
            groups += [entry.accounts for entry in pools] or [(pubkey,)]
        return await self.read_groups(dict.fromkeys(map(tuple, groups)))

    async def read_groups(self, groups: Iterable[Sequence[Pubkey]]) -> list[AccountUpdate]:
        """Read groups of accounts, each group of one slot unless it is larger than a request.

        Raises:
            RpcFailed, DeadlinePassed, RateLimited: The node did not answer usefully.
        """
        updates: list[AccountUpdate] = []
        for request in pack(groups, size_max=ACCOUNTS_PER_REQUEST_MAX - 1):
            with_clock = request if CLOCK_SYSVAR in request else [CLOCK_SYSVAR, *request]
            updates += await self._rpc.get_multiple_accounts(with_clock)
        return updates
