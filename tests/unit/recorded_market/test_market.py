"""A market that is told to fork."""

from recorded_market.genesis import Genesis
from recorded_market.ledger import Commitment
from recorded_market.market import Market


def test_what_a_fork_changed_is_as_it_was_once_it_is_taken_back_and_swaps_go_on_from_there(genesis: Genesis) -> None:
    market = Market(genesis)
    for _ in range(5):
        market.advance()
    before = dict(market.ledger.view(Commitment.PROCESSED).accounts)
    first_slot = market.begin_fork(3)
    on_fork = [market.advance()[Commitment.PROCESSED] for _ in range(3)]
    assert on_fork[0].slot == first_slot
    changed = {pubkey for block in on_fork for pubkey in block.changes}
    assert changed
    switched = market.advance()[Commitment.PROCESSED]
    assert switched.parent == on_fork[0].slot - 1
    after = market.ledger.view(Commitment.PROCESSED).accounts
    alike = {pubkey for pubkey in changed if after[pubkey] == before[pubkey]}
    assert alike  # no swap of the new slot touched it
    for _ in range(40):
        market.advance()
    levels = [market.ledger.view(level).accounts for level in (Commitment.CONFIRMED, Commitment.FINALIZED)]
    assert [set(level) for level in levels] == [set(before)] * 2


def test_nothing_of_a_fork_is_ever_confirmed(genesis: Genesis) -> None:
    market = Market(genesis)
    market.advance()
    market.begin_fork(2)
    forked = [market.advance() for _ in range(2)]
    assert all(reached.keys() == {Commitment.PROCESSED} for reached in forked)
    dead = {reached[Commitment.PROCESSED].slot for reached in forked}
    later = [market.advance() for _ in range(40)]
    confirmed = {
        block.slot for reached in later for level, block in reached.items() if level is not Commitment.PROCESSED
    }
    assert confirmed.isdisjoint(dead)
