import pytest
from fakes.fake_clock import FakeClock
from fakes.provider_quotes import KEY, FakeProvider, S, guard

from external_quote.provider_guard import ProviderGuard
from quote_core.errors import LayoutMismatch, NoLiquidity, ProviderUnavailable, RateLimited, SolquoteError
from quote_core.resilience import BreakerState, Party


async def ask(one: ProviderGuard) -> None:
    await one.ask(KEY, slippage_bps=50, known_route=(), timeout_ns=S)


async def failing(error: SolquoteError, count: int) -> ProviderGuard:
    provider = FakeProvider()
    one = guard(provider, FakeClock())
    for _ in range(count):
        provider.errors.append(error)
        with pytest.raises(type(error)):
            await ask(one)
    return one


@pytest.mark.parametrize(
    "error",
    [
        ProviderUnavailable("jupiter", "answered 500"),
        LayoutMismatch("jupiter", "no outAmount"),
        RateLimited("jupiter", 1_000),
    ],
)
async def test_failures_of_the_provider_open_the_circuit_and_lower_its_uptime(error: SolquoteError) -> None:
    one = await failing(error, 3)
    report = one.report()
    assert report.breaker is BreakerState.OPEN
    assert report.window.uptime == 0.0
    assert report.last_error == str(error)
    is_unreadable = isinstance(error, LayoutMismatch)
    assert (one.unreadable_count, one.unanswered_count, one.took_s.count) == (
        3 * is_unreadable,
        3 * (not is_unreadable),
        3,
    )
    with pytest.raises(ProviderUnavailable, match="circuit open"):
        await one.reserve(Party.ON_DEMAND)


async def test_pair_without_a_route_speaks_for_the_provider() -> None:
    report = (await failing(NoLiquidity("jupiter", "no route"), 5)).report()
    assert report.breaker is BreakerState.CLOSED
    assert report.window.uptime == 1.0


async def test_probe_is_not_spent_on_a_call_that_the_rate_limit_refuses() -> None:
    clock, provider = FakeClock(), FakeProvider()
    one = guard(provider, clock, rate_per_s=0.01)
    for _ in range(3):
        provider.errors.append(ProviderUnavailable("jupiter", "answered 500"))
        with pytest.raises(ProviderUnavailable):
            await ask(one)
    one_token_left = one.report().tokens_available
    assert one_token_left == 2.0
    clock.advance_ns(10 * S)
    await one.reserve(Party.ON_DEMAND, 2)
    clock.advance_ns(10 * S)
    with pytest.raises(RateLimited):
        await one.reserve(Party.ON_DEMAND)
    assert one.report().breaker is BreakerState.HALF_OPEN


async def test_report_tells_what_is_left_of_the_rate_limit() -> None:
    one = guard(FakeProvider(), FakeClock())
    await one.reserve(Party.ON_DEMAND, 2)
    report = one.report()
    assert (report.tokens_available, report.requests_per_s, report.retry_after_ms) == (0.0, 1.0, 1000)
