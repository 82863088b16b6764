"""What may be a part of a transaction is held until the rest has come or the pool has been read."""

import pytest
from fakes.held_market import HeldMarket, clock_update
from fakes.plain_pool import PlainPool, vault_account

from local_quote.companions import Companions
from quote_core.dex.pool import Account
from quote_core.dex.spl_token import token_amount
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.units import NS_PER_MS, Pubkey

SETTLE_NS, WAIT_NS = 10, 100
READ_PAUSE_NS = 20 * NS_PER_MS


class Feed:
    """A pool that was read at `slot`, and what is notified of it."""

    def __init__(self, held: HeldMarket) -> None:
        self.held = held
        self.pool = held.add("p", 10**12, 80 * 10**9)
        self.slot = held.slot
        self.companions = Companions(store=held.market.store, settle_ns=SETTLE_NS, wait_ns_max=WAIT_NS)

    def told(self, vault: str, amount: int, *, slots_on: int = 1) -> AccountUpdate:
        account = None if amount < 0 else vault_account(amount)
        return AccountUpdate(Pubkey(f"p-vault-{vault}"), self.slot + slots_on, account, 0, UpdateSource.NOTIFICATION)

    def take(self, *updates: AccountUpdate, at: int = 0) -> list[AccountUpdate]:
        """What is applied of them, as the service would."""
        ready = self.companions.take(updates, at)
        self.held.market.apply(ready)
        return ready

    def read(self, amount_a: int, amount_b: int, *, slots_on: int) -> list[AccountUpdate]:
        """The pool is read at a slot; what was held and is applied because of it."""
        self.held.slot = self.slot + slots_on
        self.held.market.apply(self.held.updates(self.pool, amount_a, amount_b))
        ready = self.companions.take_again(0)
        self.held.market.apply(ready)
        return ready

    def reserves(self) -> tuple[int, int]:
        return tuple(
            token_amount(self.held.market.store.account(vault).account.data)  # type: ignore[union-attr]
            for vault in (self.pool.vault_a, self.pool.vault_b)
        )  # type: ignore[return-value]


@pytest.fixture
def feed(held: HeldMarket) -> Feed:
    return Feed(held)


def test_both_halves_of_a_slot_are_handed_on_at_once_and_together(feed: Feed) -> None:
    whole = [feed.told("a", 11), feed.told("b", 9)]
    assert feed.take(*whole) == whole
    assert not feed.companions
    assert feed.companions.due(10**18) == []


def test_half_is_held_and_the_other_half_frees_it(feed: Feed) -> None:
    before = feed.reserves()
    first, second = feed.told("a", 11), feed.told("b", 9)
    assert feed.take(first) == []
    assert len(feed.companions) == 1
    assert feed.reserves() == before
    assert feed.take(second) == [first, second]
    assert feed.companions.counts.waited_count == 1
    assert feed.companions.counts.read_count == 0


def test_halves_of_different_slots_are_no_whole(feed: Feed) -> None:
    assert feed.take(feed.told("a", 12, slots_on=2), feed.told("b", 9)) == []
    whole = feed.take(feed.told("b", 8, slots_on=2))
    assert {(one.pubkey, one.slot) for one in whole} == {("p-vault-a", feed.slot + 2), ("p-vault-b", feed.slot + 2)}


def test_half_that_stays_alone_has_its_pool_read_after_the_wait(feed: Feed) -> None:
    feed.take(feed.told("a", 11))
    assert feed.companions.next_due_mono_ns() == WAIT_NS
    assert feed.companions.due(WAIT_NS - 1) == []
    assert feed.companions.due(WAIT_NS) == ["p"]
    assert feed.companions.due(WAIT_NS) == []  # it is being read
    assert feed.read(11, 9, slots_on=1) != []  # the same again, which changes nothing
    assert feed.reserves() == (11, 9)
    assert not feed.companions
    feed.companions.was_read([feed.pool.address], WAIT_NS)
    assert feed.companions.next_due_mono_ns() is None


def test_the_second_half_of_what_was_read_meanwhile_changes_nothing(feed: Feed) -> None:
    feed.take(feed.told("a", 11))
    feed.read(12, 8, slots_on=2)
    assert feed.take(feed.told("b", 9)) == [feed.told("b", 9)]  # older than what is held: dropped there, and counted
    assert feed.reserves() == (12, 8)


def test_a_read_that_does_not_show_it_yet_is_repeated_ever_later(feed: Feed) -> None:
    late = feed.told("a", 13, slots_on=3)
    feed.take(late)
    now = WAIT_NS
    for pause_ns in (READ_PAUSE_NS, 2 * READ_PAUSE_NS, 4 * READ_PAUSE_NS):
        assert feed.companions.due(now) == ["p"]
        assert feed.read(11, 9, slots_on=1) == []
        feed.companions.was_read([feed.pool.address], now)
        assert feed.companions.next_due_mono_ns() == now + pause_ns
        now += pause_ns
    assert feed.reserves() == (11, 9)
    assert feed.companions.due(now) == ["p"]
    feed.read(13, 7, slots_on=3)
    assert feed.reserves() == (13, 7)
    assert not feed.companions


def test_what_came_while_its_pool_was_read_is_read_in_turn(feed: Feed) -> None:
    feed.take(feed.told("a", 11))
    assert feed.companions.due(WAIT_NS) == ["p"]
    feed.take(feed.told("a", 13, slots_on=3), at=WAIT_NS)
    assert feed.companions.due(10**18) == []
    assert feed.read(11, 9, slots_on=1) == []
    feed.companions.was_read([feed.pool.address], WAIT_NS)  # which says nothing of how far behind the node is
    assert feed.companions.next_due_mono_ns() == 2 * WAIT_NS
    assert feed.companions.due(2 * WAIT_NS) == ["p"]
    feed.companions.was_read([feed.pool.address], 2 * WAIT_NS)  # it did not answer
    assert feed.companions.next_due_mono_ns() == 2 * WAIT_NS + READ_PAUSE_NS


@pytest.mark.parametrize("lets_go", [False, True])
def test_what_came_anew_while_its_pool_was_read_does_not_make_a_second_read_of_it(feed: Feed, *, lets_go: bool) -> None:
    feed.take(feed.told("a", 11))
    assert feed.companions.due(WAIT_NS) == ["p"]
    if lets_go:
        feed.companions.begin_anew()
    else:
        assert feed.take(feed.told("b", 9)) != []
    assert not feed.companions
    feed.take(feed.told("a", 12, slots_on=2), at=WAIT_NS)
    assert feed.companions.due(10**18) == []
    assert feed.companions.next_due_mono_ns() is None
    feed.companions.was_read([feed.pool.address], WAIT_NS)
    assert feed.companions.due(2 * WAIT_NS) == ["p"]


def test_two_swaps_of_a_slot_told_one_by_one_are_priced_after_a_read_alone(feed: Feed) -> None:
    feed.take(feed.told("a", 11), feed.told("b", 9))
    assert feed.take(feed.told("a", 12)) == []  # of a slot that is held already: the node tells within slots
    assert feed.take(feed.told("b", 8)) == []
    assert feed.reserves() == (11, 9)
    assert feed.companions.due(WAIT_NS) == ["p"]
    feed.read(12, 8, slots_on=2)
    assert feed.reserves() == (12, 8)


def test_a_feed_that_told_an_account_twice_in_a_slot_is_not_believed_to_tell_its_end(feed: Feed) -> None:
    feed.companions.told_within_slot(0)
    whole = [feed.told("a", 11), feed.told("b", 9)]
    assert feed.take(*whole) == []
    assert feed.companions.due(SETTLE_NS) == ["p"]
    feed.read(11, 9, slots_on=2)
    later = [feed.told("a", 12, slots_on=3), feed.told("b", 8, slots_on=3)]
    assert feed.take(*later, at=10**12) == later


def test_an_answer_that_contradicts_what_is_held_of_its_slot_frees_nothing(feed: Feed) -> None:
    feed.take(feed.told("a", 11))
    feed.read(12, 8, slots_on=1)
    assert feed.reserves() == (12, 8)
    assert len(feed.companions) == 1  # read again, at a later slot
    feed.read(13, 7, slots_on=2)
    assert feed.reserves() == (13, 7)
    assert not feed.companions


def test_what_says_nothing_new_and_what_no_swap_changes_waits_for_nothing(feed: Feed) -> None:
    same = feed.told("a", 10**12)
    own = AccountUpdate(feed.pool.address, feed.slot + 1, Account(Pubkey("x"), b"pool"), 0, UpdateSource.NOTIFICATION)
    clock = clock_update(slot=feed.slot + 1, unix_timestamp=1_700_000_001)
    assert feed.take(same, own, clock) == [clock, same, own]
    assert not feed.companions


def test_an_account_told_again_without_news_counts_as_told(feed: Feed) -> None:
    whole = [feed.told("a", 10**12), feed.told("b", 9)]  # tokens came to one vault, and the other was written as it was
    assert feed.take(*whole) == whole


def test_an_account_that_swaps_do_not_always_change_makes_a_read_of_it(held: HeldMarket) -> None:
    feed = Feed(held)
    feed.pool.extra = [Pubkey("array")]
    for slots_on in (1, 2):  # the first read changes it, whereupon it says anew what it rests on
        feed.read(10**12 + 1, 80 * 10**9, slots_on=slots_on)
    array = AccountUpdate(Pubkey("array"), feed.slot + 3, Account(Pubkey("x"), b"1"), 0, UpdateSource.NOTIFICATION)
    swap = [feed.told("a", 11, slots_on=3), feed.told("b", 9, slots_on=3)]
    assert feed.take(array) == []
    assert feed.take(*swap) == []  # all is there that always is, and nothing proves that it is all
    assert feed.companions.due(SETTLE_NS) == ["p"]  # so nobody waits for the others any longer


def test_what_changes_while_it_is_waited_for_is_not_waited_for_without_end(feed: Feed) -> None:
    at = 0
    for slots_on in range(1, 20):
        feed.take(feed.told("a", 20 + slots_on, slots_on=slots_on), at=at)
        at += WAIT_NS - 1
    due = feed.companions.next_due_mono_ns()
    assert due == 5 * WAIT_NS


def test_a_pool_let_go_and_another_chain_leave_nothing_behind(feed: Feed) -> None:
    feed.take(feed.told("a", 11))
    feed.companions.forget([feed.pool.address])
    assert not feed.companions
    feed.take(feed.told("a", 11))
    feed.companions.begin_anew()
    assert not feed.companions


@pytest.mark.parametrize("is_pool", [True, False], ids=["pool let go", "another chain"])
def test_nobody_is_told_of_a_torn_pool_that_is_not_held_any_more(feed: Feed, *, is_pool: bool) -> None:
    feed.take(feed.told("a", 11), feed.told("b", 9))
    feed.take(feed.told("a", 12))
    if is_pool:
        feed.companions.forget([feed.pool.address])
    else:
        feed.companions.begin_anew()
    assert feed.companions.take_torn() == set()


def test_pools_are_held_apart(held: HeldMarket) -> None:
    feed = Feed(held)
    other = held.add("q", 10**12, 80 * 10**9)
    whole = [
        AccountUpdate(vault, held.slot + 1, vault_account(5), 0, UpdateSource.NOTIFICATION)
        for vault in (other.vault_a, other.vault_b)
    ]
    half = AccountUpdate(feed.pool.vault_a, held.slot + 1, vault_account(5), 0, UpdateSource.NOTIFICATION)
    assert feed.take(half, *whole) == whole
    assert isinstance(feed.pool, PlainPool)


def test_a_part_of_a_slot_that_was_taken_for_whole_says_that_the_pool_is_torn(held: HeldMarket) -> None:
    feed = Feed(held)
    feed.pool.extra = [Pubkey("array")]
    for slots_on in (1, 2):
        feed.read(10**12 + 1, 80 * 10**9, slots_on=slots_on)
    feed.take(feed.told("a", 11, slots_on=3), feed.told("b", 9, slots_on=3))
    assert feed.companions.take_torn() == set()
    late = AccountUpdate(Pubkey("array"), feed.slot + 3, Account(Pubkey("x"), b"1"), 0, UpdateSource.NOTIFICATION)
    assert feed.take(late) == []
    assert feed.companions.take_torn() == {"p"}
    assert feed.companions.take_torn() == set()
    assert feed.companions.due(WAIT_NS) == ["p"]
