"""A pool's place in time, kept as numbers."""

from fakes.plain_pool import PlainPool

from local_quote.dependencies import pair_key
from local_quote.doubt import Doubt
from local_quote.pool_entry import PoolEntry
from quote_core.clock import AGE_UNKNOWN_NS, Moment
from quote_core.freshness import NEVER_VOUCHED, Freshness
from quote_core.quotes import Provenance


def entry(*, doubt: Doubt | None = None) -> PoolEntry:
    pool = PlainPool("p", "A", "B")
    for update in pool.updates(1, 1, slot=1, mono_ns=1):
        pool.apply(update.pubkey, update.account)
    return PoolEntry(pool, pair_key("A", "B"), Provenance.CHAIN, doubt=doubt)  # type: ignore[arg-type]  # short names


def test_nothing_is_known_of_a_new_pool() -> None:
    pool = PlainPool("p", "A", "B")
    new = PoolEntry(pool, pair_key(pool.mint_a, pool.mint_b), Provenance.CHAIN)
    assert (new.freshness, new.doubt, new.slot, new.is_loaded) == (NEVER_VOUCHED, Doubt.UNREAD, 0, False)
    assert new.age_ns(5) == AGE_UNKNOWN_NS
    assert not new.is_usable(5, AGE_UNKNOWN_NS)


def test_freshness_is_given_back_as_it_was_told() -> None:
    held = entry()
    told = Freshness(Moment(2**64 - 1, 3, 4), 5, 6, 7, -8)
    held.freshness = told
    assert (held.freshness, held.vouched_mono_ns, held.slot, held.changed_slot) == (told, 3, 5, 7)


def test_a_change_makes_no_younger_and_goes_back_in_no_slot() -> None:
    held = entry()
    held.vouch(10, boot_id=1, mono_ns=100, wall_ahead_ns=1_000, chain_unix_s=7)
    held.change(12, 2_000, 8)
    held.change(11, 3_000, 9)
    assert held.freshness == Freshness(Moment(1, 100, 1_100), 12, 3_000, 12, 9)
    assert (held.update_count, held.read_slot) == (2, 10)


def test_an_answer_never_vouches_for_an_earlier_time_than_one_before() -> None:
    held = entry()
    held.vouch(10, boot_id=1, mono_ns=100, wall_ahead_ns=1_000, chain_unix_s=7)
    held.vouch(11, boot_id=1, mono_ns=50, wall_ahead_ns=1_001, chain_unix_s=7)
    assert held.freshness.vouched == Moment(1, 100, 1_101)


def test_it_ages_goes_stale_and_is_past_the_limit() -> None:
    held = entry()
    held.vouch(10, boot_id=1, mono_ns=100, wall_ahead_ns=0, chain_unix_s=0)
    looks = [(held.age_ns(now), held.is_stale(now, 20), held.is_usable(now, 30)) for now in (99, 120, 121, 130, 131)]
    assert looks == [(0, False, True), (20, False, True), (21, True, True), (30, True, True), (31, True, False)]


def test_doubt_makes_stale_and_stays_usable() -> None:
    held = entry(doubt=Doubt.REFUSED)
    held.vouch(10, boot_id=1, mono_ns=100, wall_ahead_ns=0, chain_unix_s=0)
    assert held.is_stale(100, 20)
    assert held.is_usable(100, 20)


def test_what_was_kept_is_usable_until_then_and_by_the_limit_once_it_is_read() -> None:
    kept = entry(doubt=Doubt.UNCONFIRMED)
    kept.restore(Freshness(Moment(0, -500, 9), 5, 6, 7, 8), 200)
    assert (kept.is_loaded, kept.age_ns(100), kept.usable_until_mono_ns(30)) == (True, 600, 200)
    assert [kept.is_usable(now, 30) for now in (200, 201)] == [True, False]
    assert kept.is_stale(-500, 30)
    kept.vouch(10, boot_id=1, mono_ns=90, wall_ahead_ns=0, chain_unix_s=0)
    assert (kept.freshness.vouched, kept.usable_until_mono_ns(30)) == (Moment(1, 90, 90), 120)
