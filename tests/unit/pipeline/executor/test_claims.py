"""What the claims so far forbid, how old a thing is by whichever clock can tell, and claims on their way."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from fakes.executors import HARD_LIMITS
from fakes.fake_clock import FakeClock
from fakes.plans import plan as make_plan
from fakes.results import result

from pipeline.executor import claims
from pipeline.executor.begun import Begun, Now
from pipeline.executor.claims import ClaimBook, Claims
from pipeline.executor.hard_stops import HardLimits, HardStops
from quote_core.bus.register import Stored
from quote_core.bus.stream_clock import StreamState
from quote_core.clock import AGE_UNKNOWN_NS, NO_MOMENT, Moment, moment
from quote_core.errors import ProviderUnavailable
from quote_core.events import Claim, Event, ExecutionPlan, stamp
from quote_core.units import LAMPORTS_PER_SOL, Pubkey

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


class ClaimStream:
    """CLAIMS as its server keeps it; a test says when it confirms, and what it confirms to nobody."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stored: list[Event] = []
        self.asked: list[bytes] = []
        """Plans whose claims were sent, in order."""
        self.confirms = asyncio.Event()
        self.loses: Callable[[Claim], bool] = lambda claim: False
        """Whose confirmation is lost."""
        monkeypatch.setattr(claims, "append_if_last_is", self._append)
        monkeypatch.setattr(claims, "state_of_stream", self._state)
        monkeypatch.setattr(claims, "read_next", self._next)

    async def _append(self, bus: object, event: Claim, *, sequence: int, after: Event | None = None) -> int | None:
        self.asked.append(event.plan_id)
        fits = len(self.stored) == sequence and (after is None or self.stored[-1] is after)
        if fits:
            self.stored.append(event)
        stored_as = len(self.stored)
        if self.loses(event):
            raise ProviderUnavailable("nats", "timeout")
        await self.confirms.wait()
        return stored_as if fits else None

    async def _state(self, *_: object) -> StreamState:
        return StreamState(len(self.stored), STREAM_NS)

    async def _next(self, *_: object, after: int) -> Stored:
        return Stored(after + 1, self.stored[after], STREAM_NS)


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> ClaimStream:
    return ClaimStream(monkeypatch)


def claims_of(executor: str, *, pool_rest_ns: int = 0, limits: HardLimits = HARD_LIMITS) -> Claims:
    stops = HardStops(limits)
    return Claims(None, clock=FakeClock(), executor=executor, pool_rest_ns=pool_rest_ns, stops=stops)  # type: ignore[arg-type]


async def turns(count: int = 20) -> None:
    """Let whatever can go on go on."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_claims_do_not_wait_for_each_others_confirmation(stream: ClaimStream) -> None:
    ours = claims_of("one")
    beginning = [asyncio.create_task(ours.begin(make_plan(number))) for number in range(5)]
    await turns()
    assert len(stream.asked) == len(stream.stored) == 5
    assert not any(task.done() for task in beginning)
    stream.confirms.set()
    assert await asyncio.gather(*beginning) == [None] * 5


async def test_what_a_claim_on_its_way_forbids_is_not_said_before_it_has_landed(stream: ClaimStream) -> None:
    ours = claims_of("one")
    first = make_plan(1)
    rival = replace(make_plan(2), opportunity_id=first.opportunity_id)
    beginning = [asyncio.create_task(ours.begin(plan)) for plan in (first, rival, first)]
    await turns()
    assert len(stream.asked) == 1
    stream.confirms.set()
    begun_now, duplicate, begun_before = await asyncio.gather(*beginning)
    assert begun_now is None
    assert str(duplicate).startswith("duplicate: plan")
    assert isinstance(begun_before, Begun)


async def test_a_resting_pool_waits_for_the_claim_on_its_way(stream: ClaimStream) -> None:
    ours = claims_of("one", pool_rest_ns=REST_NS)
    beginning = [asyncio.create_task(ours.begin(make_plan(number))) for number in (1, 2)]
    await turns()
    assert len(stream.asked) == 1
    stream.confirms.set()
    assert [str(answer)[:15] for answer in await asyncio.gather(*beginning)] == ["None", "duplicate: pool"]


async def test_what_was_judged_behind_a_refused_claim_is_judged_again(stream: ClaimStream) -> None:
    ours, theirs = claims_of("one"), claims_of("two")
    rivals = [replace(make_plan(10 + number), opportunity_id=make_plan(number).opportunity_id) for number in range(3)]
    other = asyncio.create_task(theirs.begin(rivals[2]))
    await turns()
    beginning = [asyncio.create_task(ours.begin(make_plan(number))) for number in range(3)]
    await turns()
    # Theirs is the stream's first message, where ours was to be: the second of ours fits behind it by its sequence.
    assert (len(stream.asked), len(stream.stored)) == (4, 1)
    stream.confirms.set()
    assert await other is None
    answers = await asyncio.gather(*beginning)
    assert answers[:2] == [None, None]
    assert str(answers[2]).startswith("duplicate: plan")


async def test_a_claim_whose_confirmation_is_lost_is_known_from_the_one_behind_it(stream: ClaimStream) -> None:
    ours = claims_of("one")
    stream.loses = lambda claim: claim.plan_id == make_plan(0).header.event_id
    beginning = [asyncio.create_task(ours.begin(make_plan(number))) for number in range(2)]
    await turns()
    stream.confirms.set()
    lost, landed = await asyncio.gather(*beginning, return_exceptions=True)
    assert isinstance(lost, ProviderUnavailable)
    assert landed is None
    assert isinstance(await ours.begin(make_plan(0)), Begun)
    assert len(stream.stored) == 2


async def test_a_claim_whose_confirmation_is_lost_is_read_when_the_next_is_refused(stream: ClaimStream) -> None:
    ours = claims_of("one")
    stream.loses = lambda claim: True
    with pytest.raises(ProviderUnavailable):
        await ours.begin(make_plan(0))
    stream.loses = lambda claim: False
    stream.confirms.set()
    rival = replace(make_plan(1), opportunity_id=make_plan(0).opportunity_id)
    assert str(await ours.begin(rival)).startswith("duplicate: plan")


async def test_two_executors_with_claims_on_their_way_begin_each_opportunity_once(stream: ClaimStream) -> None:
    stream.confirms.set()
    ours, theirs = claims_of("one"), claims_of("two")
    plans = [make_plan(number) for number in range(40)]
    rivals = [replace(make_plan(100 + number), opportunity_id=plans[number].opportunity_id) for number in range(40)]
    answers = await asyncio.gather(*map(ours.begin, plans), *map(theirs.begin, reversed(rivals)))
    assert sum(answer is None for answer in answers) == len(stream.stored) == 40
    assert len({event.opportunity_id for event in stream.stored if isinstance(event, Claim)}) == 40


async def test_claims_on_their_way_never_begin_more_than_the_rate(stream: ClaimStream) -> None:
    limits = replace(HARD_LIMITS, trades_per_minute_max=10)
    ours, theirs = claims_of("one", limits=limits), claims_of("two", limits=limits)
    beginning = [
        asyncio.create_task(claims.begin(make_plan(number)))
        for number, claims in enumerate((*[ours] * 20, *[theirs] * 20))
    ]
    await turns()
    assert not any(task.done() for task in beginning), "nothing is refused that a lost claim might make room for"
    stream.confirms.set()
    answers = await asyncio.gather(*beginning)
    assert sum(answer is None for answer in answers) == len(stream.stored) == 10
    assert {str(answer)[:6] for answer in answers if answer is not None} == {"rate: "}


async def test_what_a_claim_puts_at_stake_is_the_plans_amount_whatever_its_hops_say(stream: ClaimStream) -> None:
    stream.confirms.set()
    ours = claims_of("one", limits=replace(HARD_LIMITS, pair_exposure_lamports_max=LAMPORTS_PER_SOL))
    there, back = make_plan(1).hops
    assert await ours.begin(replace(make_plan(1), hops=(replace(there, input_amount=1), back))) is None
    assert str(await ours.begin(make_plan(2))).startswith("exposure: ")
    ours.ended(result(number=1))
    assert await ours.begin(make_plan(2)) is None


async def test_a_cancelled_claim_leaves_the_others_on_their_way(stream: ClaimStream) -> None:
    ours = claims_of("one")
    beginning = [asyncio.create_task(ours.begin(make_plan(number))) for number in range(3)]
    await turns()
    beginning[1].cancel()
    await turns()
    stream.confirms.set()
    answers = await asyncio.gather(*beginning, return_exceptions=True)
    assert (answers[0], answers[2]) == (None, None)
    assert isinstance(await ours.begin(make_plan(1)), Begun)
