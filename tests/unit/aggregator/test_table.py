from dataclasses import replace

import pytest
from fakes.fake_clock import FakeClock
from fakes.held_quotes import KEY, MSOL, SOL, TOKENS, S, held, judge, oracle

from aggregator.confidence import Decision
from aggregator.held import Arrival, Refusal, Source
from aggregator.table import QuoteTable
from quote_core.freshness import Freshness
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.quotes import QuoteKey


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def table(clock: FakeClock) -> QuoteTable:
    table = QuoteTable(tokens=TOKENS, clock=clock, judge=judge(oracle(clock)))
    table.row_added(0, KEY)
    return table


def version_of(table: QuoteTable) -> tuple[int, int]:
    """Amount and version, as subscribers are told."""
    told = pb.AggregatedQuote.FromString(table.body(0))
    return told.input_amount, told.version


def test_new_row_says_that_nobody_has_answered(table: QuoteTable) -> None:
    assert not table.is_answered(0)
    refusal = table.merged(0).refusal
    assert refusal is not None
    assert refusal.code == "UNAVAILABLE"


def test_first_answer_changes_the_row_and_the_same_again_confirms_it(table: QuoteTable) -> None:
    assert table.take([held()]) == Arrival((0,), ())
    assert table.take([held()]) == Arrival((), (0,))
    assert version_of(table) == (1_000_000_000, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"output_amount": 1},
        {"version": 2},
        {"route_id": 78},
        {"oracle_price": None},
        {"oracle_price": 141.0},
        {"is_stale": True},
        {"refusal": Refusal("NOT_FOUND", "")},
    ],
)
def test_anything_a_reader_acts_on_changes_the_row(table: QuoteTable, changes: dict[str, object]) -> None:
    table.take([held()])
    assert table.take([held(**changes)]).changed == (0,)  # type: ignore[arg-type]  # a table of keyword arguments
    assert version_of(table) == (1_000_000_000, 2)


def test_answer_for_a_number_that_means_something_else_is_dropped_and_counted(table: QuoteTable) -> None:
    assert table.take([held(key=QuoteKey(SOL, MSOL, 1)), held(row=99)]) == Arrival((), ())
    assert table.misdirected_count == 2
    assert not table.is_answered(0)


def test_number_given_to_another_amount_starts_empty(table: QuoteTable) -> None:
    table.take([held()])
    table.row_added(0, QuoteKey(SOL, MSOL, 5))
    assert not table.is_answered(0)
    assert table.merged(0).local is None


def test_row_is_answered_by_a_price_or_by_the_local_services_refusal(table: QuoteTable) -> None:
    refusal = Refusal("UNAVAILABLE", "no provider is configured")
    table.take([held(source=Source.EXTERNAL, refusal=refusal)])
    assert not table.is_answered(0)
    table.take([held(source=Source.EXTERNAL)])
    assert table.is_answered(0)
    table.row_added(0, KEY)
    table.take([held(refusal=Refusal("FAILED_PRECONDITION", "no pool"))])
    assert table.is_answered(0)


def test_both_sources_are_merged(table: QuoteTable) -> None:
    table.take([held()])
    table.take([held(139_000_000, source=Source.EXTERNAL)])
    merged = table.merged(0)
    assert merged.best is Source.LOCAL
    assert merged.external is not None
    assert merged.local_confidence is not None
    assert merged.external_confidence is not None
    assert merged.local_confidence.score > merged.external_confidence.score


def test_row_is_encoded_once_a_change_however_many_read_it(table: QuoteTable) -> None:
    table.take([held()])
    first = table.body(0)
    assert table.body(0) is first
    table.take([held(1)])
    second = table.body(0)
    assert second is not first
    assert table.body(0) is second
    assert version_of(table) == (1_000_000_000, 2)


def test_what_is_not_vouched_for_in_time_becomes_stale_once(table: QuoteTable, clock: FakeClock) -> None:
    table.take([held(clock=clock)])
    table.take([held(source=Source.EXTERNAL, clock=clock)])
    clock.advance_ns(5 * S)
    assert table.expire() == ()
    clock.advance_ns(1)
    assert table.expire() == ((Source.LOCAL, 0),)
    assert table.merged(0).best is Source.EXTERNAL
    assert version_of(table) == (1_000_000_000, 3)
    assert table.expire() == ()
    clock.advance_ns(60 * S)
    assert len(table.expire()) == 1
    assert table.merged(0).decision is Decision.SKIP


def test_an_answer_that_came_after_the_others_and_is_older_becomes_stale_in_its_own_time(
    table: QuoteTable, clock: FakeClock
) -> None:
    old = held(clock=clock)
    clock.advance_ns(4 * S)
    table.take([held(source=Source.EXTERNAL, clock=clock)])
    assert table.expire() == ()
    table.take([old])
    clock.advance_ns(S)
    assert table.expire() == ()
    clock.advance_ns(1)
    assert table.expire() == ((Source.LOCAL, 0),)


def test_a_wall_clock_that_is_set_ages_another_hosts_answers_within_a_second(
    table: QuoteTable, clock: FakeClock
) -> None:
    here = held(clock=clock).freshness.vouched
    elsewhere = Freshness(replace(here, boot_id=here.boot_id + 1), 1)
    table.take([held(freshness=elsewhere)])
    assert table.expire() == ()
    clock.step_wall_ns(3_600 * S)
    clock.advance_ns(S)
    assert len(table.expire()) == 1


def test_messages_that_vouch_for_nothing_new_keep_no_quote_fresh(table: QuoteTable, clock: FakeClock) -> None:
    first = held(clock=clock)
    table.take([first])
    for _ in range(6):
        clock.advance_ns(S)
        table.take([held(freshness=first.freshness)])
    assert table.merged(0).local is not None
    assert table.merged(0).local.is_stale  # type: ignore[union-attr]  # just looked at


def test_confirmation_makes_a_quote_younger_and_changes_nothing_else(table: QuoteTable, clock: FakeClock) -> None:
    table.take([held(clock=clock)])
    clock.advance_ns(4 * S)
    assert table.take([held(clock=clock)]) == Arrival((), (0,))
    clock.advance_ns(4 * S)
    assert table.expire() == ()


def test_what_a_row_says_is_of_the_moment_it_is_told(table: QuoteTable, clock: FakeClock) -> None:
    table.take([held(clock=clock)])
    before = table.merged(0)
    told = table.body(0)
    clock.advance_ns(3 * S)
    after = table.merged(0)
    assert before.local_confidence is not None
    assert after.local_confidence is not None
    assert before.local_confidence.factors.pool_age - after.local_confidence.factors.pool_age == pytest.approx(0.05)
    assert table.body(0) is not told
    score = pb.AggregatedQuote.FromString(table.body(0)).local_confidence
    assert score == after.local_confidence.score < before.local_confidence.score


def test_bytes_are_not_told_beyond_the_moment_at_which_a_quote_becomes_stale(
    table: QuoteTable, clock: FakeClock
) -> None:
    table.take([held(clock=clock)])
    clock.advance_ns(5 * S)
    assert not pb.AggregatedQuote.FromString(table.body(0)).local.is_stale
    clock.advance_ns(1)
    assert pb.AggregatedQuote.FromString(table.body(0)).local.is_stale
    assert table.merged(0).decision is Decision.SKIP


def test_refusal_never_becomes_stale(table: QuoteTable, clock: FakeClock) -> None:
    table.take([held(refusal=Refusal("FAILED_PRECONDITION", "no pool"))])
    clock.advance_ns(1_000 * S)
    assert table.expire() == ()
