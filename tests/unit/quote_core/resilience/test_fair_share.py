"""Who gets the tokens when both want them."""

import pytest
from fakes.fake_clock import FakeClock

from quote_core.errors import RateLimited
from quote_core.resilience import FairShare, Party, RateLimiter

S = 1_000_000_000
TICK_NS = S // 20


class Shared:
    """A limiter of one token a second that saves up two, and its two parties."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        limiter = RateLimiter(name="jupiter", rate_per_s=1.0, burst_count=2, clock=self.clock)
        self.share = FairShare(limiter, name="jupiter", clock=self.clock)

    def takes(self, party: Party, count: int = 1) -> int:
        """How many tokens a try brings."""
        try:
            self.share.reserve(party, count)
        except RateLimited:
            return 0
        return count


@pytest.mark.parametrize("refresh_count", [1, 2])
@pytest.mark.parametrize("asks_every_ns", [TICK_NS, S // 4, S])
def test_constant_demand_of_both_is_served_in_halves(refresh_count: int, asks_every_ns: int) -> None:
    shared, got = Shared(), dict.fromkeys(Party, 0)
    for tick in range(600 * S // TICK_NS):  # ten minutes
        if tick * TICK_NS % asks_every_ns == 0:
            got[Party.ON_DEMAND] += shared.takes(Party.ON_DEMAND)
        got[Party.REFRESH] += shared.takes(Party.REFRESH, refresh_count)
        shared.clock.advance_ns(TICK_NS)
    assert 590 <= sum(got.values()) <= 602
    assert all(280 <= count <= 320 for count in got.values()), got


def test_a_caller_that_comes_back_when_told_is_served_then() -> None:
    shared, waits_ms = Shared(), []
    shared.takes(Party.ON_DEMAND, 2)
    next_try_ns, served_count = shared.clock.mono_ns(), 0
    for _ in range(60 * S // TICK_NS):
        shared.takes(Party.REFRESH, 2)
        if shared.clock.mono_ns() >= next_try_ns:
            try:
                shared.share.reserve(Party.ON_DEMAND)
            except RateLimited as refused:
                waits_ms.append(refused.retry_after_ms)
                next_try_ns = shared.clock.mono_ns() + refused.retry_after_ms * 1_000_000
            else:
                served_count += 1
        shared.clock.advance_ns(TICK_NS)
    assert 26 <= served_count <= 34
    assert max(waits_ms) <= 3_000, "two tokens of the refresh and its own"


@pytest.mark.parametrize("party", Party)
def test_a_party_alone_gets_all(party: Party) -> None:
    shared = Shared()
    got = 0
    for _ in range(100):
        got += shared.takes(party)
        shared.clock.advance_ns(S)
    assert got == 100


def test_time_away_saves_no_share_up() -> None:
    shared = Shared()
    for _ in range(100):
        shared.takes(Party.ON_DEMAND)
        shared.clock.advance_ns(S)
    shared.takes(Party.ON_DEMAND, 2)
    got = dict.fromkeys(Party, 0)
    for _ in range(20 * S // TICK_NS):
        for party in Party:
            got[party] += shared.takes(party)
        shared.clock.advance_ns(TICK_NS)
    assert abs(got[Party.ON_DEMAND] - got[Party.REFRESH]) <= 2


def test_one_who_does_not_come_back_keeps_its_turn_no_longer_than_a_little() -> None:
    shared = Shared()
    shared.takes(Party.REFRESH, 2)
    assert shared.takes(Party.ON_DEMAND) == 0
    shared.clock.advance_ns(S)
    assert shared.takes(Party.REFRESH) == 1, "who is even is served first"
    assert shared.takes(Party.ON_DEMAND) == 0
    shared.clock.advance_ns(S)
    assert shared.takes(Party.REFRESH) == 0, "now it is the other's turn"
    shared.clock.advance_ns(S // 4)
    assert shared.takes(Party.REFRESH) == 1
