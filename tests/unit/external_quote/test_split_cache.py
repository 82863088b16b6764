import pytest
from fakes.fake_clock import FakeClock
from fakes.provider_quotes import KEY, OTHER, answer

from external_quote.split_cache import SplitCache
from quote_core.clock import moment
from quote_core.quotes import QuoteKey

S = 1_000_000_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cache(clock: FakeClock) -> SplitCache:
    return SplitCache(price_ttl_ns=10 * S, route_ttl_ns=30 * S, count_max=2, clock=clock)


def store(cache: SplitCache, clock: FakeClock, *, key: QuoteKey = KEY, is_known_route: bool = False) -> None:
    cache.store(key, answer(), provider="jupiter", sent=moment(clock), is_known_route=is_known_route)


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
    assert cache.route(KEY, "jupiter") == answer().legs
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
