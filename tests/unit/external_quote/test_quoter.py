import asyncio

import pytest
from fakes.fake_clock import FakeClock
from fakes.provider_quotes import KEY, OTHER, REVERSE, FakeProvider, S, answers_kept, guard, ranked, shared_quotes
from fakes.waiting import eventually

from external_quote.provider_guard import ProviderGuard
from external_quote.quoter import ProviderQuoter
from external_quote.split_cache import CachedQuote, SplitCache
from quote_core.errors import DeadlinePassed, NoLiquidity, ProviderUnavailable, RateLimited
from quote_core.resilience import Party

DOWN = ProviderUnavailable("jupiter", "answered 500")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def provider() -> FakeProvider:
    return FakeProvider()


def quoter(clock: FakeClock, *guards: ProviderGuard) -> ProviderQuoter:
    cache = SplitCache(price_ttl_ns=10 * S, route_ttl_ns=30 * S, stale_after_ns=60 * S, count_max=100, clock=clock)
    return ProviderQuoter(
        ranked(*guards),
        cache,
        shared_quotes(cache, clock),
        clock=clock,
        request_timeout_ns=2 * S,
        paired_timeout_ns=S,
        answers=answers_kept(),
    )


async def ask(one: ProviderQuoter, *, timeout_ns: int | None = None) -> CachedQuote:
    return await one.quote(KEY, party=Party.ON_DEMAND, slippage_bps=50, timeout_ns=timeout_ns)


async def test_young_answer_costs_no_request(clock: FakeClock, provider: FakeProvider) -> None:
    one = quoter(clock, guard(provider, clock))
    await ask(one)
    clock.advance_ns(10 * S)
    await ask(one)
    assert len(provider.asked) == 1
    clock.advance_ns(1)
    await ask(one)
    assert len(provider.asked) == 2
    assert provider.asked[1][1] != (), "the known route is priced anew"


async def test_callers_at_the_same_time_share_one_fetch(clock: FakeClock, provider: FakeProvider) -> None:
    one = quoter(clock, guard(provider, clock))
    provider.gate.clear()
    asking = [asyncio.create_task(ask(one)) for _ in range(5)]
    await eventually(lambda: len(provider.asked) == 1)
    provider.gate.set()
    assert len({id(quote) for quote in await asyncio.gather(*asking)}) == 1
    assert len(provider.asked) == 1


async def test_caller_that_gives_up_does_not_end_the_fetch(clock: FakeClock, provider: FakeProvider) -> None:
    one = quoter(clock, guard(provider, clock))
    provider.gate.clear()
    with pytest.raises(DeadlinePassed):
        await ask(one, timeout_ns=1)
    provider.gate.set()
    assert (await ask(one)).quote.output_amount == 140_000_000
    assert len(provider.asked) == 1


async def test_failure_is_tried_again_as_long_as_tokens_last(clock: FakeClock, provider: FakeProvider) -> None:
    provider.errors = [DOWN]
    await ask(quoter(clock, guard(provider, clock)))
    assert len(provider.asked) == 2
    provider.errors = [DOWN, DOWN]
    with pytest.raises(RateLimited):
        await ask(quoter(clock, guard(provider, clock)))


async def test_next_provider_is_asked_when_the_first_may_not_be(clock: FakeClock, provider: FakeProvider) -> None:
    second = FakeProvider("other")
    first_desk = guard(provider, clock)
    one = quoter(clock, first_desk, guard(second, clock))
    await first_desk.reserve(Party.ON_DEMAND, 2)
    assert (await ask(one)).provider == "other"
    assert provider.asked == []


async def test_first_providers_reason_is_given_when_none_may_be_asked(clock: FakeClock, provider: FakeProvider) -> None:
    guards = [guard(provider, clock), guard(FakeProvider("other"), clock)]
    for one_desk in guards:
        await one_desk.reserve(Party.ON_DEMAND, 2)
    with pytest.raises(RateLimited, match=r"^jupiter"):
        await ask(quoter(clock, *guards))


async def test_without_a_provider_it_is_unavailable(clock: FakeClock) -> None:
    with pytest.raises(ProviderUnavailable, match="no provider is configured"):
        await ask(quoter(clock))


async def test_pair_reserves_two_tokens_or_makes_no_request(clock: FakeClock, provider: FakeProvider) -> None:
    one = quoter(clock, guard(provider, clock))
    forward, reverse = await one.paired(KEY, REVERSE, party=Party.ON_DEMAND, slippage_bps=50)
    assert isinstance(forward, CachedQuote)
    assert isinstance(reverse, CachedQuote)
    assert [key for key, _ in provider.asked] == [KEY, REVERSE]
    clock.advance_ns(S)
    with pytest.raises(RateLimited) as refused:
        await one.paired(KEY, REVERSE, party=Party.ON_DEMAND, slippage_bps=50)
    assert refused.value.retry_after_ms == 1000
    assert len(provider.asked) == 2


async def test_pair_is_fetched_at_the_same_time(clock: FakeClock, provider: FakeProvider) -> None:
    one = quoter(clock, guard(provider, clock))
    provider.gate.clear()
    asking = asyncio.create_task(one.paired(KEY, REVERSE, party=Party.ON_DEMAND, slippage_bps=50))
    await eventually(lambda: len(provider.asked) == 2)
    provider.gate.set()
    await asking


async def test_one_direction_may_fail_without_the_other(clock: FakeClock, provider: FakeProvider) -> None:
    provider.errors = [NoLiquidity("jupiter", "no route")]
    forward, reverse = await quoter(clock, guard(provider, clock)).paired(
        KEY, REVERSE, party=Party.ON_DEMAND, slippage_bps=50
    )
    assert isinstance(forward, NoLiquidity)
    assert isinstance(reverse, CachedQuote)


async def test_known_route_that_is_no_more_is_searched_for_with_another_token(
    clock: FakeClock, provider: FakeProvider
) -> None:
    one = quoter(clock, guard(provider, clock, rate_per_s=10.0))
    await ask(one)
    clock.advance_ns(11 * S)
    provider.errors = [NoLiquidity("jupiter", "no route")]
    assert (await ask(one)).version == 2
    assert [bool(route) for _, route in provider.asked] == [False, True, False]


async def test_different_amounts_are_different_quotes(clock: FakeClock, provider: FakeProvider) -> None:
    one = quoter(clock, guard(provider, clock))
    await ask(one)
    await one.quote(OTHER, party=Party.ON_DEMAND, slippage_bps=50, timeout_ns=None)
    assert [key for key, _ in provider.asked] == [KEY, OTHER]
