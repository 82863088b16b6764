"""How many accounts a transaction with a route's swaps names: counted by what each DEX's swap instruction takes.

| DEX            | once a route                            | once a pool                                               |
|----------------|-----------------------------------------|-----------------------------------------------------------|
| raydium_amm_v4 | program, authority, market program      | pool, open orders, 2 vaults, market with its 7 accounts   |
| raydium_cpmm   | program, authority                      | config, pool, 2 vaults, observation                       |
| raydium_clmm   | program                                 | config, pool, 2 vaults, observation, bitmap, 3 arrays     |
| orca_whirlpool | program                                 | pool, 2 vaults, oracle, 3 tick arrays                     |
| meteora_dlmm   | program, event authority                | pool, bitmap, 2 reserves, oracle, 3 bin arrays            |
| pumpswap       | program, fee program, 3 configs, 4 keys | pool, 2 vaults, creator's 2, `pool-v2`, 3 token accounts  |

To these come the trader, six programs that any swap may need (system, both token programs, associated accounts, memo,
compute budget), and of each token its mint and the trader's account. Arrays are those a swap of ordinary size passes,
and the longest form of each instruction is counted, so a transaction mostly names fewer. Pure.
"""

import functools
from collections.abc import Hashable, Iterable, Mapping
from itertools import combinations_with_replacement
from typing import Final, NamedTuple, Protocol

from quote_core.dex.pool import Dex

__all__ = ["SWAP_ACCOUNTS_MIN", "lean_dexes", "most_accounts", "route_account_count", "swap_account_count"]


class _Accounts(NamedTuple):
    once_a_route: int
    once_a_pool: int


_OF_DEX: Final[Mapping[Dex, _Accounts]] = {
    Dex.RAYDIUM_AMM_V4: _Accounts(3, 11),
    Dex.RAYDIUM_CPMM: _Accounts(2, 5),
    Dex.RAYDIUM_CLMM: _Accounts(1, 9),
    Dex.ORCA_WHIRLPOOL: _Accounts(1, 7),
    Dex.METEORA_DLMM: _Accounts(2, 8),
    Dex.PUMPSWAP: _Accounts(9, 9),
}
_ANY_ROUTE: Final = 7
_TOKEN: Final = 2


class _SwappedPool(Protocol):
    @property
    def dex(self) -> Dex: ...
    @property
    def address(self) -> Hashable: ...
    @property
    def mint_a(self) -> Hashable: ...
    @property
    def mint_b(self) -> Hashable: ...


def route_account_count(pools: Iterable[_SwappedPool]) -> int:
    """Accounts of a route through these pools; one that is swapped with twice counts once."""
    by_address = {pool.address: pool for pool in pools}
    mints = {mint for pool in by_address.values() for mint in (pool.mint_a, pool.mint_b)}
    return _count([pool.dex for pool in by_address.values()], token_count=len(mints))


def swap_account_count(dex: Dex) -> int:
    """Accounts of one swap with one pool."""
    return _count([dex], token_count=2)


@functools.cache
def most_accounts(hop_count: int, leg_count: int, dexes: frozenset[Dex] = frozenset(Dex)) -> int:
    """The most that so many chains of so many swaps name together, through whatever pools of these DEXes."""
    token_count = leg_count * (hop_count - 1) + 2
    chosen = combinations_with_replacement(dexes, hop_count * leg_count)
    return max(_count(each, token_count=token_count) for each in chosen)


@functools.cache
def lean_dexes(hop_count: int, leg_count: int, dexes: frozenset[Dex], account_count_max: int) -> frozenset[Dex]:
    """The leanest of `dexes`, as many as let every such route keep within a number of accounts; there may be none.

    Of two whose swaps name as many, the leaner is that of which a further pool adds less.
    """
    by_count = sorted(dexes, key=lambda dex: (swap_account_count(dex), _OF_DEX[dex].once_a_pool, dex.value))
    for dex_count in range(len(by_count), 0, -1):
        lean = frozenset(by_count[:dex_count])
        if most_accounts(hop_count, leg_count, lean) <= account_count_max:
            return lean
    return frozenset()


def _count(dexes: Iterable[Dex], *, token_count: int) -> int:
    each = list(dexes)
    of_dexes = sum(_OF_DEX[dex].once_a_route for dex in set(each))
    return _ANY_ROUTE + _TOKEN * token_count + of_dexes + sum(_OF_DEX[dex].once_a_pool for dex in each)


SWAP_ACCOUNTS_MIN: Final = min(map(swap_account_count, Dex))
