import dataclasses

import pytest

from pipeline.initializer.repair import differing_fields
from pipeline.initializer.streams import STREAMS, StreamPlan, wanted_config
from quote_core.events import Stream

DAY_S = 86_400


def plan_of(stream: Stream) -> StreamPlan:
    return next(plan for plan in STREAMS if plan.stream is stream)


@pytest.mark.parametrize(
    ("stream", "subjects", "age_s_max", "storage"),
    [
        (Stream.MARKET_DATA, "market.>", 300, "memory"),
        (Stream.OPPORTUNITIES, "opportunity.>", 3_600, "file"),
        (Stream.PLANNED, "plan.>", DAY_S, "file"),
        (Stream.CLAIMS, "claim.>", DAY_S, "file"),
        (Stream.EXECUTED, "executed.>", 7 * DAY_S, "file"),
        (Stream.METRICS, "metrics.>", DAY_S, "memory"),
        (Stream.SYSTEM, "system.>", 30 * DAY_S, "file"),
        (Stream.DEAD_LETTERS, "dead.>", 30 * DAY_S, "file"),
    ],
)
def test_the_table_is_the_specifications(stream: Stream, subjects: str, age_s_max: int, storage: str) -> None:
    plan = plan_of(stream)
    assert (plan.stream.subjects, plan.age_s_max, plan.storage) == (subjects, age_s_max, storage)


def test_every_stream_is_planned_once() -> None:
    assert sorted(plan.stream for plan in STREAMS) == sorted(Stream)


def test_every_stream_is_bounded_and_forgets_ids_no_later_than_messages() -> None:
    for plan in STREAMS:
        assert plan.bytes_max > 0
        assert 0 < plan.duplicate_window_s <= plan.age_s_max  # the server refuses anything else


def test_what_differs_from_the_plan_is_named_and_what_an_operator_may_set_is_not() -> None:
    wanted = wanted_config(plan_of(Stream.SYSTEM))
    assert differing_fields(wanted, wanted) == ()
    held = dataclasses.replace(wanted, max_age=60.0, num_replicas=3, description="ours")
    assert differing_fields(wanted, held) == ("max_age",)
