"""One provider's rate, kept by several: together no more than it allows, whatever becomes of what they share."""

import pytest
from fakes.fake_clock import FakeClock
from fakes.provider_quotes import S
from fakes.shared_cache import FakeSharedCache, SharedMemory
from hypothesis import given
from hypothesis import strategies as st

from external_quote.shared_rate import SharedRate
from quote_core.errors import RateLimited
from quote_core.resilience import RateLimiter

BURST = 4


def rate(memory: SharedMemory, clock: FakeClock) -> tuple[SharedRate, FakeSharedCache]:
    """Of one token a second."""
    shared = FakeSharedCache(memory)
    limiter = RateLimiter(name="jupiter", rate_per_s=1.0, burst_count=BURST, clock=clock)
    return SharedRate(limiter, name="jupiter", shared=shared, bucket="jupiter:1"), shared


async def took(one: SharedRate, count: int = 1) -> bool:
    """As `ProviderGuard.reserve` does it."""
    try:
        one.limiter.reserve(count)
        await one.take(count)
    except RateLimited:
        return False
    return True


async def filled(clock: FakeClock, *rates: SharedRate) -> None:
    """Past the bucket's first time, when it gives nothing."""
    for one in rates:
        await took(one)
    clock.advance_ns(100 * S)


async def test_what_one_takes_the_other_has_not() -> None:
    clock = FakeClock()
    memory = SharedMemory(clock)
    (one, _), (other, _) = rate(memory, clock), rate(memory, clock)
    await filled(clock, one, other)
    assert [await took(one), await took(other), await took(one, 2)] == [True, True, True]
    assert [await took(one), await took(other)] == [False, False]
    with pytest.raises(RateLimited) as refused:
        one.limiter.reserve(1)
    assert refused.value.retry_after_ms == 1000, "its own limiter knows what the bucket has"
    clock.advance_ns(S)
    assert [await took(other), await took(one)] == [True, False]


async def test_pause_that_one_was_told_is_kept_by_all() -> None:
    clock = FakeClock()
    memory = SharedMemory(clock)
    (one, _), (other, _) = rate(memory, clock), rate(memory, clock)
    await filled(clock, one, other)
    one.pause(30 * S)
    assert [await took(one), await took(other)] == [False, False]
    clock.advance_ns(29 * S)
    assert not await took(other)
    clock.advance_ns(S)
    assert await took(other)


async def test_with_nothing_shared_any_more_each_has_its_part_and_nothing_saved_up() -> None:
    clock = FakeClock()
    memory = SharedMemory(clock)
    rates = [rate(memory, clock) for _ in range(2)]
    await filled(clock, *(one for one, _ in rates))
    for _, shared in rates:
        shared.is_shared = False
    assert [await took(one) for one, _ in rates] == [False, False]
    clock.advance_ns(S)
    assert [await took(one) for one, _ in rates] == [False, False]
    clock.advance_ns(S)
    assert [await took(one) for one, _ in rates] == [True, True]
    for _, shared in rates:
        shared.is_shared = True
    clock.advance_ns(4 * S)
    assert [await took(one) for one, _ in rates for _ in range(3)].count(True) == BURST


async def test_who_never_could_ask_has_all_of_it() -> None:
    clock = FakeClock()
    one, shared = rate(SharedMemory(clock), clock)
    shared.is_shared = False
    assert [await took(one) for _ in range(BURST + 1)] == [True] * BURST + [False]
    clock.advance_ns(S)
    assert await took(one)


@given(st.data())
async def test_together_they_never_take_more_than_comes_while_they_share(data: st.DataObject) -> None:
    clock = FakeClock()
    memory = SharedMemory(clock)
    rates = [rate(memory, clock)[0] for _ in range(3)]
    began_ns, count = clock.mono_ns(), 0
    for _ in range(data.draw(st.integers(1, 40))):
        clock.advance_ns(data.draw(st.integers(0, 3 * S)))
        one, wanted = data.draw(st.sampled_from(rates)), data.draw(st.integers(1, 2))
        count += wanted if await took(one, wanted) else 0
        assert count <= BURST + (clock.mono_ns() - began_ns) // S


@given(st.data())
async def test_while_it_comes_and_goes_for_all_they_take_little_more_than_comes(data: st.DataObject) -> None:
    clock = FakeClock()
    memory = SharedMemory(clock)
    members = [rate(memory, clock) for _ in range(2)]
    await filled(clock, *(one for one, _ in members))
    began_ns, count, turn_count = clock.mono_ns(), 0, 0
    for _ in range(data.draw(st.integers(1, 60))):
        clock.advance_ns(data.draw(st.integers(0, 2 * S)))
        if data.draw(st.integers(0, 9)) == 0:
            turn_count += 1
            for _, shared in members:
                shared.is_shared = not shared.is_shared
        one, _ = data.draw(st.sampled_from(members))
        count += await took(one)
        # Each time it comes or goes, what was saved up is given at most once more.
        assert count <= BURST * (1 + turn_count) + (clock.mono_ns() - began_ns) // S
