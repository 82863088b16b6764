"""What accounts were lately: found by moment, bounded in bytes and number, and whole from a moment on that is told."""

import random

import pytest
from fakes.counted_memory import counted_memory

from local_quote.account_history import VERSION_OVERHEAD_BYTES, AccountHistory, AccountsAt
from quote_core.dex.pool import Account
from quote_core.quotes import route_id
from quote_core.units import Pubkey

OWNER = Pubkey("11111111111111111111111111111111")
A, B = Pubkey("a"), Pubkey("b")


def account(data: bytes) -> Account:
    return Account(OWNER, data)


def history(*, bytes_max: int = 10**9, count_max: int = 10**6) -> AccountHistory:
    return AccountHistory(bytes_max=bytes_max, count_max=count_max)


def test_an_account_is_found_as_it_was_held_at_each_moment() -> None:
    kept = history()
    for slot, data in ((10, b"one"), (12, b"two")):
        kept.begin_moment()
        kept.note(A, slot, account(data))
    kept.begin_moment()
    kept.forget(A)
    kept.begin_moment()
    kept.note(A, 15, None)
    assert kept.at(A, 0) is None
    assert [(one := kept.at(A, moment)) and one.slot for moment in (1, 2, 3, 4)] == [10, 12, None, 15]
    assert dict(AccountsAt(kept, 2)) == {A: account(b"two")}
    assert dict(AccountsAt(kept, 3)) == {}
    assert dict(AccountsAt(kept, 4)) == {A: None}


def test_the_newest_version_of_an_account_stays_whatever_the_bounds() -> None:
    kept = history(bytes_max=0, count_max=0)
    for slot in range(5):
        kept.begin_moment()
        kept.note(A, slot, account(bytes([slot])))
    assert [version.slot for version in kept.versions(A)] == [4]
    assert (kept.byte_count, kept.superseded_count, kept.gone_slot) == (0, 0, 3)


def test_a_flood_of_changes_leaves_as_much_as_is_allowed() -> None:
    kept, drawn = history(bytes_max=100_000, count_max=200), random.Random(1)
    for slot in range(20_000):
        kept.begin_moment()
        kept.note(Pubkey(f"account {drawn.randrange(50)}"), slot, account(bytes(drawn.randrange(2_000))))
        assert kept.byte_count <= 100_000
        assert kept.superseded_count <= 200
    versions = [version for pubkey in kept.pubkeys() for version in kept.versions(pubkey)]
    assert len(versions) == kept.superseded_count + 50
    newest = [kept.versions(pubkey)[-1] for pubkey in kept.pubkeys()]
    superseded = [version for version in versions if version not in newest]
    assert kept.byte_count == sum(
        VERSION_OVERHEAD_BYTES + len(version.account.data) for version in superseded if version.account
    )


@pytest.mark.parametrize("seed", range(20))
def test_whatever_was_dropped_a_moment_that_is_whole_is_found_as_it_was(seed: int) -> None:
    """A plain model: the accounts of each moment, copied."""
    drawn, kept, model = random.Random(seed), history(bytes_max=8_000), {}
    held: dict[Pubkey, Account | None] = {}
    for slot in range(300):
        kept.begin_moment()
        for _ in range(drawn.randrange(3)):
            pubkey = Pubkey(str(drawn.randrange(6)))
            match drawn.randrange(8):
                case 0 if pubkey in held:
                    kept.forget(pubkey)
                    del held[pubkey]
                case 1:
                    kept.note(pubkey, slot, None)
                    held[pubkey] = None
                case _:
                    held[pubkey] = account(bytes(drawn.randrange(100)))
                    kept.note(pubkey, slot, held[pubkey])
        model[kept.moment] = dict(held)
    whole = [moment for moment in model if moment >= kept.whole_from]
    assert len(whole) > 1
    for moment in whole:
        assert dict(AccountsAt(kept, moment)) == model[moment]


def test_an_account_that_was_let_go_is_forgotten_with_its_last_version() -> None:
    kept = history(count_max=1)
    kept.note(A, 1, account(b"a"))
    kept.forget(A)
    kept.note(B, 1, account(b"b"))
    assert set(kept.pubkeys()) == {A, B}
    kept.note(B, 2, account(b"c"))
    assert set(kept.pubkeys()) == {B}


def test_an_account_that_comes_as_it_is_or_late_is_no_new_version() -> None:
    kept = history()
    kept.note_changed(A, 5, account(b"a"))
    kept.note_changed(A, 6, account(b"a"))
    kept.note_changed(A, 4, account(b"older"))
    kept.note_changed(A, 7, account(b"b"))
    assert [version.slot for version in kept.versions(A)] == [5, 7]


def test_a_chain_begun_anew_leaves_nothing_of_the_one_before() -> None:
    kept = history()
    kept.begin_moment()
    kept.note(A, 500, account(b"a"))
    kept.begin_anew()
    assert kept.at(A, kept.moment) is None
    assert kept.gone_slot == 500
    assert kept.whole_from == kept.moment + 1


def test_a_pool_is_found_by_the_route_id_of_it_alone() -> None:
    kept = history()
    kept.note_pool(A)
    assert kept.pool_of_route(route_id([A])) == A
    assert kept.pool_of_route(route_id([B])) is None


def test_memory_stays_within_the_bound_however_much_changes() -> None:
    """Counted by the interpreter, not by the history: what it says it takes is what it takes."""
    bytes_max = 4 * 1024 * 1024
    kept, drawn = history(bytes_max=bytes_max), random.Random(2)
    pubkeys = [Pubkey(f"account {number}") for number in range(20)]
    with counted_memory(__file__) as byte_count:
        for slot in range(10**6, 10**6 + 30_000):
            kept.begin_moment()
            kept.note(drawn.choice(pubkeys), slot, account(bytes(drawn.choice((165, 653, 1_544)))))
        taken = byte_count()
    assert kept.gone_slot > 10**6, "more came than is kept"
    assert 0.8 * bytes_max < taken < bytes_max + len(pubkeys) * 2_000


def test_versions_near_a_slot_are_those_held_meanwhile_and_no_more_than_asked_for() -> None:
    kept = history()
    for slot in range(10, 20):
        kept.begin_moment()
        kept.note(A, slot, account(bytes([slot])))

    def slots(slot: int, since: int, until: int, count_max: int = 100) -> list[int]:
        return [one.slot for one in kept.near(A, slot, since=since, until=until, count_max=count_max)]

    assert slots(15, 1, 10) == list(range(10, 20))
    assert slots(15, 3, 5) == [12, 13, 14]
    assert slots(15, 1, 10, count_max=2) == [14, 15, 16, 17]
    assert slots(5, 3, 10, count_max=2) == [12, 13]
    assert slots(99, 3, 5, count_max=2) == [13, 14]
    assert kept.near(B, 15, since=1, until=10, count_max=1) == []


def test_the_moment_past_a_slot_is_the_first_that_brought_a_later_one() -> None:
    kept = history()
    for slot in (10, 12, 12):
        kept.begin_moment()
        kept.note(A, slot, account(bytes([slot])))
    kept.begin_moment()
    kept.forget(A)
    kept.begin_moment()
    kept.note(A, 15, account(b"again"))
    assert [kept.moment_past(A, slot) for slot in (9, 10, 11, 12, 14, 15)] == [1, 2, 2, 5, 5, None]
    assert kept.moment_past(B, 0) is None
