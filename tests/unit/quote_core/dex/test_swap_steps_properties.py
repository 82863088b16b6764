"""The arithmetic that is shown of a swap: every formula in it comes to its value, and the last one to the swap's."""

import re
from fractions import Fraction
from math import ceil, floor

import pytest
from fakes.golden_pools import POOLS, golden_accounts
from hypothesis import given, settings
from hypothesis import strategies as st

from quote_core.dex.pool import ChainClock, Direction, Pool, SwapMode, SwapStep
from quote_core.dex.programs import BY_DEX, decode_pool
from quote_core.dex.recorded import load_accounts
from quote_core.errors import MarketError, SolquoteError
from quote_core.units import Pubkey

CLOCK = ChainClock(slot=436_453_903, unix_timestamp=1_790_000_000, epoch=1_000)
FORMULA = re.compile(r"(?:[\d +()/x-]|floor|ceil)+")


def golden(dex: str) -> list[Pool]:
    """Every golden pool of a DEX that can be opened."""
    pools = []
    for file in sorted((POOLS / dex).glob("*.json")):
        accounts = {Pubkey(pubkey): account for pubkey, account in golden_accounts(f"{dex}/{file.stem}").items()}
        for pubkey, account in accounts.items():
            try:
                pool = decode_pool(pubkey, account)
                load_accounts(pool, accounts)
            except SolquoteError:
                continue
            pools.append(pool)
    return pools


def worked_out(step: SwapStep) -> Fraction:
    """A step's own arithmetic, in fractions."""
    expression = re.sub(r"\d+", lambda number: f"Fraction({number.group()})", step.how.replace(" x ", " * "))
    value: Fraction = eval(expression, {"Fraction": Fraction, "ceil": ceil, "floor": floor})
    return value


@pytest.mark.parametrize("dex", sorted(dex.label for dex in BY_DEX))
def test_every_step_comes_to_its_value_and_the_last_to_the_swaps(dex: str) -> None:
    pools = golden(dex)
    assert pools
    shown = 0

    @settings(max_examples=120, deadline=None)
    @given(
        pool=st.sampled_from(pools),
        direction=st.sampled_from(Direction),
        mode=st.sampled_from(SwapMode),
        magnitude=st.floats(1, 13),
    )
    def check(pool: Pool, direction: Direction, mode: SwapMode, magnitude: float) -> None:
        nonlocal shown
        try:
            swap = pool.swap(direction, mode, round(10**magnitude), CLOCK)
        except MarketError:
            return
        steps = pool.arithmetic(swap, CLOCK)
        assert steps[-1].value == (swap.amount_out if mode is SwapMode.EXACT_IN else swap.amount_in)
        for step in steps:
            if FORMULA.fullmatch(step.how):
                shown += 1
                assert worked_out(step) == step.value, step

    check()
    assert shown > 20
