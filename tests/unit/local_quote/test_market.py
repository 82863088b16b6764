"""Updates in, priced rows out."""

import pytest
from fakes.held_market import JITOSOL, SOL, USDC, HeldMarket, clock_update
from fakes.plain_pool import PlainPool

from local_quote.settings import LocalQuoteSettings
from local_quote.subscriptions import Subscriber
from quote_core.dex.pool import Account, Dex
from quote_core.quotes import Provenance
from quote_core.solana import CLOCK_SYSVAR, AccountUpdate, UpdateSource
from quote_core.tokens import Token


def subscribe(held: HeldMarket, *wanted: tuple[Token, Token, int]) -> Subscriber:
    rows = held.market.table.register(wanted)
    subscriber = Subscriber((row, number) for number, row in enumerate(rows))
    held.market.subscriptions.add(subscriber)
    return subscriber


def test_one_update_marks_the_changed_rows_of_its_pair_for_whoever_wants_them(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    held.add("q", 10**12, 10**12, tokens=(SOL, JITOSOL))
    usdc = subscribe(held, (SOL, USDC, 10**9), (USDC, SOL, 10**6))
    jito = subscribe(held, (SOL, JITOSOL, 10**9))
    held.notify(pool, a=10**12 + 10**10, b=79 * 10**9)
    assert {row.amount for row in usdc.take()} == {10**9, 10**6}
    assert jito.take() == []


def test_a_cached_quote_lives_until_its_pair_changes(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    other = held.add("q", 10**12, 10**12, tokens=(SOL, JITOSOL))
    first = held.market.quote(SOL, USDC, 10**9)
    held.notify(other, a=2 * 10**12)
    assert held.market.quote(SOL, USDC, 10**9) is first
    held.notify(pool, b=81 * 10**9)
    second = held.market.quote(SOL, USDC, 10**9)
    assert second.swap.output_amount > first.swap.output_amount
    assert second.version > first.version
    assert (held.market.cache.hit_count, held.market.cache.miss_count) == (1, 2)


def test_a_cached_quote_does_not_outlive_its_ttl(held: HeldMarket) -> None:
    held.add("p", 10**12, 80 * 10**9)
    first = held.market.quote(SOL, USDC, 10**9)
    held.clock.advance_ms(2_001)
    assert held.market.quote(SOL, USDC, 10**9) is not first


def test_a_cached_quote_of_a_pool_past_the_limit_is_not_given() -> None:
    held = HeldMarket(settings=LocalQuoteSettings.model_validate({"quote_cache_ttl": "10m"}))
    held.add("p", 10**12, 99 * 10**9)
    assert held.market.quote(SOL, USDC, 10**9).swap.entry.pool.address == "p"
    held.clock.advance_ms(60_001)
    held.add("q", 10**12, 80 * 10**9)
    assert held.market.quote(SOL, USDC, 10**9).swap.entry.pool.address == "q"


def test_the_chains_clock_never_goes_back(held: HeldMarket) -> None:
    held.market.apply([clock_update(slot=500, unix_timestamp=50)])
    held.market.apply([clock_update(slot=499, unix_timestamp=49)])
    assert held.market.chain_clock is not None
    assert held.market.chain_clock.slot == 500


def test_a_clock_that_cannot_be_read_is_counted_and_the_one_before_kept(held: HeldMarket) -> None:
    before = held.market.chain_clock
    broken = AccountUpdate(CLOCK_SYSVAR, 999, Account("x", b""), 0, UpdateSource.NOTIFICATION)
    held.market.apply([broken])
    assert held.market.chain_clock is before
    assert held.market.corrupt_clock_count == 1


@pytest.mark.parametrize(("dex", "is_repriced"), [(Dex.RAYDIUM_CPMM, False), (Dex.METEORA_DLMM, True)])
def test_a_new_second_reprices_the_pools_whose_fee_depends_on_time(dex: Dex, is_repriced: bool) -> None:
    held = HeldMarket()
    pool = PlainPool("p", SOL.mint, USDC.mint, dex=dex)
    held.market.add_pool(pool, held.updates(pool, 1, 1)[0], Provenance.CHAIN)
    held.read(pool, 10**12, 80 * 10**9)
    subscribe(held, (SOL, USDC, 10**9))
    held.market.apply([clock_update(slot=200, unix_timestamp=1_800_000_000)])
    before = pool.ladder_count
    held.market.apply([clock_update(slot=201, unix_timestamp=1_800_000_000)])
    assert pool.ladder_count == before
    held.market.apply([clock_update(slot=202, unix_timestamp=1_800_000_001)])
    assert (pool.ladder_count > before) == is_repriced


def test_a_new_epoch_reprices_every_pool(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    subscribe(held, (SOL, USDC, 10**9))
    before = pool.ladder_count
    held.market.apply([clock_update(slot=900, unix_timestamp=1_900_000_000, epoch=2)])
    assert pool.ladder_count > before


def test_a_pool_that_opens_with_time_is_quoted_from_then_on(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    pool.closed = "opens later"
    held.read(pool, 10**12, 80 * 10**9 + 1)
    held.market.apply([clock_update(slot=200, unix_timestamp=1_800_000_000)])
    subscriber = subscribe(held, (SOL, USDC, 10**9))
    (row,) = subscriber.numbers
    assert row.quote is None
    pool.closed = ""
    held.market.apply([clock_update(slot=201, unix_timestamp=1_800_000_001)])
    assert row.quote is not None
    assert subscriber.take() == [row]


def test_a_slot_confirms_followed_pools_as_of_the_slot_before(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    entry = held.market.store.entry("p")
    assert entry is not None
    followed = set(entry.accounts)
    held.clock.advance_ms(400)
    held.market.slot_seen(200, held.clock.mono_ns(), followed)
    assert entry.slot == held.slot
    held.clock.advance_ms(400)
    held.market.slot_seen(201, held.clock.mono_ns(), followed)
    assert (entry.slot, entry.age_ns(held.clock.mono_ns())) == (200, 400_000_000)
    held.clock.advance_ms(400)
    held.market.slot_seen(202, held.clock.mono_ns(), followed - {pool.vault_a})
    assert entry.slot == 200


def test_a_stale_row_is_fresh_again_as_soon_as_its_pool_is_confirmed(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    subscriber = subscribe(held, (SOL, USDC, 10**9))
    (row,) = subscriber.numbers
    held.clock.advance_ms(6_000)
    assert held.market.sweep() == 1
    assert row.is_stale
    subscriber.take()
    held.read(pool, 10**12, 80 * 10**9)
    assert not row.is_stale
    assert subscriber.take() == [row]


def test_directions_count_as_quoted_when_a_usable_pool_is_open(held: HeldMarket) -> None:
    assert held.market.directions_quoted() == (0, 30)
    pool = held.add("p", 10**12, 80 * 10**9)
    held.add("q", 10**12, 10**12, tokens=(SOL, JITOSOL), is_loaded=False)
    assert held.market.directions_quoted() == (2, 30)
    pool.closed = "paused"
    assert held.market.directions_quoted() == (0, 30)


def test_new_wants_of_a_pool_are_passed_on(held: HeldMarket) -> None:
    pool = PlainPool("p", SOL.mint, USDC.mint)
    change = held.market.add_pool(pool, held.updates(pool, 1, 1)[0], Provenance.CHAIN)
    assert change.gained == {"p", "p-vault-a", "p-vault-b"}
    pool.extra = ["array"]
    assert held.market.apply(held.updates(pool, 1, 1)).gained == {"array"}
