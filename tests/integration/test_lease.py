import asyncio
import json

import pytest
from fakes.fake_clock import FakeClock
from fakes.nats_server import NatsServer
from fakes.pipeline_process import until
from hypothesis import given, settings
from hypothesis import strategies as st

from quote_core.bus import Bus
from quote_core.bus.lease import Lease
from quote_core.bus.lease_bucket import LEASE_STREAM, lease_subject
from quote_core.bus.register import newest_message
from quote_core.errors import ProviderUnavailable

pytestmark = pytest.mark.integration
DURATION_MS = 3_000
ENDLESS = json.dumps({"holder": "b.1", "where": "x", "duration_ns": 10**18}).encode()
VALID_MS = DURATION_MS - 1_000


def lease(clock: FakeClock, holder: str, *, name: str = "scanner.0", duration_ms: int = DURATION_MS) -> Lease:
    return Lease(name, holder=holder, where=f"{holder} here", clock=clock, duration_ns=duration_ms * 1_000_000)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_the_first_who_asks_holds_it_and_the_second_knows_who(bus: Bus, clock: FakeClock) -> None:
    first, second = lease(clock, "a.1"), lease(clock, "b.1")
    await first.seek(bus)
    await second.seek(bus)
    assert (first.is_held, second.is_held) == (True, False)
    assert (first.other, second.other) == ("", "a.1 here")


async def test_it_is_taken_from_who_is_silent_and_never_while_that_one_may_hold_it(bus: Bus, clock: FakeClock) -> None:
    first, second = lease(clock, "a.1"), lease(clock, "b.1")
    await first.seek(bus)
    await second.seek(bus)
    clock.advance_ms(VALID_MS)
    assert not first.is_held
    await second.seek(bus)
    assert not second.is_held
    clock.advance_ms(DURATION_MS - VALID_MS)
    await second.seek(bus)
    assert second.is_held
    await first.seek(bus)
    assert (first.is_held, first.other) == (False, "b.1 here")


async def test_how_long_it_counts_is_the_holder_s_to_say(bus: Bus, clock: FakeClock) -> None:
    first, second = lease(clock, "a.1", duration_ms=10 * DURATION_MS), lease(clock, "b.1")
    await first.seek(bus)
    await second.seek(bus)
    clock.advance_ms(10 * DURATION_MS - 1_001)
    await second.seek(bus)
    assert (first.is_held, second.is_held) == (True, False)
    clock.advance_ms(1_001)
    await second.seek(bus)
    assert (first.is_held, second.is_held) == (False, True)


async def test_who_renews_keeps_it(bus: Bus, clock: FakeClock) -> None:
    first, second = lease(clock, "a.1"), lease(clock, "b.1")
    for _ in range(10):
        await first.seek(bus)
        await second.seek(bus)
        clock.advance_ms(VALID_MS - 1)
        assert (first.is_held, second.is_held) == (True, False)


async def test_who_slept_past_its_end_holds_nothing_before_it_has_asked(bus: Bus, clock: FakeClock) -> None:
    first = lease(clock, "a.1")
    await first.seek(bus)
    clock.advance_ms(60_000)
    assert not first.is_held
    await first.seek(bus)
    assert first.is_held


async def test_who_leaves_makes_room_at_once(bus: Bus, clock: FakeClock) -> None:
    first, second = lease(clock, "a.1"), lease(clock, "b.1")
    await first.seek(bus)
    await second.seek(bus)
    await first.leave(bus)
    assert not first.is_held
    await second.seek(bus)
    assert second.is_held


async def test_who_comes_in_the_place_of_one_that_died_takes_it_at_once(bus: Bus, clock: FakeClock) -> None:
    died, heir = lease(clock, "a.1"), lease(clock, "a.2")
    await died.seek(bus)
    await heir.seek(bus)
    assert heir.is_held
    await died.seek(bus)  # it was a copy of the place, and lives
    assert (died.is_held, died.other) == (False, "a.2 here")


async def test_all_of_one_shared_name_hold_it_together(bus: Bus, clock: FakeClock) -> None:
    two, again, three = (lease(clock, count, name="scanner.count") for count in ("2", "2", "3"))
    await asyncio.gather(two.seek(bus), again.seek(bus))
    await three.seek(bus)
    assert (two.is_held, again.is_held, three.is_held) == (True, True, False)


async def test_of_many_who_ask_at_once_one_holds_it(bus: Bus, clock: FakeClock) -> None:
    asking = [lease(clock, f"{number}.1") for number in range(20)]
    await asyncio.gather(*(one.seek(bus) for one in asking))
    assert sum(one.is_held for one in asking) == 1


async def test_what_is_no_lease_is_nobodys(bus: Bus, clock: FakeClock) -> None:
    for nonsense in (b"", b"\xff", b"[]", b'{"holder": 1}', json.dumps({"where": "x"}).encode(), ENDLESS):
        await bus.publish_bytes(lease_subject("scanner.0"), nonsense, {})
        mine = lease(clock, "a.1")
        await mine.seek(bus)
        assert mine.is_held


async def test_it_outlives_the_server(nats_server: NatsServer, bus: Bus, clock: FakeClock) -> None:
    first, second = lease(clock, "a.1"), lease(clock, "b.1")
    await first.seek(bus)
    nats_server.stop()
    await until(lambda: not bus.is_connected)
    with pytest.raises(ProviderUnavailable):
        await second.seek(bus)
    nats_server.start()
    await until(lambda: bus.is_connected)
    await second.seek(bus)
    assert (first.is_held, second.is_held) == (True, False)


async def test_one_message_is_kept_of_each(bus: Bus, clock: FakeClock) -> None:
    mine, other = lease(clock, "a.1"), lease(clock, "a.1", name="scanner.1")
    for _ in range(5):
        await mine.seek(bus)
        await other.seek(bus)
    assert (await bus.jetstream.stream_info(LEASE_STREAM)).state.messages == 2
    assert await newest_message(bus, LEASE_STREAM, lease_subject("scanner.2")) is None


STEPS = st.lists(
    st.one_of(st.sampled_from(["seek a", "seek b", "seek c", "leave a"]), st.integers(1, 4_000)), max_size=25
)


async def test_whatever_happens_no_two_hold_it(bus: Bus) -> None:
    """Each has a clock of its own, and none of them agrees with another about the time."""
    loop, runs = asyncio.get_running_loop(), iter(range(10_000))

    async def play(steps: list[str | int]) -> None:
        number = next(runs)
        clocks = {who: FakeClock(mono_ns=10**12 + position * 10**15) for position, who in enumerate("abc")}
        asking = {who: lease(clock, f"{who}.1", name=f"scanner.{number}") for who, clock in clocks.items()}
        for step in steps:
            if isinstance(step, int):
                for clock in clocks.values():
                    clock.advance_ms(step)
            else:
                verb, who = step.split()
                await (asking[who].seek(bus) if verb == "seek" else asking[who].leave(bus))
            assert sum(one.is_held for one in asking.values()) <= 1

    @settings(max_examples=60)
    @given(STEPS)
    def check(steps: list[str | int]) -> None:
        asyncio.run_coroutine_threadsafe(play(steps), loop).result()

    await asyncio.to_thread(check)
