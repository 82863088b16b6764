"""Each rule trips just past its limit and not at it, for its own reason."""

from dataclasses import replace
from typing import Any

import pytest
from fakes.manager_limits import LIMITS, NOON_NS, SECOND_NS
from fakes.pipeline_events import health_report
from fakes.results import result

from pipeline.system_manager.rules import Rules, Trip
from quote_core.events import Header, Outcome, PnlSnapshot, ServiceHealth


def header(at_s: float) -> Header:
    return Header(event_id=bytes(16), created_unix_ns=NOON_NS + round(at_s * SECOND_NS), slot=0)


def health(at_s: float = 0, **counts: Any) -> ServiceHealth:
    return health_report(header=header(at_s), **counts)


def pnl(at_s: float = 0, **figures: Any) -> PnlSnapshot:
    usual = PnlSnapshot(
        header=header(at_s),
        filled_count=0,
        refused_count=0,
        failed_count=0,
        win_count=0,
        cumulative_profit_lamports=0,
        expected_profit_lamports=0,
        day_profit_lamports=0,
        average_profit_lamports=0.0,
        flash_fee_lamports=0,
        tip_lamports=0,
        network_fee_lamports=0,
        sharpe_ratio=0.0,
        max_drawdown_lamports=0,
        max_drawdown_fraction=0.0,
        first_result_unix_ns=0,
        last_result_unix_ns=0,
    )
    return replace(usual, **figures)


def rules() -> Rules:
    return Rules(LIMITS, since_unix_ns=NOON_NS)


@pytest.mark.parametrize(
    ("at_limit", "past_limit", "rule"),
    [
        ({"handled_count": 100, "error_count": 50}, {"handled_count": 100, "error_count": 51}, "error_rate"),
        (
            {"rpc_call_count": 100, "rpc_failure_count": 80},
            {"rpc_call_count": 100, "rpc_failure_count": 81},
            "rpc_failures",
        ),
        (
            {"memory_used_bytes": 900, "memory_limit_bytes": 1_000},
            {"memory_used_bytes": 901, "memory_limit_bytes": 1_000},
            "memory",
        ),
        ({"slot_drift": 300}, {"slot_drift": 301}, "slot_drift"),
        ({"unwritten_ms": 10_000}, {"unwritten_ms": 10_001}, "journal"),
    ],
)
def test_health_trips_past_the_limit_and_not_at_it(
    at_limit: dict[str, int], past_limit: dict[str, int], rule: str
) -> None:
    assert rules().judge_health(health(**at_limit)) is None
    trip = rules().judge_health(health(**past_limit))
    assert trip is not None
    assert trip.rule == rule
    assert "local_quote" in trip.reason


def test_memory_without_a_limit_never_trips() -> None:
    assert rules().judge_health(health(memory_used_bytes=10**15)) is None


def test_a_share_of_too_few_says_nothing() -> None:
    assert rules().judge_health(health(handled_count=9, error_count=9)) is None


def test_a_share_is_taken_over_the_whole_window() -> None:
    judged = rules()
    assert judged.judge_health(health(0, handled_count=100, error_count=0)) is None
    assert judged.judge_health(health(1, handled_count=60, error_count=60)) is None
    assert judged.judge_health(health(2, handled_count=60, error_count=60)) is not None


def test_what_has_left_the_window_no_longer_counts() -> None:
    judged = rules()
    assert judged.judge_health(health(0, handled_count=1_000, error_count=0)) is None
    assert judged.judge_health(health(59.9, handled_count=20, error_count=20)) is None
    assert judged.judge_health(health(60, handled_count=1, error_count=1)) is not None


def test_services_and_their_instances_are_judged_apart() -> None:
    judged = rules()
    assert judged.judge_health(health(handled_count=1_000, error_count=0)) is None
    assert judged.judge_health(health(service="planner", handled_count=20, error_count=20)) is not None
    assert judged.judge_health(health(instance="2", handled_count=20, error_count=20)) is not None


def test_errors_beyond_what_was_handled_count_as_all() -> None:
    trip = rules().judge_health(health(handled_count=0, error_count=10))
    assert trip is not None
    assert trip.reason.startswith("100%")


def test_ten_failed_trades_in_five_minutes_are_borne_and_eleven_are_not() -> None:
    judged = rules()
    assert judged.judge_pnl(pnl(0, failed_count=0)) is None
    assert judged.judge_pnl(pnl(299, failed_count=10)) is None
    trip = judged.judge_pnl(pnl(299.5, failed_count=11))
    assert trip is not None
    assert trip.rule == "failed_trades"


def test_failed_trades_of_long_ago_are_forgotten() -> None:
    judged = rules()
    for at_s, count in ((0, 0), (1, 10), (301, 11), (302, 20)):
        assert judged.judge_pnl(pnl(at_s, failed_count=count)) is None


def test_failures_from_before_the_first_account_do_not_count() -> None:
    assert rules().judge_pnl(pnl(0, failed_count=500)) is None


def test_drawdown_is_measured_from_the_highest_equity() -> None:
    judged = rules()
    assert judged.judge_pnl(pnl(0, cumulative_profit_lamports=100_000)) is None
    assert judged.judge_pnl(pnl(1, cumulative_profit_lamports=80_000)) is None
    trip = judged.judge_pnl(pnl(2, cumulative_profit_lamports=79_999))
    assert trip is not None
    assert trip.rule == "drawdown"


def test_results_that_the_stream_dropped_are_no_loss_and_hide_none() -> None:
    judged = rules()
    assert judged.judge_pnl(pnl(0, first_result_unix_ns=0)) is None
    earned = {"cumulative_profit_lamports": 100_000, "day_profit_lamports": 100_000}
    assert judged.judge_pnl(pnl(1, first_result_unix_ns=1, **earned)) is None
    fallen = {"cumulative_profit_lamports": 96_000, "day_profit_lamports": 96_000}
    assert judged.judge_pnl(pnl(2, first_result_unix_ns=1, **fallen)) is None
    assert judged.judge_pnl(pnl(3, first_result_unix_ns=0)) is None
    trip = judged.judge_pnl(pnl(4, first_result_unix_ns=5, cumulative_profit_lamports=-16_000))
    assert trip == Trip("drawdown", "equity is 19.2% below its highest")


def test_the_days_loss_trips_when_it_reaches_the_limit() -> None:
    judged = rules()
    assert judged.judge_pnl(pnl(0)) is None
    assert judged.judge_pnl(pnl(1, day_profit_lamports=-4_999)) is None
    trip = judged.judge_pnl(pnl(2, day_profit_lamports=-5_000))
    assert trip is not None
    assert trip.rule == "daily_loss"


def test_a_release_lets_the_loss_seen_rest_and_counts_anew() -> None:
    judged = rules()
    judged.judge_pnl(pnl(0))
    assert judged.judge_pnl(pnl(1, day_profit_lamports=-6_000, cumulative_profit_lamports=-6_000)) is not None
    judged.rearm(NOON_NS + 2 * SECOND_NS)
    assert judged.judge_pnl(pnl(3, day_profit_lamports=-6_000, cumulative_profit_lamports=-6_000)) is None
    assert judged.judge_pnl(pnl(4, day_profit_lamports=-10_999, cumulative_profit_lamports=-10_999)) is None
    trip = judged.judge_pnl(pnl(5, day_profit_lamports=-11_000, cumulative_profit_lamports=-11_000))
    assert trip is not None
    assert trip.rule == "daily_loss"


def test_midnight_begins_a_new_days_loss_also_after_a_release() -> None:
    judged = rules()
    assert judged.judge_pnl(pnl(0, day_profit_lamports=-4_000)) is None
    tomorrow_s = 13 * 3_600
    assert judged.judge_pnl(pnl(tomorrow_s, day_profit_lamports=-4_999)) is None
    assert judged.judge_pnl(pnl(tomorrow_s + 1, day_profit_lamports=-5_000)) is not None


def test_an_account_from_before_the_release_says_nothing() -> None:
    judged = rules()
    judged.rearm(NOON_NS + 10 * SECOND_NS)
    assert judged.judge_pnl(pnl(5, day_profit_lamports=-10_000)) is None


def test_a_release_does_not_hide_what_is_still_so() -> None:
    judged = rules()
    judged.rearm(NOON_NS)
    assert judged.judge_health(health(slot_drift=301)) is not None


def test_reading_the_same_accounts_again_leads_to_the_same_answer() -> None:
    accounts = [pnl(at, failed_count=3 * at, cumulative_profit_lamports=-at * 700) for at in range(12)]
    first, second = rules(), rules()
    assert [first.judge_pnl(one) for one in accounts] == [second.judge_pnl(one) for one in accounts]


def test_the_number_of_services_told_apart_is_bounded() -> None:
    judged = rules()
    for number in range(1_000):
        judged.judge_health(health(service=f"s{number}", handled_count=1))
    assert len(judged._samples) == 256


def traded(profit_lamports: int, at_s: float, outcome: Outcome = Outcome.FILLED) -> Any:
    return result(profit_lamports, outcome=outcome, finished_unix_ns=NOON_NS + round(at_s * SECOND_NS))


def recalled(*results: Any, at_s: float) -> Trip | None:
    judged = rules()
    for each in results:
        judged.recall(each)
    return judged.judge_recalled(NOON_NS + round(at_s * SECOND_NS))


def rule_of(trip: Trip | None) -> str:
    return trip.rule if trip is not None else ""


def test_failed_trades_of_before_a_restart_count() -> None:
    failures = [traded(0, at_s, Outcome.FAILED) for at_s in range(11)]
    assert rule_of(recalled(*failures, at_s=299)) == "failed_trades"
    assert rule_of(recalled(*failures[1:], at_s=299)) == ""
    assert rule_of(recalled(*failures, at_s=300)) == ""


def test_the_days_loss_of_before_a_restart_counts_until_midnight() -> None:
    assert rule_of(recalled(traded(-3_000, 1), traded(-2_000, 2), at_s=3)) == "daily_loss"
    assert rule_of(recalled(traded(-3_000, 1), traded(-1_999, 2), at_s=3)) == ""
    assert rule_of(recalled(traded(-3_000, 1), traded(-2_000, 2), at_s=13 * 3_600)) == ""


def test_the_peak_of_before_a_restart_counts_over_days() -> None:
    day_s = 86_400
    falls = [traded(-4_000, day * day_s) for day in range(1, 7)]
    assert rule_of(recalled(traded(100_000, 1), *falls, at_s=6 * day_s)) == "drawdown"
    assert rule_of(recalled(traded(100_000, 1), *falls[:5], at_s=6 * day_s)) == ""


def test_what_was_lost_before_the_release_does_not_trip_after_a_restart() -> None:
    lost = [traded(100_000, -7_200), traded(-90_000, -3_600), *(traded(0, -1, Outcome.FAILED) for _ in range(20))]
    assert recalled(*lost, at_s=1) is None
    assert rule_of(recalled(*lost, traded(-5_000, 1), at_s=2)) == "daily_loss"


def test_each_result_after_what_was_recalled_is_judged_with_it() -> None:
    judged = rules()
    judged.recall(traded(-4_000, 1))
    assert judged.judge_recalled(NOON_NS + 2 * SECOND_NS) is None
    assert judged.judge_result(traded(-999, 3)) is None
    assert rule_of(judged.judge_result(traded(-1, 4))) == "daily_loss"


def test_a_failure_more_than_can_be_told_apart_still_counts() -> None:
    failures = [traded(0, 1, Outcome.FAILED)] * 5_000
    trip = recalled(*failures, at_s=2)
    assert trip == Trip("failed_trades", "5000 trades failed within 5 min")


def test_a_restart_and_a_life_without_one_give_the_same_answer() -> None:
    history = [traded(-300, at, Outcome.FAILED if at % 2 else Outcome.FILLED) for at in range(-5, 16)]
    whole = rules()
    for each in history[:5]:
        whole.recall(each)
    live = [whole.judge_result(each) for each in history[5:]][-1]
    assert live == recalled(*history, at_s=15)


def test_a_report_of_before_the_release_does_not_count_unless_the_clock_was_set_back() -> None:
    failing = {"handled_count": 100, "error_count": 100}
    assert rules().judge_health(health(-1, **failing)) is None
    assert rules().judge_health(health(-61, **failing)) is not None


def test_an_account_that_begins_elsewhere_brings_no_failed_trades_of_long_ago() -> None:
    judged = rules()
    assert judged.judge_pnl(pnl(0, failed_count=1, first_result_unix_ns=5)) is None
    assert judged.judge_pnl(pnl(1, failed_count=900, first_result_unix_ns=1)) is None


def names(judged: Rules, at_s: float) -> list[str]:
    return [trip.rule for trip in judged.triggering(NOON_NS + round(at_s * SECOND_NS))]


def test_every_rule_that_says_stop_triggers_once_and_a_release_leaves_what_still_is_so() -> None:
    judged = rules()
    assert names(judged, 0) == []
    broken = {"memory_used_bytes": 95, "memory_limit_bytes": 100, "slot_drift": 301}
    judged.judge_health(health(1, **broken))
    judged.judge_health(health(1, service="scanner", **broken))
    judged.judge_health(health(2, service="planner", handled_count=100, error_count=100))
    judged.judge_result(traded(-60_000, 3))
    assert names(judged, 4) == ["drawdown", "daily_loss", "memory", "slot_drift", "error_rate"]
    judged.rearm(NOON_NS + 5 * SECOND_NS)
    assert names(judged, 6) == ["memory", "slot_drift"]
    judged.judge_health(health(7))
    judged.judge_health(health(7, service="scanner"))
    assert names(judged, 8) == []


def test_what_was_reported_too_long_ago_and_the_loss_of_another_day_trigger_no_more() -> None:
    judged = rules()
    judged.judge_health(health(1, slot_drift=301))
    judged.judge_health(health(1, service="planner", handled_count=100, error_count=100))
    judged.judge_result(traded(-5_000, 1))
    judged.judge_pnl(pnl(1, first_result_unix_ns=1))
    judged.judge_pnl(pnl(2, first_result_unix_ns=1, day_profit_lamports=-5_000))
    assert names(judged, 60) == ["daily_loss", "slot_drift", "error_rate"]
    assert names(judged, 61) == ["daily_loss"]
    assert names(judged, 13 * 3_600) == []


def test_what_triggers_after_a_restart_is_what_did_before_it() -> None:
    history = [traded(0, 1, Outcome.FAILED)] * 11 + [traded(-60_000, 2)]
    restarted = rules()
    for each in history:
        restarted.recall(each)
    restarted.judge_recalled(NOON_NS + 3 * SECOND_NS)
    assert names(restarted, 3) == ["failed_trades", "drawdown", "daily_loss"]


def test_services_that_come_and_go_leave_room_for_those_that_are_there() -> None:
    judged = rules()
    for second in range(600):
        judged.judge_health(health(second, instance=str(second)))
    judged.judge_health(health(600, service="late", slot_drift=301))
    assert names(judged, 600) == ["slot_drift"]


def test_no_success_in_hours_of_trades_trips_and_is_recalled() -> None:
    hours = [traded(-1, 3_600 * hour / 4, Outcome.MISSED) for hour in range(1, 25)]
    judged = rules()
    for each in hours[:-1]:
        assert judged.judge_result(each) is None
    assert rule_of(judged.judge_result(hours[-1])) == "no_success"
    assert rule_of(recalled(*hours, at_s=7 * 3_600)) == "no_success"
    assert rule_of(recalled(*hours[:-1], at_s=24 * 3_600)) == "", "time alone trips nothing"
    resumed = rules()
    assert resumed.resume(judged.money()) == ""
    assert names(resumed, 7 * 3_600) == ["no_success"]
