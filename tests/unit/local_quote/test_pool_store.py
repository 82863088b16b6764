"""Newest slot wins, and a pool knows when it was last known true."""

import itertools

import pytest
from fakes.plain_pool import OWNER, PlainPool, vault_account

from local_quote.pool_store import PoolStore, worst_provenance
from quote_core.dex.pool import Account
from quote_core.quotes import Provenance
from quote_core.solana import AccountUpdate, UpdateSource

ANSWER, NOTIFICATION = UpdateSource.ANSWER, UpdateSource.NOTIFICATION


def store_with(*pools: PlainPool) -> PoolStore:
    store = PoolStore()
    for pool in pools:
        store.add(pool, AccountUpdate(pool.address, 1, Account(OWNER, b"pool"), 1, ANSWER), Provenance.CHAIN)
    return store


def notified(pubkey: str, amount: int, *, slot: int, mono_ns: int = 50) -> AccountUpdate:
    return AccountUpdate(pubkey, slot, vault_account(amount), mono_ns, NOTIFICATION)


@pytest.fixture
def pool() -> PlainPool:
    return PlainPool("p", "A", "B")


@pytest.fixture
def store(pool: PlainPool) -> PoolStore:
    return store_with(pool)


def test_a_new_pool_names_the_accounts_it_wants(pool: PlainPool) -> None:
    done = PoolStore().add(pool, AccountUpdate("p", 1, Account(OWNER, b""), 1, ANSWER), Provenance.CHAIN)
    assert done.gained_accounts == {"p", "p-vault-a", "p-vault-b"}


def test_a_pool_is_loaded_once_all_it_needs_was_read(store: PoolStore, pool: PlainPool) -> None:
    entry = store.entry("p")
    assert entry is not None
    assert not entry.is_loaded
    done = store.apply(pool.updates(10, 20, slot=5, mono_ns=7))
    assert done.changed_pools == {"p"}
    assert (entry.is_loaded, entry.slot, entry.confirmed_mono_ns) == (True, 5, 7)


def test_an_update_older_than_the_held_slot_is_dropped_and_counted(store: PoolStore, pool: PlainPool) -> None:
    store.apply(pool.updates(10, 20, slot=5, mono_ns=7))
    assert store.apply([notified("p-vault-a", 99, slot=4)]).changed_pools == set()
    assert store.counts.older_dropped_count == 1
    assert store.account("p-vault-a").account == vault_account(10)  # type: ignore[union-attr]  # it is held


def test_at_the_same_slot_a_notification_beats_an_answer(store: PoolStore, pool: PlainPool) -> None:
    store.apply([notified("p-vault-a", 11, slot=5)])
    store.apply(pool.updates(10, 20, slot=5, mono_ns=7))
    assert store.account("p-vault-a").account == vault_account(11)  # type: ignore[union-attr]  # it is held


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_whatever_the_order_of_arrival_the_newest_slot_is_held(order: tuple[int, ...], pool: PlainPool) -> None:
    store = store_with(pool)
    for position in order:
        store.apply([notified("p-vault-a", 100 + position, slot=10 + position)])
    assert store.account("p-vault-a").account == vault_account(102)  # type: ignore[union-attr]  # it is held


def test_a_poll_that_finds_nothing_changed_confirms_and_changes_nothing(store: PoolStore, pool: PlainPool) -> None:
    store.apply(pool.updates(10, 20, slot=5, mono_ns=7))
    done = store.apply(pool.updates(10, 20, slot=6, mono_ns=9))
    entry = store.entry("p")
    assert entry is not None
    assert done.changed_pools == set()
    assert (entry.slot, entry.confirmed_mono_ns, entry.age_ns(19)) == (6, 9, 10)


def test_a_poll_of_some_accounts_confirms_nothing(store: PoolStore, pool: PlainPool) -> None:
    store.apply(pool.updates(10, 20, slot=5, mono_ns=7))
    store.apply(pool.updates(10, 20, slot=6, mono_ns=9)[:2])
    assert store.entry("p").confirmed_mono_ns == 7  # type: ignore[union-attr]  # it is held


def test_bytes_a_pool_refuses_are_not_held_counted_and_confirm_nothing(store: PoolStore, pool: PlainPool) -> None:
    store.apply(pool.updates(10, 20, slot=5, mono_ns=7))
    corrupt = AccountUpdate("p-vault-a", 6, Account(OWNER, b"short"), 9, NOTIFICATION)
    assert store.apply([corrupt]).changed_pools == set()
    assert store.counts.corrupt_count == 1
    assert store.account("p-vault-a").slot == 5  # type: ignore[union-attr]  # it is held
    assert store.entry("p").confirmed_mono_ns == 7  # type: ignore[union-attr]  # it is held


def test_a_notification_of_an_account_that_pools_share_confirms_none_of_them() -> None:
    pools = [PlainPool(name, "A", "B", extra=["config"]) for name in ("p", "q")]
    store = store_with(*pools)
    for pool in pools:
        store.apply(pool.updates(10, 20, slot=5, mono_ns=7))
    store.apply([AccountUpdate("config", 6, Account(OWNER, b"new"), 9, NOTIFICATION)])
    assert [entry.confirmed_mono_ns for entry in store] == [7, 7]
    assert [entry.update_count for entry in store] == [3 + 1, 3 + 1]


def test_a_slot_confirms_pools_whose_accounts_are_all_followed(store: PoolStore, pool: PlainPool) -> None:
    store.apply(pool.updates(10, 20, slot=5, mono_ns=7))
    entry = store.entry("p")
    assert entry is not None
    store.confirm_followed({"p", "p-vault-a"}, 8, 80)
    assert entry.slot == 5
    store.confirm_followed({"p", "p-vault-a", "p-vault-b", "else"}, 8, 80)
    assert (entry.slot, entry.confirmed_mono_ns) == (8, 80)


def test_a_pool_never_read_is_not_confirmed_by_a_slot(store: PoolStore) -> None:
    store.confirm_followed({"p", "p-vault-a", "p-vault-b"}, 8, 80)
    assert not store.entry("p").is_loaded  # type: ignore[union-attr]  # it is held


def test_accounts_that_come_to_be_wanted_and_those_that_no_longer_are_are_named(
    store: PoolStore, pool: PlainPool
) -> None:
    pool.extra = ["array-1"]
    assert store.apply([notified("p-vault-a", 1, slot=5)]).gained_accounts == {"array-1"}
    pool.extra = ["array-2"]
    done = store.apply([notified("p-vault-a", 2, slot=6)])
    assert (done.gained_accounts, done.lost_accounts) == ({"array-2"}, {"array-1"})


def test_a_new_pool_gets_what_is_already_held_for_others() -> None:
    first = PlainPool("p", "A", "B", extra=["q-vault-a"])
    store = store_with(first)
    store.apply([*first.updates(1, 2, slot=5, mono_ns=7), notified("q-vault-a", 33, slot=6)])
    second = PlainPool("q", "A", "B")
    store.add(second, AccountUpdate("q", 6, Account(OWNER, b""), 7, ANSWER), Provenance.CHAIN)
    assert second.missing() == ["q-vault-b"]


def test_the_provenance_that_claims_least_stands_for_all() -> None:
    assert worst_provenance([Provenance.CHAIN, Provenance.RECORDED]) is Provenance.RECORDED
    assert worst_provenance([Provenance.PATCHED, Provenance.RECORDED]) is Provenance.PATCHED
    assert worst_provenance([Provenance.PATCHED, Provenance.SYNTHETIC]) is Provenance.SYNTHETIC
