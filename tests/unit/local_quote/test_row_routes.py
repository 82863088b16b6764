"""Rows through other tokens: found at their turn, exact at every moment, as stale as their oldest pool."""

import pytest
from fakes.held_market import JITOSOL, SOL, SSOL, USDC, HeldMarket, HeldRow
from fakes.plain_pool import PlainPool

from local_quote.dependencies import pair_key
from local_quote.pool_store import Doubt
from local_quote.row_routes import AMOUNTS_SEARCHED_MAX
from local_quote.row_table import CHAINS_MAX, ChainRow
from local_quote.settings import LocalQuoteSettings
from quote_core.dex.pool import SwapMode
from quote_core.dex.spl_token import token_amount
from quote_core.errors import NoLiquidity
from quote_core.tokens import Token

AMOUNT = 10**9


@pytest.fixture
def held() -> HeldMarket:
    """A market whose rows may be routes of two swaps."""
    return routed_market()


def routed_market(hop_count_max: int = 2, **settings: object) -> HeldMarket:
    return HeldMarket(LocalQuoteSettings.model_validate({"row_hop_count_max": hop_count_max, **settings}))


def search(held: HeldMarket) -> None:
    """Every direction gets its turn."""
    held.tick(1_000)
    for _ in range(len(list(held.market.table.directions())) + 1):
        held.market.find_row_routes()


def chain_of(row: HeldRow) -> ChainRow:
    chain = row.market.table.row(row.number).chain
    assert chain is not None
    return chain


def walked(row: HeldRow) -> list[int]:
    """What its pools' own swaps give one after the other."""
    chain = chain_of(row)
    amounts, clock = [row.amount], row.market.quoter.now_on_chain()
    for entry, way in chain.offer.chain:
        amounts.append(entry.pool.swap(way, SwapMode.EXACT_IN, amounts[-1], clock).amount_out)
    return amounts


def assert_exact(row: HeldRow) -> None:
    chain = chain_of(row)
    assert list(chain.amounts) == walked(row)
    assert chain.state.output == chain.amounts[-1]


def reserve_b(held: HeldMarket, pool: PlainPool) -> int:
    account = held.market.store.account(pool.vault_b)
    assert account is not None
    assert account.account is not None
    return token_amount(account.account.data)


def two_pools(held: HeldMarket) -> tuple[PlainPool, PlainPool]:
    """JitoSOL to SOL to USDC, and no pool between the ends."""
    return (
        held.add("p", 10**13, 12 * 10**12, tokens=(JITOSOL, SOL)),
        held.add("q", 10**13, 80 * 10**10, tokens=(SOL, USDC)),
    )


def test_a_pair_without_a_pool_is_given_by_the_route_over_another_token(held: HeldMarket) -> None:
    two_pools(held)
    (row,) = held.register((JITOSOL, USDC, AMOUNT))
    assert isinstance(row.refusal, NoLiquidity)
    assert "no route of up to 2 swaps" in str(row.refusal)
    search(held)
    assert row.refusal is None
    assert chain_of(row).offer.pool_ids == ("p", "q")
    assert_exact(row)


def test_unless_rows_may_be_routes_nothing_is_searched_and_the_row_stays_refused() -> None:
    held = HeldMarket()
    two_pools(held)
    (row,) = held.register((JITOSOL, USDC, AMOUNT))
    search(held)
    assert held.market.row_routes is None
    assert held.market.table.chain_offers == {}
    assert str(row.refusal).endswith("no pool of the supported DEXes holds this pair")


def test_whoever_follows_the_row_is_told_of_the_route(held: HeldMarket) -> None:
    two_pools(held)
    subscription = held.subscribe((JITOSOL, USDC, AMOUNT))
    subscription.take()
    search(held)
    assert len(subscription.take()) == 1


def test_a_better_route_goes_before_the_pairs_own_pool_until_that_gives_more(held: HeldMarket) -> None:
    two_pools(held)
    direct = held.add("direct", 10**12, 80 * 10**9, tokens=(JITOSOL, USDC))
    (row,) = held.register((JITOSOL, USDC, AMOUNT))
    assert row.quote is not None
    before = row.quote.swap.output_amount
    search(held)
    assert chain_of(row).state.output > before
    version = row.version
    held.notify(direct, b=200 * 10**9)
    assert row.quote is not None
    assert (row.quote.swap.entry.pool.address, row.version) == ("direct", version + 1)
    held.notify(direct, b=80 * 10**9)
    assert_exact(row)


def test_of_equal_offers_the_pairs_own_pool_is_taken(held: HeldMarket) -> None:
    held.add("p", 10**12, 10**12, tokens=(JITOSOL, SOL), fee_bps=0)
    held.add("q", 10**15, 10**15, tokens=(SOL, USDC), fee_bps=0)
    (row,) = held.register((JITOSOL, USDC, 10**6))
    search(held)
    output = chain_of(row).state.output
    held.add("direct", 10**12, 10**12 - 10**6, tokens=(JITOSOL, USDC), fee_bps=0)
    held.tick()
    assert row.quote is not None
    assert row.quote.swap.output_amount == output


def test_a_change_of_any_pool_on_the_way_prices_the_row_at_once(held: HeldMarket) -> None:
    first, second = two_pools(held)
    rows = held.register(*((JITOSOL, USDC, AMOUNT * size) for size in (1, 2, 5)))
    search(held)
    for pool in (first, second, first):
        versions = [row.version for row in rows]
        outputs = [chain_of(row).state.output for row in rows]
        held.notify(pool, b=reserve_b(held, pool) + 10**9)
        assert [row.version for row in rows] == [version + 1 for version in versions]
        assert all(chain_of(row).state.output > output for row, output in zip(rows, outputs, strict=True))
        for row in rows:
            assert_exact(row)


def test_a_change_elsewhere_leaves_the_row_as_it_is(held: HeldMarket) -> None:
    two_pools(held)
    other = held.add("other", 10**12, 10**12, tokens=(SOL, SSOL))
    (row,) = held.register((JITOSOL, USDC, AMOUNT))
    search(held)
    version = row.version
    held.notify(other, a=2 * 10**12)
    assert row.version == version


@pytest.mark.parametrize("name", ["p", "q"])
def test_the_row_is_stale_when_one_of_its_pools_is(held: HeldMarket, name: str) -> None:
    pools = dict(zip("pq", two_pools(held), strict=True))
    (row,) = held.register((JITOSOL, USDC, AMOUNT))
    search(held)
    assert not row.is_stale
    held.market.doubt([pools[name].address], Doubt.REFUSED)
    assert row.is_stale
    assert_exact(row)


def test_the_row_is_stale_and_then_refused_as_one_of_its_pools_ages(held: HeldMarket) -> None:
    first, second = two_pools(held)
    (row,) = held.register((JITOSOL, USDC, AMOUNT))
    search(held)
    for _ in range(3):
        held.pass_ms(2_000)
        held.read(second, 10**13, 80 * 10**10)
        held.market.sweep()
    assert row.is_stale
    held.pass_ms(60_000)
    held.read(second, 10**13, 80 * 10**10)
    held.market.sweep()
    assert row.refusal is not None
    held.read(first, 10**13, 12 * 10**12)
    assert not row.is_stale
    assert_exact(row)


def test_a_fresh_route_goes_before_a_stale_pool_that_gives_more(held: HeldMarket) -> None:
    two_pools(held)
    direct = held.add("direct", 10**13, 2 * 10**12, tokens=(JITOSOL, USDC))
    (row,) = held.register((JITOSOL, USDC, AMOUNT))
    search(held)
    assert row.quote is not None
    held.market.doubt([direct.address], Doubt.REFUSED)
    search(held)
    assert not row.is_stale
    assert_exact(row)


def test_a_row_whose_pool_is_let_go_or_closed_is_refused(held: HeldMarket) -> None:
    first, second = two_pools(held)
    (row,) = held.register((JITOSOL, USDC, AMOUNT))
    search(held)
    second.closed = "paused"
    held.notify(second, a=10**13 + 1)
    assert row.refusal is not None
    second.closed = ""
    held.notify(second, a=10**13)
    assert_exact(row)
    held.market.remove_pool(first.address)
    assert row.refusal is not None
    assert held.market.table.chain_offers == {}


def test_pools_on_the_way_are_wanted_as_the_pairs_own_are(held: HeldMarket) -> None:
    two_pools(held)
    rows = held.market.register([(JITOSOL, USDC, AMOUNT)])
    way = pair_key(SOL.mint, USDC.mint)
    assert not held.market.table.wants(way)
    search(held)
    assert held.market.table.wants(way)
    held.market.table.release(rows)
    assert not held.market.table.wants(way)
    assert held.market.table.chain_offers == {}


def test_amounts_that_come_later_take_the_routes_there_are_and_those_that_go_leave_the_others(held: HeldMarket) -> None:
    two_pools(held)
    (row,) = held.register((JITOSOL, USDC, AMOUNT))
    search(held)
    others = held.market.register([(JITOSOL, USDC, amount) for amount in (AMOUNT // 3, AMOUNT * 3)])
    for other in held.rows(others):
        assert_exact(other)
    held.market.table.release(others)
    assert_exact(row)


def test_an_amount_that_a_pool_on_the_way_does_not_fill_is_refused_and_the_others_are_not(held: HeldMarket) -> None:
    """Beyond a thousand times its reserve a plain pool gives nothing; of a unit nothing is left behind the first."""
    two_pools(held)
    rows = held.register(*((JITOSOL, USDC, amount) for amount in (1, AMOUNT, 10**17)))
    search(held)
    assert [row.refusal is not None for row in rows] == [True, False, True]
    assert_exact(rows[1])


def test_a_direction_is_searched_again_when_its_time_has_come_and_something_changed(held: HeldMarket) -> None:
    first, _ = two_pools(held)
    held.register((JITOSOL, USDC, AMOUNT), (SOL, USDC, AMOUNT))
    routes = held.market.row_routes
    assert routes is not None

    def searched() -> int:
        before = routes.search_count
        for _ in range(5):
            held.market.find_row_routes()
        return routes.search_count - before

    assert searched() == 2
    held.notify(first, a=10**13 + 5)
    assert searched() == 0
    held.tick(1_000)
    assert searched() == 2
    held.tick(1_000)
    assert searched() == 0


def test_a_search_prices_few_amounts_and_no_direction_has_more_chains_than_it_may(held: HeldMarket) -> None:
    tokens = [token for token in held.market.registry if token.mint not in (JITOSOL.mint, USDC.mint)]
    for number, token in enumerate(tokens):
        add_way(held, number, token)
    amounts = [10**6 * 3**step for step in range(17)]
    rows = held.register(*((JITOSOL, USDC, amount) for amount in amounts))
    search(held)
    assert 1 < len(held.market.table.chain_offers) <= AMOUNTS_SEARCHED_MAX
    for round_number in range(6):
        for number, _ in enumerate(tokens):
            pool = held.market.store.entry(f"out{number}")  # type: ignore[arg-type]  # an address, plain
            assert pool is not None
            held.notify(pool.pool, b=10 ** (9 + (number + round_number) % 6))  # type: ignore[arg-type]
        search(held)
        assert len(held.market.table.chain_offers) <= CHAINS_MAX
        for row in rows:
            if row.refusal is None:
                assert_exact(row)


def add_way(held: HeldMarket, number: int, token: Token) -> None:
    """A way over a token, deeper and dearer than the one before."""
    held.add(f"in{number}", 10 ** (8 + number % 7), 10 ** (8 + number % 7), tokens=(JITOSOL, token), fee_bps=number)
    held.add(f"out{number}", 10 ** (8 + number % 7), 10 ** (8 + number % 7), tokens=(token, USDC), fee_bps=number)


def test_a_route_of_three_swaps_is_taken_only_where_rows_may_be_as_long() -> None:
    for hop_count_max, is_there in ((2, False), (3, True)):
        held = routed_market(hop_count_max)
        held.add("p", 10**13, 10**13, tokens=(JITOSOL, SSOL))
        held.add("q", 10**13, 10**13, tokens=(SSOL, SOL))
        held.add("r", 10**13, 80 * 10**10, tokens=(SOL, USDC))
        (row,) = held.register((JITOSOL, USDC, AMOUNT))
        search(held)
        assert (row.refusal is None) is is_there
        if is_there:
            assert len(chain_of(row).amounts) == 4
            assert_exact(row)


def test_depth_and_impact_of_a_row_are_those_of_the_route(held: HeldMarket) -> None:
    two_pools(held)
    (row,) = held.register((JITOSOL, USDC, AMOUNT))
    search(held)
    assert held.market.row_routes is not None
    terms = held.market.row_routes.terms
    routed = held.market.routed(JITOSOL, USDC, AMOUNT, mode=SwapMode.EXACT_IN, terms=terms)
    chain = chain_of(row)
    assert chain.state.output == routed.route.output_amount
    assert chain.state.price_impact == pytest.approx(routed.route.price_impact, abs=1e-12)
    assert chain.offer.depth_amount == pytest.approx(routed.route.depth_amount, rel=0.01)
