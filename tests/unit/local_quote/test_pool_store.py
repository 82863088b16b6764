"""Newest slot wins, and a pool knows when it was last known true."""

import itertools
from dataclasses import replace

import pytest
from fakes.fake_clock import FakeClock
from fakes.plain_pool import OWNER, PlainPool, vault_account

from local_quote.chain_progress import ChainProgress
from local_quote.pool_store import AppliedUpdates, Doubt, PoolEntry, PoolStore
from quote_core.clock import moment
from quote_core.dex.pool import Account
from quote_core.dex.spl_token import token_amount
from quote_core.freshness import Freshness
from quote_core.quotes import Provenance
from quote_core.solana import AccountUpdate, UpdateSource

ANSWER, NOTIFICATION = UpdateSource.ANSWER, UpdateSource.NOTIFICATION
S = 1_000_000_000


class Held:
    """A store, the chain it is told of, and a clock that both live by; every read is of a new slot."""

    def __init__(self, *pools: PlainPool) -> None:
        self.clock = FakeClock()
        self.progress = ChainProgress()
        self.store = PoolStore(progress=self.progress, clock=self.clock)
        self.slot = 3
        for pool in pools:
            own = AccountUpdate(pool.address, 1, Account(OWNER, b"pool"), 1, ANSWER)
            self.store.add(pool, own, Provenance.RECORDED)
        for slot in (2, 3):
            self.progress.see(slot, self.clock.mono_ns(), is_answer=False)

    def entry(self, name: str = "p") -> PoolEntry:
        entry = self.store.entry(name)
        assert entry is not None
        return entry

    def answer(self, *updates: AccountUpdate) -> AppliedUpdates:
        for slot in dict.fromkeys(update.slot for update in updates):
            self.progress.see(slot, self.clock.mono_ns(), is_answer=True)
        return self.store.apply(updates)

    def read(self, pool: PlainPool, amount_a: int, amount_b: int) -> AppliedUpdates:
        """The whole pool, asked for and answered now, at the next slot."""
        self.slot += 1
        return self.answer(*pool.updates(amount_a, amount_b, slot=self.slot, mono_ns=self.clock.mono_ns()))

    def age_ms(self, name: str = "p") -> int:
        return self.entry(name).age_ns(self.clock.mono_ns()) // 1_000_000


def notified(pubkey: str, amount: int, *, slot: int) -> AccountUpdate:
    return AccountUpdate(pubkey, slot, vault_account(amount), 50, NOTIFICATION)


@pytest.fixture
def pool() -> PlainPool:
    return PlainPool("p", "A", "B")


@pytest.fixture
def held(pool: PlainPool) -> Held:
    return Held(pool)


def amount_of(held: Held, pubkey: str) -> int:
    account = held.store.account(pubkey)
    assert account is not None
    assert account.account is not None
    return token_amount(account.account.data)


def restored(held: Held, pool: PlainPool, amount_a: int, amount_b: int, *, slot: int, told_slot: int) -> AppliedUpdates:
    """As it was kept a minute ago, told of `told_slot`."""
    kept = pool.updates(amount_a, amount_b, slot=slot, mono_ns=0)
    now = moment(held.clock)
    freshness = Freshness(now.earlier_by(60 * S), told_slot, 7, told_slot)
    return held.store.restore(pool, kept, Provenance.CHAIN, freshness, until=now.mono_ns + S)


def test_a_pool_that_was_kept_is_in_doubt_until_it_is_read(held: Held) -> None:
    kept = PlainPool("k", "A", "B", extra=["absent"])
    done = restored(held, kept, 5, 7, slot=3, told_slot=900)
    assert done.changed_pools == {"k"}
    assert done.gained_accounts == {"k", "k-vault-a", "k-vault-b", "absent"}
    entry = held.entry("k")
    assert (entry.doubt, held.age_ms("k"), entry.is_loaded) == (Doubt.UNCONFIRMED, 60_000, True)
    assert (entry.slot, entry.changed_slot) == (3, 3), "no later than what it rests on"
    assert amount_of(held, "k-vault-a") == 5
    held.store.apply([notified("k-vault-a", 6, slot=4)])
    assert (entry.doubt, amount_of(held, "k-vault-a")) == (Doubt.UNCONFIRMED, 6)
    held.clock.advance_ms(400)
    held.read(kept, 6, 8)
    assert (entry.doubt, held.age_ms("k")) == (None, 0)


def test_nothing_that_was_kept_replaces_what_is_held_or_reaches_a_pool_that_was_read(held: Held) -> None:
    reader = PlainPool("r", "A", "B", extra=["shared", "read"])
    held.store.add(reader, AccountUpdate(reader.address, 4, Account(OWNER, b"pool"), 1, ANSWER), Provenance.CHAIN)
    held.store.apply([AccountUpdate("read", 5, vault_account(9), 1, ANSWER)])
    kept = PlainPool("k", "A", "B", extra=["shared", "read"])
    updates = kept.updates(5, 7, slot=9, mono_ns=0)
    shared = [AccountUpdate(name, 9, vault_account(1), 0, ANSWER) for name in ("shared", "read")]
    freshness = Freshness(moment(held.clock), 9)
    held.store.restore(kept, [*updates[:3], *shared], Provenance.CHAIN, freshness, until=1)
    assert held.store.account("shared") is None
    assert amount_of(held, "read") == 9


def test_a_new_pool_names_the_accounts_it_wants(pool: PlainPool) -> None:
    done = Held().store.add(pool, AccountUpdate("p", 1, Account(OWNER, b""), 1, ANSWER), Provenance.CHAIN)
    assert done.gained_accounts == {"p", "p-vault-a", "p-vault-b"}


def test_a_pool_is_loaded_once_all_it_needs_was_read(held: Held, pool: PlainPool) -> None:
    entry = held.entry()
    assert not entry.is_loaded
    assert held.read(pool, 10, 20).changed_pools == {"p"}
    assert (entry.is_loaded, entry.doubt, entry.slot, held.age_ms()) == (True, None, 4, 0)


def test_before_a_chain_was_seen_to_advance_nothing_vouches(pool: PlainPool) -> None:
    held = Held()
    held.progress.begin_anew()
    held.store.add(pool, AccountUpdate("p", 1, Account(OWNER, b"pool"), 1, ANSWER), Provenance.CHAIN)
    for _ in range(5):
        held.answer(*pool.updates(10, 20, slot=9, mono_ns=held.clock.mono_ns()))
        held.clock.advance_ms(400)
    assert not held.entry().is_loaded
    held.answer(*pool.updates(10, 20, slot=10, mono_ns=held.clock.mono_ns()))
    assert held.entry().is_loaded


def test_an_update_older_than_the_held_slot_is_dropped_and_counted(held: Held, pool: PlainPool) -> None:
    held.read(pool, 10, 20)
    assert held.store.apply([notified("p-vault-a", 99, slot=3)]).changed_pools == set()
    assert held.store.counts.older_dropped_count == 1
    assert amount_of(held, "p-vault-a") == 10


def test_at_the_same_slot_a_notification_beats_an_answer_and_the_pool_is_in_doubt(held: Held, pool: PlainPool) -> None:
    held.read(pool, 10, 20)
    held.store.apply([notified("p-vault-a", 11, slot=5)])
    assert held.entry().doubt is None
    held.read(pool, 10, 20)
    assert (amount_of(held, "p-vault-a"), held.entry().doubt) == (11, Doubt.CONTRADICTED)
    held.clock.advance_ms(1)
    held.read(pool, 10, 20)
    assert (amount_of(held, "p-vault-a"), held.entry().doubt) == (10, None)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_whatever_the_order_of_arrival_the_newest_slot_is_held(order: tuple[int, ...], held: Held) -> None:
    for position in order:
        held.store.apply([notified("p-vault-a", 100 + position, slot=10 + position)])
    assert amount_of(held, "p-vault-a") == 102


def test_a_read_that_finds_nothing_changed_vouches_and_changes_nothing(held: Held, pool: PlainPool) -> None:
    held.read(pool, 10, 20)
    held.clock.advance_ms(400)
    assert held.read(pool, 10, 20).changed_pools == set()
    held.clock.advance_ms(10)
    freshness = held.entry().freshness
    assert (held.entry().slot, held.age_ms(), freshness.changed_slot) == (5, 10, 4)
    assert freshness.age_ns(moment(held.clock)) == 10_000_000


def test_the_age_counts_from_the_sending_of_the_request(held: Held, pool: PlainPool) -> None:
    updates = pool.updates(10, 20, slot=4, mono_ns=held.clock.mono_ns())
    held.clock.advance_ms(700)
    held.answer(*updates)
    assert held.age_ms() == 700


def test_a_read_of_some_accounts_vouches_for_nothing(held: Held, pool: PlainPool) -> None:
    held.read(pool, 10, 20)
    held.clock.advance_ms(500)
    held.answer(*pool.updates(10, 20, slot=5, mono_ns=held.clock.mono_ns())[:2])
    assert held.age_ms() == 500


@pytest.mark.parametrize("slots_back", [0, 1, 3, 100])
def test_an_answer_of_the_slot_held_or_an_older_one_makes_nothing_younger(
    held: Held, pool: PlainPool, slots_back: int
) -> None:
    held.slot = 200
    for _ in range(40):
        held.read(pool, 10, 20)
        held.clock.advance_ms(400)
    age_ms = held.age_ms()
    for _ in range(50):
        now_mono_ns = held.clock.mono_ns()
        held.answer(*pool.updates(999, 1, slot=held.slot - slots_back, mono_ns=now_mono_ns))
        assert held.age_ms() == age_ms
        held.clock.advance_ms(400)
        age_ms += 400


def test_a_notification_changes_a_pool_at_once_and_makes_it_no_younger(held: Held, pool: PlainPool) -> None:
    held.read(pool, 10, 20)
    held.clock.advance_ms(500)
    done = held.store.apply([notified("p-vault-a", 11, slot=5), notified("p-vault-b", 19, slot=5)])
    assert done.changed_pools == {"p"}
    freshness = held.entry().freshness
    assert (freshness.vouched_slot, freshness.changed_slot, held.age_ms()) == (5, 5, 500)


@pytest.mark.parametrize("source", list(UpdateSource))
def test_refused_bytes_put_a_pool_in_doubt_until_a_later_read_brings_good_ones(
    held: Held, pool: PlainPool, source: UpdateSource
) -> None:
    held.read(pool, 10, 20)
    held.slot += 1
    own, vault, other = pool.updates(11, 20, slot=held.slot, mono_ns=held.clock.mono_ns(), source=source)
    done = held.answer(own, replace(vault, account=Account(OWNER, b"short")), other)
    assert (done.judged_pools, held.entry().doubt) == ({"p"}, Doubt.REFUSED)
    assert held.entry().is_stale(held.clock.mono_ns(), 5 * S)
    assert (held.store.counts.corrupt_count, amount_of(held, "p-vault-a")) == (1, 10)
    asked_before = pool.updates(12, 20, slot=held.slot + 1, mono_ns=held.clock.mono_ns() - 1)
    held.answer(*asked_before)
    assert held.entry().doubt is Doubt.REFUSED
    held.slot += 1
    held.clock.advance_ms(1)
    held.read(pool, 12, 20)
    assert (held.entry().doubt, held.age_ms()) == (None, 0)


def test_an_account_that_is_gone_puts_the_pool_in_doubt_however_often_that_is_said(held: Held) -> None:
    pool = PlainPool("q", "A", "B", extra=["array"])
    held = Held(pool)
    array = Account(OWNER, b"ticks")

    def read(account: Account | None) -> None:
        held.slot += 1
        *updates, extra = pool.updates(10, 20, slot=held.slot, mono_ns=held.clock.mono_ns())
        held.answer(*updates, replace(extra, account=account))
        held.clock.advance_ms(400)

    read(array)
    assert held.entry("q").doubt is None
    for _ in range(20):
        read(None)
        assert held.entry("q").doubt is Doubt.GONE
    read(array)
    assert held.entry("q").doubt is None
    read(None)
    held.clock.advance_ms(600_000)
    for _ in range(60):
        read(None)
    assert held.entry("q").doubt is None  # so it is


def test_a_read_that_does_not_reach_the_doubted_slot_ends_no_doubt(held: Held, pool: PlainPool) -> None:
    held.read(pool, 10, 20)
    held.store.apply([notified("p-vault-a", 11, slot=7)])
    held.store.doubt(["p"], Doubt.LOSSY_FEED)
    held.clock.advance_ms(1)
    held.read(pool, 10, 20)
    assert held.entry().doubt is Doubt.LOSSY_FEED
    held.slot = 6
    held.read(pool, 11, 19)
    assert held.entry().doubt is None


def test_a_notification_of_an_account_that_pools_share_changes_and_dates_all_of_them() -> None:
    pools = [PlainPool(name, "A", "B", extra=["config"]) for name in ("p", "q")]
    held = Held(*pools)
    for pool in pools:
        held.read(pool, 10, 20)
    held.store.apply([AccountUpdate("config", 6, Account(OWNER, b"new"), 9, NOTIFICATION)])
    assert [entry.update_count for entry in held.store] == [3 + 1, 3 + 1]
    assert [entry.slot for entry in held.store] == [6, 6]


def test_accounts_that_come_to_be_wanted_and_those_that_no_longer_are_are_named(held: Held, pool: PlainPool) -> None:
    pool.extra = ["array-1"]
    assert held.store.apply([notified("p-vault-a", 1, slot=5)]).gained_accounts == {"array-1"}
    pool.extra = ["array-2"]
    done = held.store.apply([notified("p-vault-a", 2, slot=6)])
    assert (done.gained_accounts, done.lost_accounts) == ({"array-2"}, {"array-1"})


def test_a_new_pool_gets_what_is_already_held_for_others() -> None:
    first = PlainPool("p", "A", "B", extra=["q-vault-a"])
    held = Held(first)
    held.store.apply([*first.updates(1, 2, slot=5, mono_ns=7), notified("q-vault-a", 33, slot=6)])
    second = PlainPool("q", "A", "B")
    held.store.add(second, AccountUpdate("q", 6, Account(OWNER, b""), 7, ANSWER), Provenance.CHAIN)
    assert second.missing() == ["q-vault-b"]
