"""Accounts of a route: the instructions' own lists, with what they have in common counted once."""

from dataclasses import dataclass
from itertools import pairwise, product

import pytest

from quote_core.dex.account_counts import (
    SWAP_ACCOUNTS_MIN,
    lean_dexes,
    most_accounts,
    route_account_count,
    swap_account_count,
)
from quote_core.dex.pool import Dex


@dataclass(frozen=True)
class SwappedPool:
    dex: Dex
    address: str
    mint_a: str
    mint_b: str


# The accounts of each DEX's swap instruction in its longest form (bitmaps, three arrays, every optional account), and
# its program where that is not among them.
INSTRUCTIONS = {
    Dex.RAYDIUM_AMM_V4: 17 + 1,
    Dex.RAYDIUM_CPMM: 13 + 1,
    Dex.RAYDIUM_CLMM: 13 + 1 + 3 + 1,
    Dex.ORCA_WHIRLPOOL: 15 + 1,
    Dex.METEORA_DLMM: 16 - 1 + 3,  # without a host's fee
    Dex.PUMPSWAP: 27,
}


@pytest.mark.parametrize("dex", Dex)
def test_one_swap_has_all_its_instruction_names_and_no_more_than_what_any_swap_may_need(dex: Dex) -> None:
    assert INSTRUCTIONS[dex] <= swap_account_count(dex) <= INSTRUCTIONS[dex] + 7


def test_what_swaps_have_in_common_counts_once() -> None:
    first = SwappedPool(Dex.ORCA_WHIRLPOOL, "p", "SOL", "USDC")
    second = SwappedPool(Dex.ORCA_WHIRLPOOL, "q", "SOL", "USDC")
    onward = SwappedPool(Dex.ORCA_WHIRLPOOL, "r", "USDC", "USDT")
    alone = route_account_count([first])
    assert alone == swap_account_count(Dex.ORCA_WHIRLPOOL)
    assert route_account_count([first, first]) == alone
    assert route_account_count([first, second]) == alone + 7
    assert route_account_count([first, onward]) == alone + 7 + 2


def test_a_chain_of_three_swaps_keeps_within_what_a_transaction_may_lock() -> None:
    for dexes in product(Dex, repeat=3):
        chain = [SwappedPool(dex, str(n), str(n), str(n + 1)) for n, dex in enumerate(dexes)]
        assert route_account_count(chain) <= most_accounts(3, 1)
    assert most_accounts(3, 1) == 58, "of the 64 that a transaction may lock"


@pytest.mark.parametrize(("hop_count", "leg_count"), [(1, 1), (2, 1), (3, 1), (1, 3), (2, 2)])
def test_lean_dexes_are_as_many_as_keep_within_the_number_whatever_the_route(hop_count: int, leg_count: int) -> None:
    every = frozenset(Dex)
    numbers = range(most_accounts(hop_count, leg_count) + 1)
    lean = [lean_dexes(hop_count, leg_count, every, number) for number in numbers]
    assert (lean[0], lean[-1]) == (frozenset(), every)
    for number, (fewer, more) in enumerate(pairwise(lean), 1):
        assert fewer <= more
        assert not more or most_accounts(hop_count, leg_count, more) <= number
        if more < every:
            least = min(map(swap_account_count, every - more))
            for dex in (dex for dex in every - more if swap_account_count(dex) == least):
                assert most_accounts(hop_count, leg_count, more | {dex}) > number


def test_the_least_any_swap_has() -> None:
    assert SWAP_ACCOUNTS_MIN == 18 == swap_account_count(Dex.RAYDIUM_CPMM)
