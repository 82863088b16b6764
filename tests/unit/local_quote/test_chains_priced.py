"""Which pricing of a chain a quote may rest on."""

from local_quote.chains_priced import ChainsPriced, PricedChain
from quote_core.units import Pubkey

ONE, OTHER = Pubkey("one"), Pubkey("other")
CHAIN = (Pubkey("p"), Pubkey("q"))


def test_pricings_of_later_slots_are_left_out_and_the_newest_comes_first() -> None:
    priced = ChainsPriced(count_max=10)
    for moment, slot in ((1, 100), (2, 100), (3, 104), (4, 107)):
        priced.note(5, CHAIN, ONE, moment=moment, slot=slot)
    assert [found.moment for found in priced.find(5, 106)] == [3, 2, 1]
    assert list(priced.find(5, 99)) == []
    assert list(priced.find(6, 200)) == []


def test_both_directions_of_one_route_are_told_with_their_own_input() -> None:
    priced = ChainsPriced(count_max=10)
    priced.note(5, CHAIN, ONE, moment=1, slot=1)
    priced.note(5, CHAIN, OTHER, moment=2, slot=1)
    assert set(priced.find(5, 1)) == {PricedChain(CHAIN, ONE, 1), PricedChain(CHAIN, OTHER, 2)}


def test_of_all_chains_together_the_oldest_pricings_go_first() -> None:
    priced = ChainsPriced(count_max=3)
    priced.note(5, CHAIN, ONE, moment=1, slot=1)
    for moment in (2, 3, 4):
        priced.note(6, CHAIN, ONE, moment=moment, slot=1)
    assert len(priced) == 3
    assert list(priced.find(5, 9)) == []
    assert [found.moment for found in priced.find(6, 9)] == [4, 3, 2]


def test_none_are_kept_where_none_may_be() -> None:
    priced = ChainsPriced(count_max=0)
    priced.note(5, CHAIN, ONE, moment=1, slot=1)
    assert (len(priced), list(priced.find(5, 9))) == (0, [])
