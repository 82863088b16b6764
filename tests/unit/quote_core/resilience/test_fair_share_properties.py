import contextlib

from fakes.fake_clock import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from quote_core.errors import RateLimited
from quote_core.resilience import FairShare, Party, RateLimiter

S = 1_000_000_000
tries = st.lists(st.tuples(st.sampled_from(Party), st.integers(0, 2 * S), st.integers(1, 3)), max_size=80)


@given(tries)
def test_sharing_grants_no_token_the_limiter_has_not(tries: list[tuple[Party, int, int]]) -> None:
    clock = FakeClock()
    limiter = RateLimiter(name="any", rate_per_s=1.0, burst_count=3, clock=clock)
    share = FairShare(limiter, name="any", clock=clock)
    granted_count = elapsed_ns = 0
    for party, pause_ns, count in tries:
        clock.advance_ns(pause_ns)
        elapsed_ns += pause_ns
        with contextlib.suppress(RateLimited):
            share.reserve(party, count)
            granted_count += count
    assert granted_count <= 3 + elapsed_ns / S


@given(tries)
def test_whoever_waits_as_told_while_the_other_is_away_is_served(tries: list[tuple[Party, int, int]]) -> None:
    clock = FakeClock()
    limiter = RateLimiter(name="any", rate_per_s=1.0, burst_count=3, clock=clock)
    share = FairShare(limiter, name="any", clock=clock)
    for party, pause_ns, count in tries:
        clock.advance_ns(pause_ns)
        for _ in range(2):  # the second time the other's claim has run out, at the latest
            clock.advance_ns(share.claim(party, count))
        clock.advance_ns(S)
        share.reserve(party, count)
