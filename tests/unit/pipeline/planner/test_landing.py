"""The landing rate and the limit it makes: between its bounds, forgetting, and the same for all who read the stream."""

from dataclasses import replace

import pytest
from fakes.results import result
from hypothesis import given
from hypothesis import strategies as st

from pipeline.planner.landing import LandingRate, raised_bps, raised_limits
from pipeline.planner.settings import PlannerSettings
from quote_core.events import ExecutionResult, Outcome
from quote_core.settings import SettingsError
from quote_core.units import BPS, NS_PER_S

HALF_LIFE_NS = 300 * NS_PER_S
BEGIN_NS = 1_700_000_000 * NS_PER_S
LIMITS = PlannerSettings(net_profit_bps_ceiling=90).limits()


def ended(outcome: Outcome, *, fee_lamports: int = 5_000) -> ExecutionResult:
    return result(outcome=outcome, network_fee_lamports=fee_lamports)


def rate_of(outcomes: list[Outcome], *, target_bps: int = 5_000) -> LandingRate:
    """One result a second."""
    rate = LandingRate(half_life_ns=HALF_LIFE_NS, target_bps=target_bps)
    for second, outcome in enumerate(outcomes):
        rate.add(ended(outcome), stored_unix_ns=BEGIN_NS + second * NS_PER_S)
    return rate


def test_with_nothing_known_the_rate_is_the_target_and_the_limit_the_fixed_one() -> None:
    assert rate_of([]).bps(now_unix_ns=BEGIN_NS) == 5_000
    assert raised_limits(LIMITS, landing_bps=5_000).net_profit_bps_min == LIMITS.net_profit_bps_min == 30


def test_misses_raise_the_limit_and_landings_bring_it_back() -> None:
    low = rate_of([Outcome.MISSED] * 50).bps(now_unix_ns=None)
    assert low < 1_000
    assert 75 < raised_limits(LIMITS, landing_bps=low).net_profit_bps_min <= 90
    again = rate_of([Outcome.MISSED] * 50 + [Outcome.FILLED] * 300).bps(now_unix_ns=None)
    assert again > 5_000
    assert raised_limits(LIMITS, landing_bps=again).net_profit_bps_min == 30


def test_what_is_long_ago_is_forgotten() -> None:
    rate = rate_of([Outcome.MISSED] * 50)
    later = [rate.bps(now_unix_ns=BEGIN_NS + halves * HALF_LIFE_NS) for halves in (0, 1, 2, 4, 20)]
    assert later == sorted(later)
    assert later[0] < 1_000
    assert later[-1] == 5_000


def test_what_was_never_sent_says_nothing_of_landing() -> None:
    rate = LandingRate(half_life_ns=HALF_LIFE_NS, target_bps=5_000)
    never = (ended(Outcome.REFUSED), ended(Outcome.ABANDONED), ended(Outcome.FAILED, fee_lamports=0))
    for one in never * 20:
        rate.add(one, stored_unix_ns=BEGIN_NS)
    assert rate.bps(now_unix_ns=BEGIN_NS) == 5_000
    rate.add(ended(Outcome.FAILED), stored_unix_ns=BEGIN_NS)
    assert rate.bps(now_unix_ns=BEGIN_NS) < 5_000


def test_a_planner_that_began_later_and_reads_what_counts_agrees() -> None:
    long_ago = [(Outcome.MISSED, BEGIN_NS - 20 * HALF_LIFE_NS + second * NS_PER_S) for second in range(100)]
    lately = [(Outcome.MISSED if second % 3 else Outcome.FILLED, BEGIN_NS + second * NS_PER_S) for second in range(100)]
    first, second = (LandingRate(half_life_ns=HALF_LIFE_NS, target_bps=5_000) for _ in range(2))
    for outcome, at in (*long_ago, *lately):
        first.add(ended(outcome), stored_unix_ns=at)
    for outcome, at in lately:
        second.add(ended(outcome), stored_unix_ns=at)
    now_unix_ns = BEGIN_NS + 101 * NS_PER_S
    assert first.bps(now_unix_ns=now_unix_ns) == second.bps(now_unix_ns=now_unix_ns)


@given(
    floor_bps=st.integers(0, 1_000),
    more_bps=st.integers(0, 1_000),
    target_bps=st.integers(1, BPS),
    landing_bps=st.integers(0, BPS),
    less_bps=st.integers(0, BPS),
)
def test_the_limit_stays_between_floor_and_ceiling_and_never_falls_as_fewer_land(
    floor_bps: int, more_bps: int, target_bps: int, landing_bps: int, less_bps: int
) -> None:
    def limit(landing: int) -> int:
        ceiling_bps = floor_bps + more_bps
        return raised_bps(floor_bps=floor_bps, ceiling_bps=ceiling_bps, target_bps=target_bps, landing_bps=landing)

    assert floor_bps <= limit(landing_bps) <= floor_bps + more_bps
    assert limit(max(0, landing_bps - less_bps)) >= limit(landing_bps)
    assert limit(0) == floor_bps + more_bps
    assert limit(target_bps) == floor_bps


def test_limits_tell_what_the_least_net_profit_came_from() -> None:
    limits = raised_limits(LIMITS, landing_bps=2_500)
    assert limits == replace(LIMITS, net_profit_bps_min=60, landing_bps=2_500)
    assert (limits.net_profit_bps_floor, limits.net_profit_bps_ceiling, limits.landing_target_bps) == (30, 90, 5_000)


def test_a_ceiling_below_the_floor_is_a_setting_refused() -> None:
    with pytest.raises(SettingsError, match="net_profit_bps_ceiling must be 0, or not below net_profit_bps_min"):
        PlannerSettings.load(environ={"SOLQUOTE_PLANNER_NET_PROFIT_BPS_CEILING": "29"})
