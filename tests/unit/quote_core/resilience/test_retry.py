import pytest
from fakes.fake_clock import FakeClock

from quote_core.errors import InvalidField, ProviderUnavailable, RateLimited, SolquoteError
from quote_core.resilience import retry_within

S = 1_000_000_000


class Flaky:
    """Raises what it is told, one error a call, then answers."""

    def __init__(self, *errors: SolquoteError) -> None:
        self.errors = list(errors)
        self.call_count = 0

    async def __call__(self) -> str:
        self.call_count += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


class Pauses:
    """Sleeps by moving the clock."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.taken_s: list[float] = []

    async def __call__(self, pause_s: float) -> None:
        self.taken_s.append(pause_s)
        self.clock.advance_ns(round(pause_s * S))


async def tried(call: Flaky, *, deadline_s: float = 60.0) -> tuple[str, list[float]]:
    clock = FakeClock()
    pauses = Pauses(clock)
    answer = await retry_within(
        call, deadline_mono_ns=clock.mono_ns() + round(deadline_s * S), clock=clock, sleep=pauses
    )
    return answer, pauses.taken_s


def down() -> ProviderUnavailable:
    return ProviderUnavailable("jupiter", "answered 500")


async def test_upstream_failure_is_tried_again_after_a_pause() -> None:
    call = Flaky(down(), down())
    answer, pauses_s = await tried(call)
    assert answer == "answer"
    assert call.call_count == 3
    assert len(pauses_s) == 2
    assert all(0.0 <= pause_s <= 0.1 for pause_s in pauses_s)


async def test_last_attempts_own_error_is_raised() -> None:
    call = Flaky(*(down() for _ in range(10)))
    with pytest.raises(ProviderUnavailable, match="answered 500"):
        await tried(call)
    assert call.call_count == 3


@pytest.mark.parametrize("error", [InvalidField("amount", "must be above zero"), RateLimited("jupiter", 10)])
async def test_what_no_retry_can_mend_is_not_tried_again(error: SolquoteError) -> None:
    call = Flaky(error)
    with pytest.raises(type(error)):
        await tried(call)
    assert call.call_count == 1


async def test_no_attempt_begins_after_the_deadline() -> None:
    call = Flaky(down(), down())
    with pytest.raises(ProviderUnavailable):
        await tried(call, deadline_s=0.0)
    assert call.call_count == 1
