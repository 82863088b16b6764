"""Routes over recorded pools, equal to swapping them one after the other by their programs' own arithmetic."""

import pytest
from fakes.golden_market import GOLDEN_POOLS, GoldenMarket
from fakes.held_market import JITOSOL, SOL, USDC, HeldMarket

from local_quote.route_finder import RoutedSwaps, RouteTerms
from quote_core.dex.account_counts import SWAP_ACCOUNTS_MIN, swap_account_count
from quote_core.dex.labels import ALL_DEXES
from quote_core.dex.pool import Dex, Direction, SwapMode
from quote_core.errors import MarketError, NoLiquidity, StaleState
from quote_core.tokens import Token

AMOUNT = 2_000 * 10**9


@pytest.fixture
def golden() -> GoldenMarket:
    market = GoldenMarket()
    for name in GOLDEN_POOLS:
        market.add(name)
    return market


def best(
    held: HeldMarket,
    input_token: Token,
    output_token: Token,
    amount: int,
    *,
    hops: int = 1,
    legs: int = 1,
    mode: SwapMode = SwapMode.EXACT_IN,
    dexes: frozenset[Dex] = ALL_DEXES,
    accounts: int = 0,
) -> RoutedSwaps:
    terms = RouteTerms(dexes, hops, legs, accounts)
    return held.market.routes.best(input_token, output_token, amount, mode=mode, terms=terms)


def traded(golden: GoldenMarket, route: RoutedSwaps) -> list[list[int]]:
    """What each swap of a route gives when somebody really makes it, leg by leg."""
    given = []
    for leg in route.legs:
        given.append([])
        for swap in leg.swaps:
            pool = swap.entry.pool
            mint = pool.mint_a if swap.direction is Direction.A_TO_B else pool.mint_b
            given[-1].append(golden.trade(pool.address, mint, swap.input_amount))
    return given


def test_a_split_over_recorded_pools_is_what_trading_its_parts_gives(golden: GoldenMarket) -> None:
    route = best(golden.held, SOL, USDC, AMOUNT, legs=3)
    alone = best(golden.held, SOL, USDC, AMOUNT)
    assert len(route.legs) > 1
    assert route.input_amount == AMOUNT
    assert route.output_amount > alone.output_amount
    assert [[swap.output_amount for swap in leg.swaps] for leg in route.legs] == traded(golden, route)


def test_a_pool_that_two_parts_go_through_is_priced_in_sequence(golden: GoldenMarket) -> None:
    """The only way to JitoSOL is through one of two shallow pools, both behind the same deep one."""
    for name in ("p", "q"):
        golden.held.add(name, 10**12, 6_000 * 10**6, tokens=(JITOSOL, USDC))
    only = frozenset({Dex.ORCA_WHIRLPOOL, Dex.RAYDIUM_AMM_V4})
    route = best(golden.held, SOL, JITOSOL, 50 * 10**9, hops=2, legs=3, dexes=only)
    firsts = [leg.swaps[0] for leg in route.legs]
    assert len({swap.entry.pool.address for swap in firsts}) < len(firsts)
    for leg in route.legs:
        assert leg.swaps[0].output_amount == leg.swaps[1].input_amount
    shared = [(leg.swaps[0].entry.pool.address, leg.swaps[0]) for leg in route.legs]
    for pool_id, swap in shared:
        assert golden.trade(pool_id, SOL.mint, swap.input_amount) == swap.output_amount


def test_every_recorded_pool_is_sampled_without_asking_for_more_accounts(golden: GoldenMarket) -> None:
    market = golden.held.market
    needed = {entry.pool.address: tuple(entry.pool.accounts_needed()) for entry in market.store}
    market.routes.graph.refresh(market.quoter.now_on_chain())
    assert {entry.pool.address: tuple(entry.pool.accounts_needed()) for entry in market.store} == needed


def test_a_wanted_output_of_one_swap_is_the_programs_own_exact_out(golden: GoldenMarket) -> None:
    wanted = 10_000 * 10**6
    route = best(golden.held, SOL, USDC, wanted, hops=2, mode=SwapMode.EXACT_OUT)
    chosen = golden.held.market.quoter.chosen(SOL, USDC, wanted, mode=SwapMode.EXACT_OUT, dexes=ALL_DEXES)
    assert [leg.swaps for leg in route.legs] == [[chosen]]


def fills(held: HeldMarket, dex: Dex, amount: int, mode: SwapMode) -> bool:
    """Whether one swap of this DEX does."""
    try:
        best(held, SOL, USDC, amount, mode=mode, dexes=frozenset({dex}))
    except MarketError:
        return False
    return True


@pytest.mark.parametrize("mode", SwapMode)
def test_a_route_over_recorded_pools_keeps_within_its_accounts(golden: GoldenMarket, mode: SwapMode) -> None:
    legs, amount = (3, AMOUNT) if mode is SwapMode.EXACT_IN else (1, 10_000 * 10**6)
    free = best(golden.held, SOL, USDC, amount, hops=2, legs=legs, mode=mode)
    assert best(golden.held, SOL, USDC, amount, hops=2, legs=legs, mode=mode, accounts=free.account_count) == free
    least = min(swap_account_count(dex) for dex in Dex if fills(golden.held, dex, amount, mode))
    for accounts in range(free.account_count - 1, SWAP_ACCOUNTS_MIN - 1, -1):
        if accounts < least:
            with pytest.raises(NoLiquidity, match=f"no route of up to {accounts} accounts"):
                best(golden.held, SOL, USDC, amount, hops=2, legs=legs, mode=mode, accounts=accounts)
            continue
        route = best(golden.held, SOL, USDC, amount, hops=2, legs=legs, mode=mode, accounts=accounts)
        assert route.account_count <= accounts
        if mode is SwapMode.EXACT_IN:
            assert (route.input_amount, route.output_amount <= free.output_amount) == (amount, True)
        else:
            assert route.input_amount >= free.input_amount


def test_stale_pools_are_gone_through_only_where_there_is_no_way_around(held: HeldMarket) -> None:
    held.add("good but stale", 10**12, 99 * 10**9)
    held.clock.advance_ms(50_000)
    held.add("fresh", 10**12, 80 * 10**9)
    held.add("j", 10**12, 10**12, tokens=(SOL, JITOSOL))
    assert best(held, SOL, USDC, 10**9, hops=3).swaps[0].entry.pool.address == "fresh"


def test_a_pool_past_the_limit_is_gone_around_and_where_it_is_all_there_is_refused(held: HeldMarket) -> None:
    held.add("old", 10**12, 99 * 10**9)
    held.clock.advance_ms(60_001)
    with pytest.raises(StaleState):
        best(held, SOL, USDC, 10**9)
    held.add("new", 10**12, 80 * 10**9)
    assert [swap.entry.pool.address for swap in best(held, SOL, USDC, 10**9, hops=3, legs=3).swaps] == ["new"]


def test_a_route_follows_its_pools_as_they_change(held: HeldMarket) -> None:
    p = held.add("p", 10**12, 80 * 10**9)
    held.add("q", 10**12, 81 * 10**9)
    assert best(held, SOL, USDC, 10**9, hops=2).swaps[0].entry.pool.address == "q"
    held.notify(p, b=82 * 10**9)
    assert best(held, SOL, USDC, 10**9, hops=2).swaps[0].entry.pool.address == "p"


def test_amounts_too_small_for_curves_go_through_the_pairs_own_pool(held: HeldMarket) -> None:
    held.add("p", 10**9, 10**9)
    route = best(held, SOL, USDC, 100, hops=3, legs=3)
    assert [swap.entry.pool.address for swap in route.swaps] == ["p"]
    assert route.output_amount == held.market.quoter.best(SOL, USDC, 100).output_amount


def test_losses_of_a_chain_add_up_and_its_shallowest_pool_says_how_deep_it_is(held: HeldMarket) -> None:
    held.add("j", 10**13, 10**13, tokens=(JITOSOL, SOL))
    held.add("p", 10**12, 80 * 10**9)
    route = best(held, JITOSOL, USDC, 10**10, hops=2)
    first, second = route.swaps
    assert route.price_impact == pytest.approx(first.price_impact + second.price_impact, rel=0.01)
    assert route.depth_amount == pytest.approx(second.depth_amount, rel=0.01)


def test_a_way_round_that_is_not_there_is_refused_by_the_token(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)
    with pytest.raises(NoLiquidity, match=r"^SOL: no way round of up to 3 swaps fills 1000000000$"):
        best(held, SOL, SOL, 10**9, hops=3)
