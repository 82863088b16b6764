"""From messages to notices."""

from dataclasses import replace

import pytest
from fakes.alerts import NOW_NS
from fakes.pipeline_events import health_report, kill_switch

from pipeline.notifier.alert import Ending, Level, Notice
from pipeline.notifier.reading import notice_of_dead_letter, of_system
from quote_core.bus.follow import Followed
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import Event, StopRequest, TradingState, encode, stamp


def message(event: Event | bytes, subject: str = "system.kill_switch", **headers: str) -> Followed:
    return Followed(
        created="then",
        subject=subject,
        sequence=7,
        stored_unix_ns=NOW_NS,
        data=event if isinstance(event, bytes) else encode(event),
        remaining_count=0,
        headers=headers,
    )


def found(event: Event | bytes) -> Notice:
    notice = of_system(message(event))
    assert isinstance(notice, Notice)
    return notice


def test_a_halt_is_critical_and_names_the_rule():
    halted = kill_switch(TradingState.HALTED, trigger="drawdown", actor="rule drawdown", reason="equity fell by 11 %")
    notice = found(halted)
    assert (notice.level, notice.is_lasting) == (Level.CRITICAL, True)
    assert notice.title == "Trading is HALTED: drawdown"
    assert notice.text == "By rule drawdown: equity fell by 11 %"


def test_reducing_is_a_warning_and_a_release_is_the_end_of_both():
    assert found(kill_switch(TradingState.REDUCING)).level is Level.WARNING
    assert found(kill_switch(TradingState.REDUCING)).key == found(kill_switch(TradingState.HALTED)).key
    over = of_system(message(kill_switch(TradingState.ACTIVE)))
    assert isinstance(over, Ending)
    assert over.key == found(kill_switch(TradingState.HALTED)).key
    assert over.text == "Trading is ACTIVE. By tester: test"


def test_a_state_that_is_only_written_again_is_the_same_variant_and_a_new_one_is_not():
    halted = kill_switch(TradingState.HALTED)
    assert found(replace(halted, revision=2)).variant == found(halted).variant
    assert found(replace(halted, changed_unix_ns=2)).variant != found(halted).variant


@pytest.mark.parametrize("state", [TradingState.ACTIVE, TradingState.HALTED])
def test_a_stop_request_is_a_warning_and_active_is_read_as_halted(state: TradingState):
    asked = StopRequest(header=stamp(SYSTEM_CLOCK), state=state, trigger="manual", reason="", actor="alice")
    notice = found(asked)
    assert notice.level is Level.WARNING
    assert notice.title == "A stop was asked for: HALTED"
    assert notice.text == "By alice: no reason given"


def test_what_cannot_be_read_is_critical():
    assert found(b"stop!").level is Level.CRITICAL


def test_other_events_are_nothing_to_tell():
    assert of_system(message(health_report())) is None


def test_dead_letters_of_one_consumer_are_one_alert_and_those_of_plans_are_critical():
    letter = message(b"x", "dead.PLANNED.executor", **{"Solquote-Reason": "gave up", "Solquote-Sequence": "12"})
    notice = notice_of_dead_letter(letter)
    assert (notice.key, notice.level) == ("dead_letter:PLANNED.executor", Level.CRITICAL)
    assert notice.text == "Message 12. gave up"
    other = notice_of_dead_letter(message(b"x", "dead.OPPORTUNITIES.planner"))
    assert (other.level, other.text) == (Level.WARNING, "")
