"""No success for hours trips only where trades are begun, and only by those that came to nothing."""

from dataclasses import replace

from fakes.manager_limits import LIMITS, NOON_NS, SECOND_NS
from fakes.results import result

from pipeline.system_manager.dry_spell import DrySpell
from quote_core.events import Outcome

HOUR_NS = 3_600 * SECOND_NS


def spell(*, within_ns: int = 6 * HOUR_NS) -> DrySpell:
    dry = DrySpell(replace(LIMITS, success_within_ns=within_ns, success_trade_count_min=3))
    dry.rearm(NOON_NS)
    return dry


def tried(dry: DrySpell, outcome: Outcome, *hours: float) -> None:
    for hour in hours:
        dry.take(result(outcome=outcome, finished_unix_ns=NOON_NS + round(hour * HOUR_NS)))


def test_trades_that_come_to_nothing_for_so_long_trip_and_not_a_moment_before() -> None:
    dry = spell()
    tried(dry, Outcome.MISSED, 1, 2, 5.999)
    assert dry.judge() is None
    tried(dry, Outcome.FAILED, 6)
    trip = dry.judge()
    assert trip is not None
    assert (trip.rule, trip.reason) == ("no_success", "none of 4 trades has succeeded for 6.0 h")


def test_a_platform_that_begins_nothing_is_never_dry() -> None:
    dry = spell()
    tried(dry, Outcome.REFUSED, *range(48))
    tried(dry, Outcome.ABANDONED, 49)
    assert dry.judge() is None
    tried(dry, Outcome.MISSED, 50, 51)
    assert dry.judge() is None, "two say nothing yet"


def test_one_success_or_a_release_begins_anew() -> None:
    dry = spell()
    tried(dry, Outcome.MISSED, 1, 2, 7)
    assert dry.judge() is not None
    tried(dry, Outcome.FILLED, 7.5)
    tried(dry, Outcome.MISSED, 8, 9, 13.4)
    assert dry.judge() is None
    tried(dry, Outcome.MISSED, 13.5)
    assert dry.judge() is not None
    dry.rearm(NOON_NS + 14 * HOUR_NS)
    tried(dry, Outcome.MISSED, 15, 16, 19.9)
    assert dry.judge() is None


def test_the_rule_can_be_off() -> None:
    dry = spell(within_ns=0)
    tried(dry, Outcome.MISSED, *range(100))
    assert dry.judge() is None
