from dataclasses import replace

import pytest
from fakes.fake_clock import FakeClock
from fakes.provider_quotes import KEY, OTHER, answer

from external_quote.split_cache import SplitCache
from quote_core.clock import Moment, moment
from quote_core.freshness import Freshness
from quote_core.quotes import QuoteKey

S = 1_000_000_000
MS = 1_000_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cache(clock: FakeClock) -> SplitCache:
    return SplitCache(price_ttl_ns=10 * S, route_ttl_ns=30 * S, stale_after_ns=60 * S, count_max=2, clock=clock)


def store(cache: SplitCache, clock: FakeClock, *, key: QuoteKey = KEY, is_known_route: bool = False) -> None:
    quote = replace(answer(), slot=clock.mono_ns() // (400 * MS))
    cache.store(key, quote, provider="jupiter", sent=moment(clock), is_known_route=is_known_route)


def test_price_is_young_for_its_lifetime_and_no_longer(cache: SplitCache, clock: FakeClock) -> None:
    assert cache.young(KEY) is None
    store(cache, clock)
    clock.advance_ns(10 * S)
    assert cache.young(KEY) is not None
    clock.advance_ns(1)
    assert cache.young(KEY) is None
    assert cache.newest(KEY) is not None
    assert (cache.hit_count, cache.miss_count) == (1, 2)


def test_route_outlives_the_price(cache: SplitCache, clock: FakeClock) -> None:
    assert cache.route(KEY, "jupiter") == ()
    store(cache, clock)
    clock.advance_ns(30 * S)
    assert cache.route(KEY, "jupiter") == answer().route
    clock.advance_ns(1)
    assert cache.route(KEY, "jupiter") == ()


def test_price_through_the_known_route_leaves_the_routes_age(cache: SplitCache, clock: FakeClock) -> None:
    store(cache, clock)
    clock.advance_ns(20 * S)
    store(cache, clock, is_known_route=True)
    entry = cache.newest(KEY)
    assert entry is not None
    assert cache.price_age_ns(entry) == 0
    assert cache.route_age_ns(entry) == 20 * S
    assert entry.version == 2
    store(cache, clock)
    entry = cache.newest(KEY)
    assert entry is not None
    assert cache.route_age_ns(entry) == 0


def test_another_providers_route_is_not_offered(cache: SplitCache, clock: FakeClock) -> None:
    store(cache, clock)
    assert cache.route(KEY, "other") == ()


def test_quote_fetched_longest_ago_goes_first(cache: SplitCache, clock: FakeClock) -> None:
    store(cache, clock)
    store(cache, clock, key=OTHER)
    store(cache, clock)
    store(cache, clock, key=OTHER.__class__(OTHER.input_mint, OTHER.output_mint, 3))
    assert cache.newest(OTHER) is None
    assert cache.newest(KEY) is not None
    assert len(cache) == 2


def kept(cache: SplitCache, sent: Moment, *, amount: int = 140, slot: int = 9) -> Freshness:
    """What is known of the price's place in time once an answer to a request sent at `sent` has come."""
    quote = replace(answer(amount), slot=slot)
    return cache.store(KEY, quote, provider="jupiter", sent=sent, is_known_route=False).freshness


def test_price_is_as_old_as_the_sending_of_its_request(cache: SplitCache, clock: FakeClock) -> None:
    sent = moment(clock)
    clock.advance_ns(2 * S)
    freshness = kept(cache, sent)
    assert (freshness.vouched, freshness.vouched_slot) == (sent, 9)
    assert (freshness.changed_unix_ns, freshness.changed_slot) == (clock.unix_ns(), 9)
    entry = cache.newest(KEY)
    assert entry is not None
    assert cache.price_age_ns(entry) == 2 * S
    assert entry.latency_ms == 2_000
    clock.advance_ns(58 * S)
    assert not cache.is_stale(entry)
    clock.advance_ns(1)
    assert cache.is_stale(entry)


def test_same_output_at_a_later_slot_is_vouched_for_anew_and_not_changed(cache: SplitCache, clock: FakeClock) -> None:
    first = kept(cache, moment(clock))
    clock.advance_ns(5 * S)
    second = kept(cache, moment(clock), slot=20)
    assert (second.vouched, second.vouched_slot) == (moment(clock), 20)
    assert (second.changed_unix_ns, second.changed_slot) == (first.changed_unix_ns, 9)
    third = kept(cache, moment(clock), slot=21, amount=141)
    assert (third.changed_unix_ns, third.changed_slot) == (clock.unix_ns(), 21)


def test_answer_of_the_slot_that_is_held_makes_nothing_younger(cache: SplitCache, clock: FakeClock) -> None:
    first = kept(cache, moment(clock))
    clock.advance_ns(11 * S)
    assert kept(cache, moment(clock)).vouched == first.vouched
    assert cache.young(KEY) is None


def test_answer_that_came_late_or_is_of_an_older_slot_is_not_kept(cache: SplitCache, clock: FakeClock) -> None:
    early = moment(clock)
    clock.advance_ns(S)
    held = kept(cache, moment(clock), slot=200)
    assert kept(cache, early, slot=201, amount=1) == held
    clock.advance_ns(S)
    assert kept(cache, moment(clock), slot=50, amount=1) == held
    assert kept(cache, moment(clock), slot=49, amount=1).vouched_slot == 49, "a chain begun anew"
    clock.advance_ns(S)
    assert kept(cache, moment(clock), slot=0).vouched == moment(clock), "a provider that tells no slot"
