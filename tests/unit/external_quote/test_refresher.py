import asyncio

from fakes.fake_clock import FakeClock
from fakes.provider_quotes import KEY, OTHER, REVERSE, FakeProvider, S, answers_kept, guard, ranked, shared_quotes
from fakes.waiting import eventually

from external_quote.quoter import ProviderQuoter
from external_quote.refresher import QuoteRefresher, next_due
from external_quote.split_cache import SplitCache
from external_quote.stream_demand import StreamDemand
from quote_core.errors import NoLiquidity
from quote_core.quotes import QuoteKey


def due(wanted: list[QuoteKey], attempted: dict[QuoteKey, int], now_s: int = 100) -> tuple[QuoteKey, ...] | None:
    return next_due(wanted, {key: at * S for key, at in attempted.items()}, now_ns=now_s * S, rest_ns=10 * S)


def test_what_was_never_attempted_goes_first_in_order() -> None:
    assert due([OTHER, KEY], {}) == (OTHER,)
    assert due([OTHER, KEY], {OTHER: 99}) == (KEY,)


def test_then_what_was_attempted_longest_ago() -> None:
    assert due([OTHER, KEY], {OTHER: 80, KEY: 70}) == (KEY,)


def test_both_directions_are_fetched_together() -> None:
    assert due([KEY, OTHER, REVERSE], {}) == (KEY, REVERSE)
    assert due([KEY, OTHER, REVERSE], {KEY: 99, REVERSE: 99}) == (OTHER,)


def test_nothing_is_due_while_all_are_young() -> None:
    assert due([KEY, OTHER], {KEY: 95, OTHER: 90}) is None
    assert due([KEY, OTHER], {KEY: 95, OTHER: 89}) == (OTHER,)
    assert due([], {}) is None


async def test_every_wanted_key_gets_its_turn_within_the_rate_limit() -> None:
    clock, provider, demand = FakeClock(), FakeProvider(), StreamDemand(count_max=10)
    cache = SplitCache(price_ttl_ns=10 * S, route_ttl_ns=30 * S, stale_after_ns=60 * S, count_max=100, clock=clock)
    quoter = ProviderQuoter(
        ranked(guard(provider, clock)),
        cache,
        shared_quotes(cache, clock),
        clock=clock,
        request_timeout_ns=2 * S,
        paired_timeout_ns=S,
        answers=answers_kept(),
    )
    provider.errors = [NoLiquidity("jupiter", "no route")]
    refresher = QuoteRefresher(demand, quoter, shared_quotes(cache, clock), clock=clock, price_ttl_ns=10 * S)
    refreshing = asyncio.create_task(refresher.run())
    with demand.follow((key, 0) for key in (KEY, OTHER, REVERSE)) as subscription:
        await eventually(lambda: len(provider.asked) == 2)
        await subscription.changed()
        assert isinstance(demand.error(KEY), NoLiquidity)
        assert cache.newest(REVERSE) is not None
        assert cache.newest(OTHER) is None, "two tokens are spent"
        clock.advance_ns(S)
        await eventually(lambda: cache.newest(OTHER) is not None)
        assert len(provider.asked) == 3
        assert refresher.interval_s.count == 0, "none was asked for again"
        clock.advance_ns(11 * S)
        await eventually(lambda: refresher.interval_s.count > 0)
        assert refresher.interval_s.total >= 11
    refreshing.cancel()
    await asyncio.wait({refreshing})
