"""Half a swap waits for its other half."""

import pytest

from local_quote.companions import Companions, Split
from quote_core.solana import AccountUpdate, UpdateSource

POOLS = {"a": ["p"], "b": ["p"], "pool": ["p"], "x": ["q"], "config": ["p", "q"]}


def update(pubkey: str, slot: int, *, mono_ns: int = 0) -> AccountUpdate:
    return AccountUpdate(pubkey, slot, None, mono_ns, UpdateSource.NOTIFICATION)


@pytest.fixture
def companions() -> Companions:
    return Companions(pools_of=lambda pubkey: POOLS.get(pubkey, []), settle_ns=0, wait_ns_max=100)


@pytest.fixture
def settling() -> Companions:
    return Companions(pools_of=lambda pubkey: POOLS.get(pubkey, []), settle_ns=10, wait_ns_max=100)


def learn(companions: Companions, *swaps: set[str]) -> None:
    for slot, pubkeys in enumerate(swaps):
        updates = [update(pubkey, slot) for pubkey in sorted(pubkeys)]
        assert companions.split(updates, 1_000).ready == updates


def test_before_anything_is_learned_nothing_waits_and_all_may_be_a_part(companions: Companions) -> None:
    for slot in (5, 6):
        assert companions.split([update("a", slot)], 0) == Split([update("a", slot)], halved={"p"})
    assert companions.split([update("a", 7)], 0) == Split([update("a", 7)])


def test_halves_that_come_apart_while_learning_are_learned_as_one(companions: Companions) -> None:
    for slot in (5, 6):
        for pubkey in ("a", "b"):
            assert companions.split([update(pubkey, slot)], 0).halved == (
                {"p"} if (slot, pubkey) != (6, "b") else set()
            )
    assert companions.split([update("a", 7)], 0) == Split([], [update("a", 7)])


def test_what_always_changed_together_is_waited_for(companions: Companions) -> None:
    learn(companions, {"a", "b"}, {"a", "b"})
    half, whole = [update("a", 5)], [update("a", 5), update("b", 5)]
    assert companions.split(half, 50) == Split([], half)
    assert companions.split(whole, 60) == Split(whole)
    assert companions.counts.waited_count == 1


def test_a_half_of_an_older_slot_is_no_companion(companions: Companions) -> None:
    learn(companions, {"a", "b"}, {"a", "b"})
    mixed = [update("a", 6), update("b", 5)]
    assert companions.split(mixed, 50) == Split([], mixed)


def test_the_wait_has_an_end_and_says_of_which_pool_a_part_is_missing(companions: Companions) -> None:
    learn(companions, {"a", "b"}, {"a", "b"})
    alone = [update("a", 5, mono_ns=1_000)]
    assert companions.split(alone, 1_099) == Split([], alone)
    assert companions.split(alone, 1_100) == Split(alone, halved={"p"})
    assert companions.counts.expired_count == 1


def test_a_lossy_feed_does_not_teach_that_halves_are_whole(companions: Companions) -> None:
    learn(companions, {"a", "b"}, {"a", "b"})
    for slot in (5, 6):
        alone = [update("a", slot)]
        assert companions.split(alone, 1_000) == Split(alone, halved={"p"})
    for slot in (7, 8):
        companions.split([update("a", slot)], 1_000)
    assert companions.split([update("a", 9)], 1_000) == Split([update("a", 9)])  # but in the end habits do change


def test_what_changed_only_once_with_the_others_is_not_waited_for(companions: Companions) -> None:
    learn(companions, {"pool", "a"}, {"pool", "b"})
    assert companions.split([update("pool", 5)], 0) == Split([update("pool", 5)])


def test_where_nothing_always_changes_together_all_may_be_a_part(companions: Companions) -> None:
    learn(companions, {"a"}, {"b"}, {"a"})
    assert companions.split([update("b", 5)], 0) == Split([update("b", 5)], halved={"p"})


def test_a_straggler_of_a_slot_that_was_whole_is_not_alone(companions: Companions) -> None:
    learn(companions, {"a", "b"}, {"a", "b"})
    assert companions.split([update("pool", 1)], 0) == Split([update("pool", 1)])


def test_pools_wait_alone_and_what_is_of_no_pool_or_of_several_never_does(companions: Companions) -> None:
    learn(companions, {"a", "b"}, {"a", "b"})
    split = companions.split([update(key, 5) for key in ("clock", "a", "x", "config")], 50)
    assert {one.pubkey for one in split.ready} == {"clock", "x", "config"}
    assert split.held == [update("a", 5)]


def test_a_pool_of_which_all_is_there_waits_for_nothing(settling: Companions) -> None:
    learn(settling, {"a", "b"}, {"a", "b"})
    half, whole = [update("a", 5, mono_ns=50)], [update("a", 5, mono_ns=50), update("b", 5, mono_ns=50)]
    assert settling.split(half, 50) == Split([], half)
    assert settling.split(whole, 50) == Split(whole)


def test_a_pool_that_changes_now_these_accounts_and_now_those_must_be_quiet_first(settling: Companions) -> None:
    learn(settling, {"pool", "a"}, {"pool"})
    alone = [update("pool", 5, mono_ns=50)]
    assert settling.split(alone, 50) == settling.split(alone, 59) == Split([], alone)
    late = [*alone, update("a", 5, mono_ns=59)]
    assert settling.split(late, 60) == settling.split(late, 68) == Split([], late)
    assert settling.split(late, 69) == Split(late)
    assert settling.counts.waited_count == 0  # for nothing that was expected


def test_a_pool_that_is_never_quiet_is_priced_all_the_same(settling: Companions) -> None:
    learn(settling, {"pool", "a"}, {"pool"})
    busy = [update("pool", 5, mono_ns=50), update("a", 5, mono_ns=99)]
    assert settling.split(busy, 99) == Split([], busy)
    assert settling.split(busy, 100) == Split(busy)
