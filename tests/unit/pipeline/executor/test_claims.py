"""What the claims so far forbid, and how old a thing is by whichever clock can tell."""

from dataclasses import replace

import pytest
from fakes.fake_clock import FakeClock
from fakes.plans import plan as make_plan

from pipeline.executor import claims
from pipeline.executor.claims import Begun, ClaimBook, Now
from quote_core.clock import AGE_UNKNOWN_NS, NO_MOMENT, Moment, moment
from quote_core.events import Claim, ExecutionPlan, stamp
from quote_core.units import Pubkey

REST_NS = 1_000_000_000
HOUR_NS = 3_600_000_000_000
STREAM_NS = 1_800_000_000_000_000_000


def now(clock: FakeClock, stream_unix_ns: int | None = None) -> Now:
    return Now(moment(clock), stream_unix_ns)


def begun(plan: ExecutionPlan, clock: FakeClock, *, at: Moment | None = None, stored: int = AGE_UNKNOWN_NS) -> Begun:
    claim = Claim(
        header=stamp(clock),
        plan_id=plan.header.event_id,
        opportunity_id=plan.opportunity_id,
        hops=plan.hops,
        executor="one",
        begun=at or moment(clock),
    )
    return Begun(claim, stored, clock.mono_ns())


def book_with(one: Begun) -> ClaimBook:
    book = ClaimBook(pool_rest_ns=REST_NS)
    book.add(one)
    return book


def test_a_second_plan_for_an_opportunity_is_a_duplicate_for_ever() -> None:
    clock, one = FakeClock(), make_plan(1)
    book = book_with(begun(one, clock))
    clock.advance_ns(HOUR_NS)
    other = replace(make_plan(2), opportunity_id=one.opportunity_id)
    assert str(book.conflict(other, now(clock))).startswith("duplicate: plan")
    assert book.of_plan(one.header.event_id) is not None


def test_a_pool_just_traded_rests_and_not_a_nanosecond_longer() -> None:
    clock = FakeClock()
    book = book_with(begun(make_plan(1), clock))
    clock.advance_ns(REST_NS - 1)
    assert str(book.conflict(make_plan(2), now(clock))).startswith("duplicate: pool")
    clock.advance_ns(1)
    assert book.conflict(make_plan(2), now(clock)) is None


@pytest.mark.parametrize("step_ns", [-HOUR_NS, HOUR_NS, -60_000_000_000])
def test_a_step_of_the_wall_clock_neither_lengthens_nor_shortens_the_rest(step_ns: int) -> None:
    clock = FakeClock()
    book = book_with(begun(make_plan(1), clock))
    clock.step_wall_ns(step_ns)
    clock.advance_ns(REST_NS - 1)
    assert book.conflict(make_plan(2), now(clock)) is not None
    clock.advance_ns(1)
    assert book.conflict(make_plan(2), now(clock)) is None


def test_the_claim_of_another_host_is_dated_by_the_stream_and_not_by_that_hosts_clocks() -> None:
    clock, elsewhere = FakeClock(), Moment(77, 5, 1)
    book = book_with(begun(make_plan(1), clock, at=elsewhere, stored=STREAM_NS))
    assert book.conflict(make_plan(2), now(clock, STREAM_NS + REST_NS - 1)) is not None
    assert book.conflict(make_plan(2), now(clock, STREAM_NS + REST_NS)) is None


@pytest.mark.parametrize("stream_unix_ns", [None, STREAM_NS - HOUR_NS])
def test_a_claim_of_unknown_age_rests_from_when_it_was_heard_of(stream_unix_ns: int | None) -> None:
    clock = FakeClock()
    book = book_with(begun(make_plan(1), clock, at=Moment(77, 5, 1), stored=STREAM_NS))
    assert book.conflict(make_plan(2), now(clock, stream_unix_ns)) is not None
    clock.advance_ns(REST_NS)
    assert book.conflict(make_plan(2), now(clock, stream_unix_ns)) is None


def test_a_plan_of_this_host_is_dated_by_the_monotonic_clock_whatever_the_wall_clock_does() -> None:
    clock = FakeClock()
    planned = moment(clock)
    clock.advance_ms(20_000)
    clock.step_wall_ns(-60_000_000_000)
    assert now(clock, STREAM_NS).age_ns(planned, stored_unix_ns=STREAM_NS) == 20_000_000_000


@pytest.mark.parametrize(
    ("created", "stream_unix_ns"),
    [
        (NO_MOMENT, STREAM_NS),
        (Moment(77, 2**64 - 1, 2**64 - 1), None),
        (Moment(77, 1, 1), STREAM_NS - HOUR_NS),
    ],
)
def test_what_cannot_be_dated_is_older_than_every_limit(created: Moment, stream_unix_ns: int | None) -> None:
    assert now(FakeClock(), stream_unix_ns).age_ns(created, stored_unix_ns=STREAM_NS) == AGE_UNKNOWN_NS


def test_a_moment_ahead_on_this_host_is_older_than_every_limit() -> None:
    clock = FakeClock()
    ahead = replace(moment(clock), mono_ns=2**64 - 1)
    assert now(clock).age_ns(ahead, stored_unix_ns=0) == AGE_UNKNOWN_NS


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "REMEMBERED_COUNT_MAX", 10)
    clock, book = FakeClock(), ClaimBook(pool_rest_ns=REST_NS)
    for number in range(30):
        there, back = make_plan(number).hops
        fresh = replace(there, pool_id=Pubkey(f"pool {number}"))
        book.add(begun(replace(make_plan(number), hops=(fresh, back)), clock))
    assert book.of_plan(make_plan(19).header.event_id) is None
    assert book.of_plan(make_plan(20).header.event_id) is not None
    assert len(book._by_pool) == len(book._by_opportunity) == 10
