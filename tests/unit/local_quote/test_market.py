"""Updates in, priced rows out."""

import pytest
from fakes.held_market import JITOSOL, SOL, USDC, HeldMarket, clock_update
from fakes.plain_pool import PlainPool

from local_quote.pool_store import Doubt
from local_quote.settings import LocalQuoteSettings
from quote_core.dex.pool import Account
from quote_core.errors import StaleState
from quote_core.quotes import Provenance
from quote_core.solana import CLOCK_SYSVAR, AccountUpdate, UpdateSource
from quote_core.units import Pubkey


def test_one_update_marks_the_changed_rows_of_its_pair_for_whoever_wants_them(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    held.add("q", 10**12, 10**12, tokens=(SOL, JITOSOL))
    usdc = held.subscribe((SOL, USDC, 10**9), (USDC, SOL, 10**6))
    jito = held.subscribe((SOL, JITOSOL, 10**9))
    held.notify(pool, a=10**12 + 10**10, b=79 * 10**9)
    assert {row.amount for row in held.rows(usdc.take())} == {10**9, 10**6}
    assert jito.take() == ()


def test_a_swap_changes_rows_at_once_and_the_depth_they_tell_when_it_is_measured(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    (row,) = held.register((SOL, USDC, 10**9))

    def told() -> tuple[int, int]:
        assert row.quote is not None
        return row.quote.swap.output_amount, row.quote.swap.depth_amount

    before = told()
    held.notify(pool, a=4 * 10**12, b=320 * 10**9)
    assert (told()[0] > before[0], told()[1]) == (True, before[1])
    held.market.measure_depths(0)
    assert told()[1] == before[1]
    held.market.measure_depths(1)
    assert told()[1] == pytest.approx(4 * before[1], rel=0.02)
    assert row.version == 2


def test_depths_are_measured_of_those_that_changed_first(held: HeldMarket) -> None:
    pools = [
        held.add(name, 10**12, 80 * 10**9, tokens=tokens)
        for name, tokens in (("p", (SOL, USDC)), ("q", (SOL, JITOSOL)))
    ]
    rows = held.register((SOL, USDC, 10**9), (SOL, JITOSOL, 10**9))
    held.market.measure_depths(2)
    for pool in reversed(pools):
        held.notify(pool, a=4 * 10**12, b=320 * 10**9)
    held.notify(pools[1], a=5 * 10**12, b=320 * 10**9)
    held.market.measure_depths(1)
    depths = [row.quote.swap.depth_amount for row in rows if row.quote is not None]
    assert depths[1] > 2 * depths[0]


def test_whoever_asks_for_a_quote_is_told_the_depth_of_now(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    held.register((SOL, USDC, 10**9))
    before = held.market.quote(SOL, USDC, 10**9)
    held.notify(pool, a=4 * 10**12, b=320 * 10**9)
    after = held.market.quote(SOL, USDC, 10**9)
    assert after.swap.depth_amount == pytest.approx(4 * before.swap.depth_amount, rel=0.02)


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
    held.market.apply([clock_update(slot=130, unix_timestamp=50)])
    held.market.apply([clock_update(slot=129, unix_timestamp=49)])
    assert held.market.chain_clock is not None
    assert held.market.chain_clock.slot == 130


def test_a_clock_that_cannot_be_read_is_counted_and_the_one_before_kept(held: HeldMarket) -> None:
    before = held.market.chain_clock
    broken = AccountUpdate(CLOCK_SYSVAR, 120, Account("x", b""), 0, UpdateSource.NOTIFICATION)
    held.market.apply([broken])
    assert held.market.chain_clock is before
    assert held.market.corrupt_clock_count == 1


def test_only_the_pools_that_turn_at_a_second_are_repriced_by_it(held: HeldMarket) -> None:
    turning, lasting = held.add("p", 10**12, 80 * 10**9), held.add("q", 10**12, 80 * 10**9)
    turning.turn_times = [1_800_000_001, 1_800_000_003]
    held.read(turning, 10**12, 81 * 10**9)  # it changes, and says when it turns
    held.subscribe((SOL, USDC, 10**9))
    held.market.apply([clock_update(slot=110, unix_timestamp=1_800_000_000)])
    before = turning.ladder_count, lasting.ladder_count

    def repriced_at(unix_timestamp: int, slot: int) -> tuple[bool, bool]:
        nonlocal before
        held.market.apply([clock_update(slot=slot, unix_timestamp=unix_timestamp)])
        counts = turning.ladder_count, lasting.ladder_count
        repriced, before = (counts[0] > before[0], counts[1] > before[1]), counts
        return repriced

    assert repriced_at(1_800_000_000, slot=111) == (False, False)
    assert repriced_at(1_800_000_001, slot=112) == (True, False)
    assert repriced_at(1_800_000_002, slot=113) == (False, False)
    assert repriced_at(1_800_000_009, slot=114) == (True, False)
    assert repriced_at(1_800_009_999, slot=115) == (False, False)


def test_a_new_epoch_reprices_the_pools_that_turn_with_it(held: HeldMarket) -> None:
    turning, lasting = held.add("p", 10**12, 80 * 10**9), held.add("q", 10**12, 80 * 10**9)
    turning.turn_epochs = [2]
    held.read(turning, 10**12, 81 * 10**9)
    held.subscribe((SOL, USDC, 10**9))
    before = turning.ladder_count, lasting.ladder_count
    held.market.apply([clock_update(slot=120, unix_timestamp=1_900_000_000, epoch=2)])
    assert turning.ladder_count > before[0]
    assert lasting.ladder_count == before[1]


@pytest.mark.parametrize("earlier", [{"unix_timestamp": 1_699_999_999}, {"unix_timestamp": 1_700_000_000, "epoch": 0}])
def test_a_newer_slot_of_an_earlier_time_reprices_every_pool(held: HeldMarket, earlier: dict[str, int]) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    held.subscribe((SOL, USDC, 10**9))
    before = pool.ladder_count
    held.market.apply([clock_update(slot=120, **earlier)])
    assert pool.ladder_count > before


def test_a_pool_that_opens_with_time_is_quoted_from_then_on(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    pool.closed, pool.turn_times = "opens later", [1_800_000_001]
    held.read(pool, 10**12, 80 * 10**9 + 1)
    held.market.apply([clock_update(slot=110, unix_timestamp=1_800_000_000)])
    subscriber = held.subscribe((SOL, USDC, 10**9))
    (row,) = held.rows(subscriber.labels)
    assert row.quote is None
    pool.closed = ""
    held.market.apply([clock_update(slot=111, unix_timestamp=1_800_000_001)])
    assert row.quote is not None
    assert held.rows(subscriber.take()) == [row]


def test_a_stale_row_is_fresh_again_as_soon_as_its_pool_is_confirmed(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    subscriber = held.subscribe((SOL, USDC, 10**9))
    (row,) = held.rows(subscriber.labels)
    held.clock.advance_ms(6_000)
    assert held.market.sweep() == 1
    assert row.is_stale
    subscriber.take()
    held.read(pool, 10**12, 80 * 10**9)
    assert not row.is_stale
    assert held.rows(subscriber.take()) == [row]


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


def test_a_fresh_pool_is_quoted_before_a_stale_one_that_gives_more(held: HeldMarket) -> None:
    """Also where it matters most: the stale one gives more because the market has moved since."""
    rich = held.add("rich", 10**12, 90 * 10**9)
    held.pass_ms(4_000)
    poor = held.add("poor", 10**12, 80 * 10**9)
    subscriber = held.subscribe((SOL, USDC, 10**9))
    (row,) = held.rows(subscriber.labels)

    def winners() -> set[str]:
        assert row.quote is not None
        paired = held.market.paired(SOL, USDC, 10**9, 0)
        quotes = [row.quote, held.market.quote(SOL, USDC, 10**9), paired[0]]
        return {quote.swap.entry.pool.address for quote in quotes}

    assert winners() == {"rich"}
    held.pass_ms(1_200)
    held.market.sweep()
    assert winners() == {"poor"}
    assert not row.is_stale
    held.read(rich, 10**12, 90 * 10**9)
    assert winners() == {"rich"}
    held.market.doubt(["rich"], Doubt.REFUSED)
    assert winners() == {"poor"}
    held.read(poor, 1, 1)  # cannot fill: then the stale one is all there is
    assert winners() == {"rich"}
    assert row.is_stale


def test_a_frozen_node_leaves_quotes_fresh_for_as_long_as_a_slot_may_last_and_the_limit(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    held.pass_ms(4_000)
    held.read(pool, 10**12, 80 * 10**9)
    (row,) = held.rows(held.subscribe((SOL, USDC, 10**9)).labels)
    told = held.market.store.of_pair(SOL.mint, USDC.mint)[0].freshness.vouched.mono_ns
    for _ in range(75):  # it answers, and tells its slot, all the time
        held.clock.advance_ms(1_000)
        held.market.slot_seen(held.slot, held.clock.mono_ns())
        held.market.apply(held.updates(pool, 10**12, 80 * 10**9))
        held.market.sweep()
    assert held.market.store.of_pair(SOL.mint, USDC.mint)[0].freshness.vouched.mono_ns == told
    assert isinstance(row.refusal, StaleState)
    assert held.market.progress.drift_slots(held.clock.mono_ns()) > 180


@pytest.mark.parametrize("told_by", ["answer", "slot"])
def test_when_slots_go_back_every_quote_is_stale_at_once_until_the_chain_has_caught_up(told_by: str) -> None:
    held = HeldMarket(slot=5_000)
    pool = held.add("p", 10**12, 80 * 10**9)
    (row,) = held.rows(held.subscribe((SOL, USDC, 10**9)).labels)
    newest, held.slot = held.slot, 2_400
    if told_by == "slot":
        held.tick()
    else:
        held.read(pool, 10**12, 10**9)
    assert row.is_stale
    assert row.quote is not None
    assert row.quote.swap.entry.slot == newest
    for _ in range(3):
        held.read(pool, 10**12, 10**9)
        assert row.is_stale
    held.slot = newest
    held.tick()
    held.read(pool, 10**12, 80 * 10**9)
    assert not row.is_stale


@pytest.mark.parametrize("source", list(UpdateSource))
def test_a_slot_that_no_chain_can_have_reached_changes_nothing_and_is_forgotten(
    held: HeldMarket, source: UpdateSource
) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    (row,) = held.rows(held.subscribe((SOL, USDC, 10**9)).labels)
    lie = pool.updates(1, 1, slot=2**47, mono_ns=held.clock.mono_ns(), source=source)
    held.market.apply(lie)
    assert row.is_stale
    assert row.quote is not None
    assert row.quote.swap.entry.slot < 2**47
    held.tick()
    held.read(pool, 10**12, 81 * 10**9)
    assert not row.is_stale
    assert row.quote.swap.entry.slot == held.slot


def test_both_legs_of_a_pair_are_priced_at_one_time_of_the_chain() -> None:
    """The forward leg is cached, the chain's clock moves, and the pool's price with it: both legs are priced anew."""
    held = HeldMarket()
    pool = PlainPool("p", SOL.mint, USDC.mint)
    pool.turn_times = [1_700_000_001]
    held.market.add_pool(pool, held.updates(pool, 1, 1)[0], Provenance.CHAIN)
    held.read(pool, 10**12, 80 * 10**9)
    first = held.market.quote(SOL, USDC, 10**9)
    pool.fee_bps = 100  # what its volatility makes of the next second
    held.market.apply([clock_update(slot=110, unix_timestamp=1_700_000_001)])
    forward, reverse = held.market.paired(SOL, USDC, 10**9, 0)
    assert forward.swap.output_amount < first.swap.output_amount
    assert reverse.swap.input_amount == forward.swap.output_amount


def test_a_pool_that_joins_ends_what_was_cached_of_its_pair(held: HeldMarket) -> None:
    """Also one on accounts that are held already: its first read changes nothing, and makes it one to quote from."""
    held.add("p", 10**12, 80 * 10**9, fee_bps=25)
    joined = PlainPool("q", SOL.mint, USDC.mint, fee_bps=5)
    joined.vault_a, joined.vault_b = Pubkey("p-vault-a"), Pubkey("p-vault-b")
    held.market.add_pool(joined, held.updates(joined, 10**12, 80 * 10**9)[0], Provenance.CHAIN)
    assert held.market.quote(SOL, USDC, 10**9).swap.entry.pool.address == "p"
    held.read(joined, 10**12, 80 * 10**9)
    assert held.market.quote(SOL, USDC, 10**9).swap.entry.pool.address == "q"


def test_a_pool_that_leaves_takes_what_was_cached_and_what_it_rested_on_alone(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9, fee_bps=5)
    other = PlainPool("q", SOL.mint, USDC.mint, fee_bps=25)
    other.vault_a = Pubkey("p-vault-a")
    held.market.add_pool(other, held.updates(other, 10**12, 80 * 10**9)[0], Provenance.CHAIN)
    held.read(other, 10**12, 80 * 10**9)
    assert held.market.quote(SOL, USDC, 10**9).swap.entry.pool.address == "p"
    change = held.market.remove_pool(pool.address)
    assert change.lost == {"p", pool.vault_b}
    assert held.market.quote(SOL, USDC, 10**9).swap.entry.pool.address == "q"
    held.pass_ms(120_000)  # nothing that was noted of it turns up later
    held.market.sweep()
    assert "p" not in held.market.store


def test_a_cached_quote_whose_pool_went_stale_is_not_given_while_another_is_fresh(held: HeldMarket) -> None:
    held.add("old", 10**12, 90 * 10**9)
    held.pass_ms(4_000)
    held.add("new", 10**12, 80 * 10**9)
    assert held.market.quote(SOL, USDC, 10**9).swap.entry.pool.address == "old"
    held.pass_ms(1_200)  # within the cache's time to live, and before the next sweep
    assert held.market.quote(SOL, USDC, 10**9).swap.entry.pool.address == "new"


def test_another_chain_is_begun_from_nothing(held: HeldMarket) -> None:
    pool = held.add("p", 10**12, 80 * 10**9)
    (row,) = held.rows(held.subscribe((SOL, USDC, 10**9)).labels)
    held.market.begin_anew()
    assert row.quote is None
    held.slot = 3
    held.market.apply([clock_update(slot=3, unix_timestamp=1_700_000_000)])
    held.tick()
    held.tick()
    held.read(pool, 10**12, 70 * 10**9)
    assert row.quote is not None
    assert (row.is_stale, row.quote.swap.entry.slot) == (False, held.slot)


def tell(held: HeldMarket, slot: int, parent: int) -> frozenset[str]:
    """A slot is notified with what it was built on."""
    held.clock.advance_ms(400)
    held.slot = slot
    return held.market.slot_seen(slot, held.clock.mono_ns(), parent=parent)


def test_a_pool_that_changed_in_a_slot_taken_back_is_in_doubt_until_it_is_read_on_the_new_fork() -> None:
    held = HeldMarket()
    changed, untouched = held.add("p", 10**12, 80 * 10**9), held.add("q", 10**12, 70 * 10**9, tokens=(SOL, JITOSOL))
    (row,) = held.register((SOL, USDC, 10**9))
    common = held.slot + 1
    tell(held, common, common - 1)
    tell(held, common + 1, common)
    held.slot = common
    held.notify(changed, b=90 * 10**9)  # of the slot after it
    assert row.quote is not None
    on_dead_fork = row.quote.swap.output_amount
    assert not row.is_stale
    assert tell(held, common + 2, common) == {"p"}
    assert row.is_stale
    # A late answer of the fork that is gone neither vouches nor changes anything; one of the new one does both.
    late = changed.updates(10**12, 95 * 10**9, slot=common + 1, mono_ns=held.clock.mono_ns())
    held.market.apply(late)
    assert held.market.taken_back_count == len(late)
    assert row.is_stale
    assert row.quote.swap.output_amount == on_dead_fork
    held.clock.advance_ms(1)
    held.market.apply(changed.updates(10**12, 80 * 10**9, slot=common + 2, mono_ns=held.clock.mono_ns()))
    assert not row.is_stale
    assert row.quote.swap.output_amount < on_dead_fork
    untouched_entry = held.market.store.entry("q")
    assert untouched_entry is not None
    assert untouched_entry.doubt is None
    assert untouched.address == "q"


def test_a_change_of_a_slot_that_stands_survives_a_fork_after_it() -> None:
    held = HeldMarket()
    pool = held.add("p", 10**12, 80 * 10**9)
    held.notify(pool, b=90 * 10**9)
    common = held.slot
    tell(held, common, common - 1)
    tell(held, common + 1, common)
    assert tell(held, common + 2, common) == set()
    assert held.market.forks.count == 1
