"""A message as rows, and rows as what they were."""

import dataclasses

from fakes.event_strategies import instances
from fakes.history import SPAN_NS, followed
from fakes.plans import plan
from fakes.results import result
from hypothesis import given

from pipeline.history.rows import merged, result_of, rows_of
from quote_core.bus.follow import Followed
from quote_core.events import ExecutionResult, Stream, encode


class Row:
    """What a database gives back."""

    def __init__(self, row: dict[str, object]) -> None:
        self.__dict__.update(row)


@given(given_result=instances(ExecutionResult))
def test_a_trade_s_row_is_its_result_but_for_what_other_tables_hold(given_result: ExecutionResult) -> None:
    message = Followed("life", "executed.any", 1, 2, encode(given_result), 0)
    rows = rows_of(Stream.EXECUTED, [message], keeps_events=False, span_ns=SPAN_NS)
    (row,) = rows.trades
    shown = {name: getattr(given_result, name).replace("\0", "�") for name in ("pair", "reason", "executor", "run_id")}
    read = result_of(Row(row))
    expected = dataclasses.replace(given_result, header=read.header, hops=(), taken=(), **shown)
    assert read == expected
    assert read.header.slot == given_result.header.slot
    route = [{name: hop[name] for name in hop if name not in ("plan_id", "sequence")} for hop in rows.routes]
    assert result_of(Row(row), route) == dataclasses.replace(expected, hops=given_result.hops)


def test_a_plan_on_its_stream_is_an_event_and_no_trade() -> None:
    rows = rows_of(Stream.PLANNED, [followed(plan(1), 3)], keeps_events=True, span_ns=SPAN_NS)
    assert [(row["type"], row["pair"]) for row in rows.events] == [("ExecutionPlan", plan(1).pair)]
    assert rows.events[0]["event_id"] == plan(1).header.event_id.hex()
    assert (rows.trades, rows.routes, rows.work) == ([], [], {})


def test_a_result_on_another_stream_is_no_trade() -> None:
    rows = rows_of(Stream.DEAD_LETTERS, [followed(result(1), 3)], keeps_events=True, span_ns=SPAN_NS)
    assert (len(rows.events), rows.trades) == (1, [])


def test_events_that_are_not_asked_for_are_not_kept() -> None:
    rows = rows_of(Stream.EXECUTED, [followed(result(1), 3)], keeps_events=False, span_ns=SPAN_NS)
    assert (rows.events, len(rows.trades)) == ([], 1)


def test_what_is_no_event_counts_as_malformed_but_among_dead_letters() -> None:
    garbage = [Followed("life", "any", 1, 2, b"garbage", 0)]
    for stream, count in ((Stream.EXECUTED, 1), (Stream.DEAD_LETTERS, 0)):
        rows = rows_of(stream, garbage, keeps_events=True, span_ns=SPAN_NS)
        assert (rows.malformed_count, rows.events[0]["payload"]) == (count, b"garbage")


def test_of_two_parts_counts_are_added_and_the_highest_is_kept() -> None:
    before = {"handled_count": 2, "memory_used_bytes_max": 7}
    assert merged(before, {"handled_count": 3, "memory_used_bytes_max": 5}) == {
        "handled_count": 5,
        "memory_used_bytes_max": 7,
    }
