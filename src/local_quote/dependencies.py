"""Who rests on whom: account -> pools, pair -> pools. What an update touches is a look-up here, never a search."""

from bisect import bisect
from collections.abc import Iterable

from quote_core.units import Pubkey

__all__ = ["DependencyIndex", "PairKey", "pair_key"]

PairKey = tuple[Pubkey, Pubkey]
"""Two mints in ascending order: a pair whatever the direction."""


def pair_key(mint_a: Pubkey, mint_b: Pubkey) -> PairKey:
    """The pair of two mints."""
    return (mint_a, mint_b) if mint_a < mint_b else (mint_b, mint_a)


class DependencyIndex:
    """Kept current by the pool store as pools come and their needs change."""

    def __init__(self) -> None:
        self._pools_by_account: dict[Pubkey, tuple[Pubkey, ...]] = {}
        self._accounts_by_pool: dict[Pubkey, frozenset[Pubkey]] = {}
        self._pools_by_pair: dict[PairKey, tuple[Pubkey, ...]] = {}

    def add_pool(self, pool_id: Pubkey, pair: PairKey) -> None:
        """Register a pool; pools of a pair are kept in order of their ids, which is also how ties break."""
        self._pools_by_pair[pair] = tuple(sorted({*self._pools_by_pair.get(pair, ()), pool_id}))

    def remove_pool(self, pool_id: Pubkey, pair: PairKey) -> frozenset[Pubkey]:
        """Forget a pool; returns the accounts nobody rests on any more."""
        left = tuple(one for one in self._pools_by_pair[pair] if one != pool_id)
        if left:
            self._pools_by_pair[pair] = left
        else:
            del self._pools_by_pair[pair]
        _, lost = self.set_accounts(pool_id, ())
        del self._accounts_by_pool[pool_id]
        return lost

    def set_accounts(self, pool_id: Pubkey, accounts: Iterable[Pubkey]) -> tuple[frozenset[Pubkey], frozenset[Pubkey]]:
        """Say which accounts a pool rests on now.

        Returns:
            Accounts nobody rested on before, and accounts nobody rests on any more.
        """
        after = frozenset(accounts)
        before = self._accounts_by_pool.get(pool_id, frozenset())
        self._accounts_by_pool[pool_id] = after
        gained = set()
        for pubkey in after - before:
            pools = self._pools_by_account.get(pubkey, ())
            if not pools:
                gained.add(pubkey)
            place = bisect(pools, pool_id)
            self._pools_by_account[pubkey] = (*pools[:place], pool_id, *pools[place:])
        lost = set()
        for pubkey in before - after:
            pools = tuple(other for other in self._pools_by_account[pubkey] if other != pool_id)
            if pools:
                self._pools_by_account[pubkey] = pools
            else:
                del self._pools_by_account[pubkey]
                lost.add(pubkey)
        return frozenset(gained), frozenset(lost)

    def pools_of_account(self, pubkey: Pubkey) -> tuple[Pubkey, ...]:
        """Pools that rest on an account, in ascending order of their ids."""
        return self._pools_by_account.get(pubkey, ())

    def pools_of_pair(self, pair: PairKey) -> tuple[Pubkey, ...]:
        """Pools of a pair in ascending order of their ids."""
        return self._pools_by_pair.get(pair, ())
