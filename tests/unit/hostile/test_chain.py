"""What the hostile node shows of the past is what was there: each slot kept is shown as the market had it."""

from hostile.chain import History, ShownChain
from hostile.faults import FROZEN, LIVE, Position

from quote_core.tokens import load_tokens
from recorded_market.genesis import make_genesis
from recorded_market.ledger import Commitment
from recorded_market.market import Market
from recorded_market.recording import load_recording

SLOT_COUNT = 30
PROCESSED, CONFIRMED = Commitment.PROCESSED, Commitment.CONFIRMED
FORK_AFTER, FORK_SLOTS = 10, 4


def market() -> Market:
    return Market(make_genesis(load_recording(), load_tokens(), seed=5))


def played() -> tuple[History, int]:
    """The history of a market's first slots, and the slot before them."""
    moving = market()
    first_slot = moving.clock.slot
    history = History(first_slot, moving.ledger.view(PROCESSED).accounts)
    for _ in range(SLOT_COUNT):
        history.add(moving.advance()[PROCESSED])
    return history, first_slot


def test_any_slot_kept_is_shown_as_it_was():
    history, first_slot = played()
    judge = market()
    for slot in range(first_slot, first_slot + SLOT_COUNT + 1):
        view = history.ledger_at(slot).view(PROCESSED)
        assert (view.slot, view.accounts) == (slot, judge.ledger.view(PROCESSED).accounts)
        judge.advance()


def test_a_lagging_chain_stands_still_and_then_follows_and_catches_up_slot_by_slot():
    history, _ = played()
    moving = market()
    while moving.clock.slot < history.newest_slot:
        moving.advance()
    shown, lagging = ShownChain(history), Position(lag_slots=3)
    shown.begin(lagging)
    told = []
    for _ in range(5):
        history.add(moving.advance()[PROCESSED])
        told.append([reached[PROCESSED].slot for reached in shown.follow(lagging)])
    newest = history.newest_slot
    assert told == [[], [], [], [newest - 4], [newest - 3]]
    shown.begin(LIVE)
    assert [reached[PROCESSED].slot for reached in shown.follow(LIVE)] == [newest - 2, newest - 1, newest]
    assert shown.ledger.view(PROCESSED).accounts == moving.ledger.view(PROCESSED).accounts


def test_a_frozen_chain_shows_nothing_new():
    history, first_slot = played()
    shown = ShownChain(history)
    shown.begin(FROZEN)
    before = dict(shown.ledger.view(PROCESSED).accounts)
    assert list(shown.follow(FROZEN)) == []
    assert shown.ledger.view(PROCESSED).accounts == before
    assert shown.slot == first_slot + SLOT_COUNT


def test_a_chain_that_jumps_is_there_at_once_and_back_at_once():
    history, first_slot = played()
    shown, back = ShownChain(history), Position(lag_slots=20, jumps=True)
    shown.begin(back)
    assert shown.slot == history.newest_slot - 20
    assert shown.ledger.view(PROCESSED).accounts == history.ledger_at(shown.slot).view(PROCESSED).accounts
    shown.begin(LIVE)
    assert shown.slot == history.newest_slot
    shown.begin(Position(lag_slots=10_000, jumps=True))
    assert shown.slot == first_slot


def played_with_a_fork() -> tuple[History, Market, int]:
    """The history of a market that forked, the market, and the fork's first slot."""
    moving = market()
    history = History(moving.clock.slot, moving.ledger.view(PROCESSED).accounts)
    for number in range(SLOT_COUNT):
        if number == FORK_AFTER:
            history.fork_begins(moving.begin_fork(FORK_SLOTS), FORK_SLOTS)
        history.add(moving.advance()[PROCESSED])
    return history, moving, history.oldest_slot + FORK_AFTER + 1


def test_a_fork_is_shown_as_it_was_and_taken_back_by_a_slot_built_before_it():
    history, moving, fork_slot = played_with_a_fork()
    judge = market()
    for slot in range(history.oldest_slot, history.newest_slot + 1):
        assert history.ledger_at(slot).view(PROCESSED).accounts == judge.ledger.view(PROCESSED).accounts
        assert history.is_forked(slot) is (fork_slot <= slot < fork_slot + FORK_SLOTS)
        if slot == fork_slot - 1:
            judge.begin_fork(FORK_SLOTS)
        judge.advance()
    shown = ShownChain(history)
    shown.begin(Position(lag_slots=history.newest_slot - fork_slot + 1, jumps=True))
    reached = {one[PROCESSED].slot: one for one in shown.follow(LIVE)}
    assert list(reached) == list(range(fork_slot, history.newest_slot + 1))
    assert reached[fork_slot + FORK_SLOTS][PROCESSED].parent == fork_slot - 1
    confirmed = {one[CONFIRMED].slot for one in reached.values() if CONFIRMED in one}
    assert not any(history.is_forked(slot) for slot in confirmed)
    assert confirmed
    assert shown.ledger.view(PROCESSED).accounts == moving.ledger.view(PROCESSED).accounts


def test_nobody_is_switched_into_a_fork():
    history, _, fork_slot = played_with_a_fork()
    shown = ShownChain(history)
    shown.begin(Position(lag_slots=history.newest_slot - fork_slot - 1, jumps=True))
    assert shown.slot == fork_slot - 1


def test_what_is_again_as_it_was_may_be_left_untold_and_is_shown_all_the_same():
    history, moving, fork_slot = played_with_a_fork()
    told = {}
    for tells_reverts in (True, False):
        shown = ShownChain(history)
        shown.begin(Position(lag_slots=history.newest_slot - fork_slot + 1, jumps=True))
        reached = list(shown.follow(LIVE, tells_reverts=tells_reverts))
        told[tells_reverts] = {one[PROCESSED].slot: set(one[PROCESSED].changes) for one in reached}
        assert shown.ledger.view(PROCESSED).accounts == moving.ledger.view(PROCESSED).accounts
    taken_back_by = fork_slot + FORK_SLOTS
    before = history.ledger_at(fork_slot - 1).view(PROCESSED).accounts
    after = history.block(taken_back_by).changes
    untold = told[True].pop(taken_back_by) - told[False].pop(taken_back_by)
    assert untold
    assert all(after[pubkey] == before[pubkey] for pubkey in untold)
    assert told[True] == told[False]
