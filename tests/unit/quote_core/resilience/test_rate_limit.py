import pytest
from fakes.fake_clock import FakeClock

from quote_core.errors import RateLimited
from quote_core.resilience import RateLimiter

S = 1_000_000_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def limiter(clock: FakeClock) -> RateLimiter:
    return RateLimiter(name="jupiter", rate_per_s=1.0, burst_count=2, clock=clock)


def test_bucket_starts_full_and_is_empty_after_its_burst(limiter: RateLimiter) -> None:
    limiter.reserve()
    limiter.reserve()
    with pytest.raises(RateLimited) as refused:
        limiter.reserve()
    assert refused.value.retry_after_ms == 1000


def test_second_token_is_not_taken_when_only_one_is_left(limiter: RateLimiter, clock: FakeClock) -> None:
    limiter.reserve()
    with pytest.raises(RateLimited) as refused:
        limiter.reserve(2)
    assert refused.value.retry_after_ms == 1000
    assert limiter.tokens_available == 1.0
    limiter.reserve()


def test_tokens_come_back_at_the_rate_and_no_more_than_the_burst_is_saved(
    limiter: RateLimiter, clock: FakeClock
) -> None:
    limiter.reserve(2)
    clock.advance_ns(S // 2)
    assert limiter.tokens_available == pytest.approx(0.5)
    assert limiter.wait_ns() == S // 2
    clock.advance_ns(100 * S)
    assert limiter.tokens_available == 2.0
    limiter.reserve(2)
    assert limiter.wait_ns(2) == 2 * S


def test_wait_is_rounded_up_so_that_coming_back_then_works(limiter: RateLimiter, clock: FakeClock) -> None:
    limiter.reserve(2)
    clock.advance_ns(1)
    with pytest.raises(RateLimited) as refused:
        limiter.reserve()
    clock.advance_ns(refused.value.retry_after_ms * 1_000_000)
    limiter.reserve()


def test_pause_gives_no_token_until_it_is_over(limiter: RateLimiter, clock: FakeClock) -> None:
    limiter.pause(7 * S)
    limiter.pause(3 * S)
    assert limiter.tokens_available == 0.0
    with pytest.raises(RateLimited) as refused:
        limiter.reserve()
    assert refused.value.retry_after_ms == 7000
    clock.advance_ns(7 * S)
    limiter.reserve(2)
