"""The alert book's table."""

from dataclasses import replace

import pytest
from fakes.alerts import HOUR_NS, MINUTE_NS, NOW_NS, SECOND_NS, alert, notice, rules

from pipeline.notifier.alert import Ending, Level, State
from pipeline.notifier.book import ALERT_COUNT_MAX, AlertBook


def tell(book: AlertBook, name: str, now_unix_ns: int, *, is_quiet: bool = False) -> list[tuple[int, State]]:
    """Tell a destination all that is due, as delivery does."""
    due = book.due(name, now_unix_ns=now_unix_ns, is_quiet=is_quiet)
    book.note_told(name, due)
    return [(one.number, one.state) for one in due]


def ending(key: str = "kill_switch") -> Ending:
    return Ending(key=key, text="it is over", at_unix_ns=NOW_NS + 1)


@pytest.fixture
def book() -> AlertBook:
    return AlertBook(rules())


def test_a_critical_alert_is_due_at_once_and_once(book: AlertBook):
    book.take(notice(), now_unix_ns=NOW_NS)
    assert tell(book, "pager", NOW_NS) == [(1, State.OPEN)]
    assert tell(book, "pager", NOW_NS + HOUR_NS) == []
    assert tell(book, "mail", NOW_NS + HOUR_NS) == [(1, State.OPEN)]


def test_what_is_not_critical_waits_for_its_group_and_goes_out_together(book: AlertBook):
    book.take(notice("a", level=Level.WARNING), now_unix_ns=NOW_NS)
    book.take(notice("b", level=Level.WARNING), now_unix_ns=NOW_NS + 9 * SECOND_NS)
    assert tell(book, "mail", NOW_NS + 9 * SECOND_NS) == []
    assert tell(book, "mail", NOW_NS + 10 * SECOND_NS) == [(1, State.OPEN), (2, State.OPEN)]


def test_something_critical_takes_the_waiting_with_it_and_stands_first(book: AlertBook):
    book.take(notice("a", level=Level.WARNING), now_unix_ns=NOW_NS)
    book.take(notice("b"), now_unix_ns=NOW_NS + 1)
    assert [number for number, _ in tell(book, "mail", NOW_NS + 1)] == [2, 1]


def test_a_destination_hears_only_from_its_level_on(book: AlertBook):
    book.take(notice("a", level=Level.WARNING), now_unix_ns=NOW_NS)
    later = NOW_NS + MINUTE_NS
    assert tell(book, "pager", later) == []
    assert tell(book, "boss", later) == []
    assert tell(book, "mail", later) == [(1, State.OPEN)]
    book.take(notice("b", level=Level.INFO), now_unix_ns=later)
    assert tell(book, "mail", later + MINUTE_NS) == []
    assert [number for number, _ in tell(book, "chat", later + MINUTE_NS)] == [1, 2]


def test_in_quiet_hours_only_what_is_critical_passes_and_the_rest_comes_after(book: AlertBook):
    book.take(notice("a", level=Level.WARNING), now_unix_ns=NOW_NS)
    book.take(notice("b"), now_unix_ns=NOW_NS)
    assert tell(book, "mail", NOW_NS + HOUR_NS, is_quiet=True) == [(2, State.OPEN)]
    assert tell(book, "mail", NOW_NS + HOUR_NS, is_quiet=True) == []
    assert tell(book, "mail", NOW_NS + 2 * HOUR_NS) == [(1, State.OPEN)]


def test_the_same_again_is_counted_and_not_told(book: AlertBook):
    for _ in range(5):
        book.take(notice("d", is_lasting=False), now_unix_ns=NOW_NS)
    assert tell(book, "pager", NOW_NS) == [(1, State.OPEN)]
    assert book.alerts[0].count == 5
    book.take(notice("d", is_lasting=False), now_unix_ns=NOW_NS + MINUTE_NS)
    assert tell(book, "pager", NOW_NS + MINUTE_NS) == []
    book.take(notice("d", is_lasting=False), now_unix_ns=NOW_NS + HOUR_NS)
    assert tell(book, "pager", NOW_NS + HOUR_NS) == [(1, State.OPEN)]
    assert book.alerts[0].count == 7


def test_what_lasts_and_says_so_again_is_neither_counted_nor_told(book: AlertBook):
    book.take(notice(), now_unix_ns=NOW_NS)
    tell(book, "pager", NOW_NS)
    book.take(notice(), now_unix_ns=NOW_NS + 24 * HOUR_NS)
    assert tell(book, "pager", NOW_NS + 24 * HOUR_NS) == []
    assert book.alerts[0].count == 1


def test_another_variant_is_told_anew_and_an_acknowledgement_of_before_counts_no_more(book: AlertBook):
    book.take(notice(), now_unix_ns=NOW_NS)
    assert book.acknowledge(1, by="alice", now_unix_ns=NOW_NS)
    tell(book, "pager", NOW_NS)
    book.take(notice(variant="2", title="Trading is HALTED: daily_loss"), now_unix_ns=NOW_NS + 1)
    assert tell(book, "pager", NOW_NS + 1) == [(1, State.OPEN)]
    assert book.alerts[0].title == "Trading is HALTED: daily_loss"


def test_who_heard_the_worst_hears_the_milder_state_and_the_end(book: AlertBook):
    book.take(notice(), now_unix_ns=NOW_NS)
    tell(book, "pager", NOW_NS)
    book.take(notice(variant="2", level=Level.WARNING), now_unix_ns=NOW_NS + 1)
    assert tell(book, "pager", NOW_NS + MINUTE_NS) == [(1, State.OPEN)]
    assert book.end(ending(), now_unix_ns=NOW_NS + HOUR_NS)
    assert tell(book, "pager", NOW_NS + HOUR_NS) == [(1, State.ENDED)]


def test_what_came_and_went_before_anybody_was_told_is_told_as_over(book: AlertBook):
    book.take(notice(), now_unix_ns=NOW_NS)
    book.end(ending(), now_unix_ns=NOW_NS)
    assert tell(book, "pager", NOW_NS) == [(1, State.ENDED)]


def test_an_ending_of_nothing_is_nothing_and_the_next_notice_is_another_alert(book: AlertBook):
    assert not book.end(ending(), now_unix_ns=NOW_NS)
    book.take(notice(), now_unix_ns=NOW_NS)
    book.end(ending(), now_unix_ns=NOW_NS)
    book.take(notice(at_unix_ns=NOW_NS + 5), now_unix_ns=NOW_NS + 5)
    assert [one.number for one in book.alerts] == [1, 2]
    assert book.alerts[0].identity != book.alerts[1].identity


def test_what_nobody_acknowledges_escalates_so_often_and_to_those_who_only_hear_that(book: AlertBook):
    book.take(notice(), now_unix_ns=NOW_NS)
    tell(book, "pager", NOW_NS)
    now_unix_ns = NOW_NS
    for _ in range(2):
        assert not book.look(now_unix_ns=now_unix_ns + 14 * MINUTE_NS)
        now_unix_ns += 15 * MINUTE_NS
        assert book.look(now_unix_ns=now_unix_ns)
        assert tell(book, "pager", now_unix_ns) == [(1, State.ESCALATED)]
        assert tell(book, "boss", now_unix_ns) == [(1, State.ESCALATED)]
    assert not book.look(now_unix_ns=now_unix_ns + HOUR_NS)
    book.end(ending(), now_unix_ns=now_unix_ns)
    assert tell(book, "boss", now_unix_ns) == [(1, State.ENDED)]


@pytest.mark.parametrize("level", [Level.WARNING, Level.INFO])
def test_what_is_not_critical_never_escalates(book: AlertBook, level: Level):
    book.take(notice(level=level), now_unix_ns=NOW_NS)
    assert not book.look(now_unix_ns=NOW_NS + 24 * HOUR_NS)


def test_info_that_does_not_last_is_over_by_itself_and_nobody_is_told_so(book: AlertBook):
    book.take(notice("a", level=Level.INFO, is_lasting=False), now_unix_ns=NOW_NS)
    assert tell(book, "chat", NOW_NS + MINUTE_NS) == [(1, State.OPEN)]
    assert not book.look(now_unix_ns=NOW_NS + HOUR_NS - 1)
    assert book.look(now_unix_ns=NOW_NS + HOUR_NS)
    assert tell(book, "chat", NOW_NS + HOUR_NS) == []
    assert book.alerts[0].state is State.ENDED


def test_an_acknowledgement_is_told_ends_escalation_and_is_given_once(book: AlertBook):
    book.take(notice(), now_unix_ns=NOW_NS)
    tell(book, "pager", NOW_NS)
    assert book.acknowledge(1, by="alice", now_unix_ns=NOW_NS + 1)
    assert not book.acknowledge(1, by="bob", now_unix_ns=NOW_NS + 2)
    assert not book.acknowledge(7, by="bob", now_unix_ns=NOW_NS + 2)
    assert tell(book, "pager", NOW_NS + 2) == [(1, State.ACKNOWLEDGED)]
    assert book.alerts[0].acknowledged_by == "alice"
    assert not book.look(now_unix_ns=NOW_NS + HOUR_NS)


def test_what_does_not_last_is_over_when_somebody_acknowledges_it(book: AlertBook):
    book.take(notice("d", is_lasting=False), now_unix_ns=NOW_NS)
    book.acknowledge(1, by="alice", now_unix_ns=NOW_NS)
    book.take(notice("d", is_lasting=False), now_unix_ns=NOW_NS + 1)
    assert [one.state for one in book.alerts] == [State.ENDED, State.OPEN]


def test_news_that_came_while_a_message_was_on_its_way_are_told_with_the_next(book: AlertBook):
    book.take(notice(), now_unix_ns=NOW_NS)
    on_its_way = book.due("pager", now_unix_ns=NOW_NS, is_quiet=False)
    book.end(ending(), now_unix_ns=NOW_NS)
    book.note_told("pager", on_its_way)
    assert tell(book, "pager", NOW_NS) == [(1, State.ENDED)]


def test_what_is_over_is_forgotten_after_a_day_once_everybody_was_told(book: AlertBook):
    book.take(notice(), now_unix_ns=NOW_NS)
    book.end(ending(), now_unix_ns=NOW_NS)
    day_later = NOW_NS + 25 * HOUR_NS
    assert not book.look(now_unix_ns=day_later)
    for name in ("mail", "pager", "chat"):
        tell(book, name, NOW_NS)
    assert book.look(now_unix_ns=day_later)
    assert (book.alerts, book.dropped_count) == ((), 0)


def test_after_a_week_an_alert_is_forgotten_told_or_not_and_that_is_counted(book: AlertBook):
    book.take(notice(level=Level.WARNING), now_unix_ns=NOW_NS)
    assert book.look(now_unix_ns=NOW_NS + 8 * 24 * HOUR_NS)
    assert (book.alerts, book.dropped_count) == ((), 1)


def test_at_its_bound_the_book_forgets_what_is_over_then_the_least_grave():
    alerts = [alert(number, level=Level.WARNING) for number in range(1, ALERT_COUNT_MAX)]
    book = AlertBook(rules(), alerts=alerts, next_number=ALERT_COUNT_MAX)
    book.take(notice("a"), now_unix_ns=NOW_NS)
    assert len(book.alerts) == ALERT_COUNT_MAX
    book.end(Ending(key="key 7", text="", at_unix_ns=NOW_NS), now_unix_ns=NOW_NS)
    book.take(notice("b"), now_unix_ns=NOW_NS)
    assert {one.number for one in alerts} - {one.number for one in book.alerts} == {7}
    book.take(notice("c", level=Level.INFO), now_unix_ns=NOW_NS)
    assert book.open_on("c") is None
    assert book.open_on("a") is not None
    assert book.dropped_count == 2


def test_a_clock_that_was_set_back_holds_up_no_group(book: AlertBook):
    book.take(notice("a", level=Level.WARNING), now_unix_ns=NOW_NS)
    assert tell(book, "mail", NOW_NS - HOUR_NS) == [(1, State.OPEN)]


def test_an_alert_is_the_same_one_when_its_notice_is_read_again():
    once, again = AlertBook(rules()), AlertBook(rules())
    once.take(notice(), now_unix_ns=NOW_NS)
    again.take(notice(), now_unix_ns=NOW_NS + HOUR_NS)
    assert once.alerts[0].identity == again.alerts[0].identity
    assert replace(once.alerts[0], number=9).identity == once.alerts[0].identity
