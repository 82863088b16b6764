"""The best of a pair's pools, and why there is none."""

import pytest
from fakes.held_market import JITOSOL, SOL, SSOL, USDC, HeldMarket

from quote_core.dex.labels import ALL_DEXES
from quote_core.dex.pool import Dex, SwapMode
from quote_core.errors import AmountTooSmall, NoLiquidity, NotTradable, SolquoteError, StaleState
from quote_core.quotes import route_id
from quote_core.units import U64_MAX


def test_the_highest_output_wins(held: HeldMarket) -> None:
    held.add("low", 10**12, 80 * 10**9)
    held.add("high", 10**12, 81 * 10**9)
    best = held.market.quoter.best(SOL, USDC, 10**9)
    assert best.entry.pool.address == "high"
    assert held.market.quoter.best(USDC, SOL, 10**6).entry.pool.address == "low"


def test_ties_break_by_pool_id(held: HeldMarket) -> None:
    held.add("b", 10**12, 80 * 10**9)
    held.add("a", 10**12, 80 * 10**9)
    assert held.market.quoter.best(SOL, USDC, 10**9).entry.pool.address == "a"


def test_a_swap_says_what_it_paid_and_what_size_cost(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9, fee_bps=25)
    swap = held.market.quoter.best(SOL, USDC, 10**10)
    assert (swap.fee_amount, swap.fee_mint) == (25_000_000, SOL.mint)
    assert swap.price_impact == pytest.approx(0.01, rel=0.02)  # one part in a hundred of the reserve
    assert swap.depth_amount == pytest.approx(5.05 * 10**9, rel=0.02)


def test_a_wanted_output_costs_the_least_input_of_any_pool(held: HeldMarket) -> None:
    held.add("low", 10**12, 80 * 10**9)
    held.add("high", 10**12, 81 * 10**9)
    quoter = held.market.quoter
    swap = quoter.chosen(SOL, USDC, 81_000_000, mode=SwapMode.EXACT_OUT, dexes=ALL_DEXES)
    assert (swap.entry.pool.address, swap.output_amount) == ("high", 81_000_000)
    assert quoter.best(SOL, USDC, swap.input_amount).output_amount >= 81_000_000
    assert quoter.best(SOL, USDC, swap.input_amount - 1).output_amount < 81_000_000
    assert swap.price_impact == quoter.best(SOL, USDC, swap.input_amount).price_impact


def test_a_wanted_output_prefers_a_fresh_pool_to_a_cheaper_stale_one(held: HeldMarket) -> None:
    held.add("cheap", 10**12, 99 * 10**9)
    held.clock.advance_ms(59_000)
    held.add("fresh", 10**12, 80 * 10**9)
    swap = held.market.quoter.chosen(SOL, USDC, 10**6, mode=SwapMode.EXACT_OUT, dexes=ALL_DEXES)
    assert swap.entry.pool.address == "fresh"


def test_only_pools_of_the_dexes_named_are_asked(held: HeldMarket) -> None:
    held.add("best", 10**12, 99 * 10**9)
    held.add("orca", 10**12, 80 * 10**9, dex=Dex.ORCA_WHIRLPOOL)
    quoter = held.market.quoter
    orca = quoter.chosen(SOL, USDC, 10**9, mode=SwapMode.EXACT_IN, dexes={Dex.ORCA_WHIRLPOOL})
    assert orca.entry.pool.address == "orca"
    with pytest.raises(NoLiquidity, match=r"^SOL/USDC: no pool of the DEXes asked for holds this pair$"):
        quoter.chosen(SOL, USDC, 10**9, mode=SwapMode.EXACT_IN, dexes={Dex.PUMPSWAP})


def test_an_output_that_no_pool_holds_is_refused_with_their_reasons(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)
    held.add("q", 10**12, 80 * 10**9)
    with pytest.raises(NoLiquidity, match=r"none of 2 pools fills 100000000000: .*not deep enough"):
        held.market.quoter.chosen(SOL, USDC, 100 * 10**9, mode=SwapMode.EXACT_OUT, dexes=ALL_DEXES)


def refusal(held: HeldMarket, amount: int = 10**9) -> SolquoteError:
    with pytest.raises(SolquoteError) as caught:
        held.market.quoter.best(SOL, USDC, amount)
    return caught.value


def test_a_pair_without_pools_is_named() -> None:
    with pytest.raises(NoLiquidity, match=r"^SOL/sSOL: no pool of the supported DEXes holds this pair$"):
        HeldMarket().market.quoter.best(SOL, SSOL, 1)


def test_pools_that_are_not_loaded_do_not_quote(held: HeldMarket) -> None:
    held.add("p", 1, 1, is_loaded=False)
    assert str(refusal(held)) == "SOL/USDC: none of its 1 pools is loaded yet"


def test_the_only_pools_own_refusal_is_passed_on(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    pool.closed = "paused"
    assert isinstance(refusal(held), NotTradable)


def test_an_amount_too_small_for_the_only_pool_says_so(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)
    assert isinstance(refusal(held, amount=1), AmountTooSmall)


def test_when_several_pools_refuse_the_pair_is_named_with_their_reasons(held: HeldMarket) -> None:
    held.add("p", 10**3, 80)
    held.add("q", 10**3, 80).closed = "paused"
    error = refusal(held, amount=U64_MAX)
    assert isinstance(error, NoLiquidity)
    assert str(error).startswith("SOL/USDC: none of 2 pools fills")
    assert "paused" in str(error)


def test_pools_past_the_limit_are_refused_with_their_age(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)
    held.clock.advance_ms(60_000)
    held.market.quoter.best(SOL, USDC, 10**9)
    held.clock.advance_ms(1)
    error = refusal(held)
    assert isinstance(error, StaleState)
    assert (error.subject, error.age_ms, error.age_ms_max) == ("SOL/USDC", 60_001, 60_000)


def test_a_fresh_pool_stands_in_for_one_past_the_limit(held: HeldMarket) -> None:
    held.add("old", 10**12, 99 * 10**9)
    held.clock.advance_ms(60_001)
    held.add("new", 10**12, 80 * 10**9)
    assert held.market.quoter.best(SOL, USDC, 10**9).entry.pool.address == "new"


def test_nothing_is_quoted_before_the_chains_time_is_known(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)
    held.market.quoter.chain_clock = None
    assert str(refusal(held)) == "SOL/USDC: the chain's clock is not known yet"


def test_pools_of_other_pairs_are_left_alone(held: HeldMarket) -> None:
    other = held.add("p", 10**12, 10**12, tokens=(SOL, JITOSOL))
    ladders_before = other.ladder_count
    assert isinstance(refusal(held), NoLiquidity)
    assert other.ladder_count == ladders_before


def test_a_route_is_named_by_its_pools_and_their_order() -> None:
    assert route_id(["a", "b"]) == route_id(["a", "b"])
    assert len({route_id(["a", "b"]), route_id(["b", "a"]), route_id(["a"]), route_id(["ab"])}) == 4
