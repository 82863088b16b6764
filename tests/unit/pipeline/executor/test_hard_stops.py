"""Hard stops: what all executors together may do, counted by whichever clock can tell, and each ending once."""

import itertools
from dataclasses import replace

import pytest
from fakes.executors import HARD_LIMITS
from fakes.fake_clock import FakeClock
from fakes.plans import plan as make_plan
from fakes.results import result
from hypothesis import given
from hypothesis import strategies as st

from pipeline.executor import hard_stops
from pipeline.executor.begun import Begun, Now
from pipeline.executor.hard_stops import MINUTE_NS, HardStops
from quote_core.clock import AGE_UNKNOWN_NS, moment
from quote_core.events import Claim, ExecutionPlan, Outcome, stamp
from quote_core.units import LAMPORTS_PER_SOL, NS_PER_S, Pubkey

DAY_NS = 86_400 * NS_PER_S
OTHER, THIRD = (
    Pubkey("Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"),
    Pubkey("mSoLzYCxHdYgdzU16g5QSh3i5K3z3KZK7ytfqcJm7So"),
)


def now(clock: FakeClock) -> Now:
    return Now(moment(clock), None)


def claim(plan: ExecutionPlan, clock: FakeClock) -> Claim:
    return Claim(
        header=stamp(clock),
        plan_id=plan.header.event_id,
        opportunity_id=plan.opportunity_id,
        hops=plan.hops,
        executor="another",
        begun=moment(clock),
    )


def begin(stops: HardStops, number: int, clock: FakeClock) -> None:
    stops.began(Begun(claim(make_plan(number), clock), AGE_UNKNOWN_NS, clock.mono_ns()))


def through(plan: ExecutionPlan, *tokens: Pubkey) -> ExecutionPlan:
    """The same plan over other tokens, from SOL back to SOL."""
    there, back = plan.hops
    stations = [there.input_mint, *tokens, there.input_mint]
    hops = tuple(
        replace(there if not number else back, input_mint=one, output_mint=other)
        for number, (one, other) in enumerate(itertools.pairwise(stations))
    )
    return replace(plan, hops=hops)


def test_no_more_than_the_rate_is_begun_within_a_minute() -> None:
    clock, stops = FakeClock(), HardStops(replace(HARD_LIMITS, trades_per_minute_max=2))
    for number in range(2):
        assert stops.refusal(make_plan(9), now(clock)) is None
        begin(stops, number, clock)
        clock.advance_ns(NS_PER_S)
    assert stops.refusal(make_plan(9), now(clock)) == "rate: 2 trades were begun within a minute, which is the most"
    clock.advance_ns(MINUTE_NS - 2 * NS_PER_S - 1)
    assert stops.refusal(make_plan(9), now(clock)) is not None
    clock.advance_ns(1)
    assert stops.refusal(make_plan(9), now(clock)) is None


def test_a_claim_under_way_counts_before_it_is_known() -> None:
    clock, stops = FakeClock(), HardStops(replace(HARD_LIMITS, trades_per_minute_max=2))
    begin(stops, 0, clock)
    under_way = [claim(make_plan(1), clock)]
    assert str(stops.refusal(make_plan(9), now(clock), under_way=under_way)).startswith("rate: ")
    assert stops.refusal(make_plan(9), now(clock)) is None


def test_claims_that_are_read_again_count_once() -> None:
    clock, stops = FakeClock(), HardStops(replace(HARD_LIMITS, trades_per_minute_max=2))
    begin(stops, 0, clock)
    stops.forget_begun()
    begin(stops, 0, clock)
    assert stops.refusal(make_plan(9), now(clock)) is None


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 8))
def test_in_no_minute_are_more_begun_than_the_rate(pauses_s: list[int], most: int) -> None:
    clock, stops = FakeClock(), HardStops(replace(HARD_LIMITS, trades_per_minute_max=most))
    begun_ns: list[int] = []
    for number, pause_s in enumerate(pauses_s):
        clock.advance_ns(pause_s * NS_PER_S)
        lately = sum(clock.mono_ns() - at_ns < MINUTE_NS for at_ns in begun_ns)
        refusal = stops.refusal(make_plan(number), now(clock))
        assert (refusal is None) == (lately < most)
        if refusal is None:
            begin(stops, number, clock)
            begun_ns.append(clock.mono_ns())


def test_a_pair_holds_no_more_than_its_exposure_until_a_trade_in_it_has_ended() -> None:
    clock, stops = FakeClock(), HardStops(replace(HARD_LIMITS, pair_exposure_lamports_max=2 * LAMPORTS_PER_SOL))
    begin(stops, 0, clock)
    assert stops.refusal(make_plan(9), now(clock)) is None
    begin(stops, 1, clock)
    told = str(stops.refusal(make_plan(9), now(clock)))
    assert told.startswith(f"exposure: {2 * LAMPORTS_PER_SOL} lamports are in ")
    assert stops.refusal(through(make_plan(9), OTHER), now(clock)) is None
    stops.ended(result(number=1))
    assert stops.refusal(make_plan(9), now(clock)) is None


def test_a_trade_over_three_tokens_is_in_each_of_its_pairs() -> None:
    clock, stops = FakeClock(), HardStops(replace(HARD_LIMITS, pair_exposure_lamports_max=LAMPORTS_PER_SOL))
    begun = claim(through(make_plan(0), OTHER, THIRD), clock)
    stops.began(Begun(begun, AGE_UNKNOWN_NS, clock.mono_ns()))
    for tokens in ((OTHER,), (THIRD,), (THIRD, OTHER)):
        assert str(stops.refusal(through(make_plan(9), *tokens), now(clock))).startswith("exposure: ")
    assert stops.refusal(make_plan(9), now(clock)) is None


def test_an_ending_heard_before_its_claim_closes_the_trade() -> None:
    clock, stops = FakeClock(), HardStops(replace(HARD_LIMITS, pair_exposure_lamports_max=LAMPORTS_PER_SOL))
    stops.ended(result(number=0))
    begin(stops, 0, clock)
    assert stops.refusal(make_plan(9), now(clock)) is None


def test_a_trade_of_which_nothing_is_heard_is_open_for_a_bounded_time() -> None:
    clock, stops = FakeClock(), HardStops(replace(HARD_LIMITS, pair_exposure_lamports_max=LAMPORTS_PER_SOL))
    begin(stops, 0, clock)
    clock.advance_ns(HARD_LIMITS.open_ns_max - 1)
    assert stops.refusal(make_plan(9), now(clock)) is not None
    clock.advance_ns(1)
    assert stops.refusal(make_plan(9), now(clock)) is None


def test_the_days_loss_stops_until_midnight_and_counts_every_ending_once() -> None:
    clock, stops = FakeClock(), HardStops(replace(HARD_LIMITS, daily_loss_lamports_max=100))
    today = clock.unix_ns()
    stops.ended(result(-1_000, number=1, finished_unix_ns=today - DAY_NS))
    lost = result(-60, number=2, outcome=Outcome.MISSED, finished_unix_ns=today)
    stops.ended(lost)
    stops.ended(lost)
    assert stops.refusal(make_plan(9), now(clock)) is None
    stops.ended(result(-40, number=3, finished_unix_ns=today))
    told = "daily loss: 100 lamports were lost today (UTC), at most 100"
    assert stops.refusal(make_plan(9), now(clock)) == told
    stops.forget_begun()
    assert stops.refusal(make_plan(9), now(clock)) == told
    clock.advance_ns(DAY_NS)
    assert stops.refusal(make_plan(9), now(clock)) is None


def test_a_profit_of_the_day_makes_up_for_a_loss() -> None:
    clock, stops = FakeClock(), HardStops(replace(HARD_LIMITS, daily_loss_lamports_max=100))
    stops.ended(result(-150, number=1, finished_unix_ns=clock.unix_ns()))
    assert stops.refusal(make_plan(9), now(clock)) is not None
    stops.ended(result(51, number=2, finished_unix_ns=clock.unix_ns()))
    assert stops.refusal(make_plan(9), now(clock)) is None


def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hard_stops, "REMEMBERED_COUNT_MAX", 10)
    clock, stops = FakeClock(), HardStops(replace(HARD_LIMITS, trades_per_minute_max=5))
    for number in range(30):
        begin(stops, number, clock)
        stops.ended(result(-1, number=100 + number, finished_unix_ns=number * DAY_NS))
    assert (len(stops._open), len(stops._ended), len(stops._lately)) == (10, 10, 5)
    assert len(stops._profit_lamports) == hard_stops.DAYS_COUNT_MAX
