"""Sums, factors and verdicts of events, from the event alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.fake_clock import FakeClock
from fakes.pipeline_events import cycle, health_report, opportunity
from fakes.plans import plan
from fakes.results import round_trip

from pipeline.planner.factors import PlanLimits, judge
from pipeline.planner.plans import candidate_seen
from pipeline.planner.settings import PlannerSettings
from pipeline.settings import CostSettings
from quote_core.clock import NO_MOMENT
from quote_core.errors import InvalidField
from quote_core.events import Event, ExecutionPlan, ExecutionResult, TwoHopArbitrage, decode
from quote_core.units import NS_PER_S
from solquote.event_verdict import OLDER_PLAN, EventVerdict, verdict_of

LIMITS = PlannerSettings().limits()
RATES = CostSettings().rates()
RELEASED = json.loads((Path(__file__).parents[2] / "golden" / "events" / "release-0.1.0.json").read_bytes())["messages"]
KEPT = {one["event"]["type"]: decode(bytes.fromhex(one["message"])) for one in RELEASED}


def explained(event: Event, *, limits: PlanLimits = LIMITS, age_ns: int = 0) -> EventVerdict:
    return verdict_of(event, limits=limits, rates=RATES, age_ns=age_ns)


def judged_plan() -> ExecutionPlan:
    """One that tells what it was judged by."""
    told = {name: getattr(LIMITS, name) for name in LIMITS.__slots__ if name != "blocked_pools"}
    made = replace(
        plan(1), opportunity_age_ns=12, quote_age_ns=34, price_impact_ppm=1_000, depth_amounts=(10**13,) * 2, **told
    )
    made = replace(made, slippage_tolerance_bps=20, min_amount_out=-(-made.expected_amount_out * 9_980 // 10_000))
    judged = explained(made).judged
    assert judged is not None
    return replace(made, risk_score=judged.risk)


def test_an_opportunity_is_judged_as_the_planner_judges_it() -> None:
    found = opportunity(clock=FakeClock(), age_ns=200_000_000, confidence_bps=6_000)
    told = explained(found)
    assert told.judged == judge(candidate_seen(found, now=found.created, rates=RATES), LIMITS)
    assert (told.verdict, told.reasons, told.limits_from) == ("rejected", ("confidence",), "settings")
    assert told.is_equal
    assert [one.value for one in told.sums] == [10_000_000, 100, 9_485_000]


def test_a_cycle_is_judged_with_the_costs_of_its_legs() -> None:
    found = cycle(clock=FakeClock(), confidence_bps=6_000)
    told = explained(found)
    assert told.judged == judge(candidate_seen(found, now=found.created, rates=RATES), LIMITS)
    assert (told.verdict, told.reasons, told.is_equal) == ("rejected", ("confidence",), True)
    assert [one.value for one in told.sums] == [10_000_000, 100, 9_485_000]
    assert not explained(replace(found, amounts=(*found.amounts[:-1], found.amounts[-1] + 1))).is_equal


def test_a_cycle_that_contradicts_itself_is_not_explained() -> None:
    with pytest.raises(InvalidField, match="mints"):
        explained(replace(cycle(), mints=()))


def test_an_opportunity_grows_older_until_it_is_judged() -> None:
    found = opportunity(clock=FakeClock())
    assert explained(found, age_ns=2 * NS_PER_S - 1).reasons == ()
    assert explained(found, age_ns=2 * NS_PER_S).reasons == ("age",)


def test_an_opportunity_that_does_not_say_when_is_too_old_as_the_planner_has_it() -> None:
    assert "age" in explained(replace(opportunity(), created=NO_MOMENT)).reasons


def test_other_costs_than_the_scanners_are_told() -> None:
    found = opportunity(clock=FakeClock())
    dearer = replace(RATES, tip_lamports=20_000)
    (note, _) = verdict_of(found, limits=LIMITS, rates=dearer, age_ns=0).notes
    assert note == "the scanner counted 515000 lamports of costs, the planner counts 525000 by [costs]"


@pytest.mark.parametrize(
    "event",
    [
        replace(opportunity(), net_profit_lamports=9_485_001),
        replace(judged_plan(), min_amount_out=1_007_979_999),
        replace(judged_plan(), risk_score=0.2),
        replace(judged_plan(), net_profit_lamports=9_480_001),
        replace(judged_plan(), confidence_bps=7_000),
        replace(round_trip(1_000_000, 7, 1_010_000, flash_fee_lamports=500), profit_lamports=9_501),
    ],
)
def test_a_figure_that_was_changed_does_not_come_out(event: Event) -> None:
    assert not explained(event).is_equal


def test_a_plan_is_judged_by_its_own_limits_and_not_by_the_settings_of_today() -> None:
    strict = replace(LIMITS, net_profit_bps_min=9_999, risk_below=0.0)
    told = explained(judged_plan(), limits=strict)
    assert (told.verdict, told.reasons, told.limits_from, told.is_equal) == ("planned", (), "plan", True)
    assert told.judged is not None
    assert {check.reason.name for check in told.judged.checks} == {
        "PROFIT",
        "TOO_GOOD",
        "CONFIDENCE",
        "AGE",
        "AMOUNT",
        "SLIPPAGE",
        "RISK",
    }


def test_a_raised_least_profit_is_worked_out_from_the_landing_rate_the_plan_tells() -> None:
    raised = replace(
        judged_plan(),
        net_profit_bps_floor=30,
        net_profit_bps_ceiling=90,
        landing_target_bps=5_000,
        landing_bps=2_500,
        net_profit_bps_min=60,
    )
    told = explained(raised)
    assert told.is_equal
    assert told.sums[-1].how == "30 + ceil(60 x max(0, 5000 - 2500 landed of 10000) / 5000)"
    assert not explained(replace(raised, net_profit_bps_min=59)).is_equal


def test_what_release_0_1_0_wrote_is_explained() -> None:
    found, made, ended = KEPT["TwoHopArbitrage"], KEPT["ExecutionPlan"], KEPT["ExecutionResult"]
    assert isinstance(found, TwoHopArbitrage)
    assert isinstance(made, ExecutionPlan)
    assert isinstance(ended, ExecutionResult)
    seen, planned, result = map(explained, (found, made, ended))
    assert seen.verdict == "passes on what was seen"
    assert (seen.ids["plan_id"], seen.ids["result_id"]) == (made.header.event_id.hex(), ended.header.event_id.hex())
    assert (planned.verdict, planned.judged, planned.notes) == ("planned", None, (OLDER_PLAN,))
    assert result.verdict == "filled"
    assert all(one.is_equal for one in (seen, planned, result))


def test_an_event_without_a_verdict_is_refused() -> None:
    with pytest.raises(InvalidField, match="a ServiceHealth has no factors, sums or verdict"):
        explained(health_report())
