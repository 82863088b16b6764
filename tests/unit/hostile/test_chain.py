"""What the hostile node shows of the past is what was there: each slot kept is shown as the market had it."""

from hostile.chain import History, ShownChain
from hostile.faults import FROZEN, LIVE, Position

from quote_core.tokens import load_tokens
from recorded_market.genesis import make_genesis
from recorded_market.ledger import Commitment
from recorded_market.market import Market
from recorded_market.recording import load_recording

SLOT_COUNT = 30
PROCESSED = Commitment.PROCESSED


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
