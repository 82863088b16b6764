"""Swaps asked for move the market by the pools' own math, once, and nothing else of it."""

from collections.abc import Callable

import pytest

from quote_core.dex.pool import Direction, Pool
from quote_core.errors import InvalidField
from quote_core.units import Pubkey
from recorded_market import requested_swaps
from recorded_market.genesis import Genesis
from recorded_market.ledger import Commitment
from recorded_market.market import Market
from recorded_market.requested_swaps import Asking, RequestedSwap

AMOUNT = 10**9
Markets = Callable[[int], list[Market]]


@pytest.fixture
def markets(genesis_of: Callable[[int], Genesis]) -> Markets:
    """So many markets, alike to the last byte."""
    return lambda count: [Market(genesis_of(1)) for _ in range(count)]


def swap_of(pool: Pool, name: str = "plan.0", amount_in: int = AMOUNT) -> RequestedSwap:
    return RequestedSwap(name=name, pool_id=pool.address, input_mint=pool.mint_a, amount_in=amount_in)


def accounts_of(market: Market) -> dict[Pubkey, bytes]:
    return {key: account.data for key, account in market.ledger.view(Commitment.PROCESSED).accounts.items()}


def test_the_next_slot_holds_what_the_pools_own_swap_leaves_and_the_flow_goes_on_from_there(markets: Markets) -> None:
    market, by_hand = markets(2)
    pool, same = market.tradable_pools()[0], by_hand.tradable_pools()[0]
    assert market.requested.ask(swap_of(pool)) is Asking.NEXT
    next_clock = market._chain_time.clock(market.clock.slot + 1)
    assert by_hand._flow.book.swap(same, Direction.A_TO_B, AMOUNT, next_clock) is not None
    for _ in range(50):
        market.advance()
        by_hand.advance()
        assert accounts_of(market) == accounts_of(by_hand)
    assert market.swap_count == by_hand.swap_count + 1


@pytest.mark.parametrize("place", range(4))
def test_every_kind_of_pool_is_moved_the_way_the_swap_goes(markets: Markets, place: int) -> None:
    market, unmoved = markets(2)
    pool = market.tradable_pools()[place]
    market.requested.ask(swap_of(pool))
    market.advance()
    unmoved.advance()
    assert market.requested.made_count == 1
    assert pool.spot_price(market.clock) < unmoved.tradable_pools()[place].spot_price(unmoved.clock)


def test_one_that_is_asked_for_again_is_known_and_made_once(markets: Markets) -> None:
    market, once = markets(2)
    first, second = swap_of(market.tradable_pools()[0]), swap_of(market.tradable_pools()[1], "plan.1")
    assert [market.requested.ask(one) for one in (first, second, first)] == [Asking.NEXT, Asking.NEXT, Asking.KNOWN]
    for one in (first, second):
        once.requested.ask(one)
    for _ in range(3):
        market.advance()
        once.advance()
        assert market.requested.ask(first) is Asking.KNOWN
    assert accounts_of(market) == accounts_of(once)


def test_same_seed_and_same_swaps_at_the_same_slots_give_the_same_bytes_and_none_give_those_of_before(
    markets: Markets,
) -> None:
    one, other, untouched = markets(3)
    for number in range(30):
        for market in (one, other):
            if number % 7 == 3:
                market.requested.ask(swap_of(market.tradable_pools()[number % 4], f"plan.{number}"))
        for market in (one, other, untouched):
            market.advance()
    assert accounts_of(one) == accounts_of(other) != accounts_of(untouched)


def test_a_swap_asked_for_during_a_fork_is_made_behind_it(markets: Markets) -> None:
    (market,) = markets(1)
    pool = market.tradable_pools()[0]
    market.begin_fork(3)
    market.advance()
    market.requested.ask(swap_of(pool))
    for _ in range(2):
        market.advance()
    assert market.requested.made_count == 0
    market.advance()
    assert market.requested.made_count == 1


def test_a_swap_that_the_pool_refuses_moves_nothing(markets: Markets) -> None:
    market, untouched = markets(2)
    market.requested.ask(swap_of(market.tradable_pools()[0], amount_in=2**64 - 1))
    market.advance()
    untouched.advance()
    assert (market.requested.made_count, accounts_of(market)) == (0, accounts_of(untouched))


def test_what_is_no_pool_or_none_of_its_tokens_is_refused_and_what_waits_is_bounded(
    markets: Markets, monkeypatch: pytest.MonkeyPatch
) -> None:
    (market,) = markets(1)
    pool = market.tradable_pools()[0]
    for pool_id, mint in ((pool.mint_a, pool.mint_a), (pool.address, pool.address)):
        with pytest.raises(InvalidField):
            market.requested.ask(RequestedSwap(name="x", pool_id=pool_id, input_mint=mint, amount_in=1))
    monkeypatch.setattr(requested_swaps, "QUEUE_COUNT_MAX", 1)
    assert [market.requested.ask(swap_of(pool, str(number))) for number in range(2)] == [Asking.NEXT, Asking.FULL]
    market.advance()
    assert market.requested.ask(swap_of(pool, "1")) is Asking.NEXT
