import dataclasses
from dataclasses import replace

import pytest
from fakes.market_events import market_events
from fakes.pipeline_events import POOL_A, SOL, cycle, opportunity, round_trip_hops, source_divergence
from fakes.plans import plan
from fakes.results import result

from pipeline.auditor.ledger import Ledger
from pipeline.initializer.repair import differing_fields
from pipeline.initializer.streams import STREAMS, StreamPlan, wanted_config
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import (
    Event,
    KillSwitch,
    ServiceHealth,
    Stream,
    TradingState,
    encode,
    kind_of,
    stamp,
    subject_of,
)

DAY_S = 86_400


def plan_of(stream: Stream) -> StreamPlan:
    return next(each for each in STREAMS if each.stream is stream)


@pytest.mark.parametrize(
    ("stream", "subjects", "rate_per_s", "age_s_max", "storage"),
    [
        (Stream.MARKET_DATA, "market.>", 10_000, 300, "memory"),
        (Stream.OPPORTUNITIES, "opportunity.>", 500, 3_600, "file"),
        (Stream.PLANNED, "plan.>", 50, DAY_S, "file"),
        (Stream.CLAIMS, "claim.>", 50, DAY_S, "file"),
        (Stream.EXECUTED, "executed.>", 50, 7 * DAY_S, "file"),
        (Stream.METRICS, "metrics.>", 1, DAY_S, "memory"),
        (Stream.SYSTEM, "system.>", 10, 30 * DAY_S, "file"),
        (Stream.DEAD_LETTERS, "dead.>", 0.05, 30 * DAY_S, "file"),
    ],
)
def test_the_table_is_the_specifications_and_holds_what_comes_at_its_rates(
    stream: Stream, subjects: str, rate_per_s: float, age_s_max: int, storage: str
) -> None:
    planned = plan_of(stream)
    assert (planned.stream.subjects, planned.age_s_max, planned.storage) == (subjects, age_s_max, storage)
    assert planned.rate_per_s >= rate_per_s
    assert planned.bytes_max >= rate_per_s * age_s_max * planned.event_bytes


HEADERS = b"NATS/1.0\r\nNats-Msg-Id: " + b"0" * 32 + b"\r\n\r\n"
REGISTER_HEADERS = HEADERS + b"Nats-Expected-Last-Subject-Sequence: 0\r\n"
SERVER_BYTES = 34
"""What a file store adds to each message: 22 bytes of head, 4 of the headers' size, 8 of checksum."""
PAIR = "JitoSOL-USDC"
LEG = round_trip_hops(2**63, 2**63, 2**63)[0]


LARGE_TRADE = max(market_events(), key=lambda event: len(encode(event)))


def health() -> ServiceHealth:
    detail = "/var/lib/solquote/state/journal: No space left on device"
    counts = dict.fromkeys(("handled_count", "error_count", "rpc_call_count", "rpc_failure_count", "slot_drift"), 2**31)
    sizes = dict.fromkeys(("uptime_ms", "memory_used_bytes", "memory_limit_bytes"), 2**60)
    times = {"window_ms": 1_000, "unwritten_ms": 2**31}
    header = stamp(SYSTEM_CLOCK)
    return ServiceHealth(
        header=header,
        service="system_manager",
        instance="solquote-scanner-12/4194304",
        serving=True,
        detail=detail,
        **counts,
        **sizes,
        **times,
    )


def kill_switch() -> KillSwitch:
    return KillSwitch(
        header=stamp(SYSTEM_CLOCK),
        state=TradingState.HALTED,
        trigger="failed_trades",
        reason="local_quote: 100% of its RPC calls failed, 1000 of 1000, and so on",
        actor="somebody@a-machine",
        revision=2**40,
        changed_unix_ns=2**62,
    )


@pytest.mark.parametrize(
    ("event", "headers"),
    [
        (replace(opportunity(), pair=PAIR), HEADERS),
        (replace(cycle(mints=(SOL, POOL_A) * 2, amounts=(1,) * 5), pair=f"SOL-{PAIR}-INF"), HEADERS),
        (source_divergence(), HEADERS),
        (replace(plan(), pair=PAIR, hops=(LEG,) * 3, hop_min_amounts_out=(1,) * 3, depth_amounts=(1,) * 3), HEADERS),
        (replace(result(2**62, reason="price band"), pair=PAIR, hops=(LEG,) * 3, executor="4194304"), REGISTER_HEADERS),
        (health(), HEADERS),
        (Ledger(capital_lamports=1, cumulative_profit_lamports=2**60).snapshot(SYSTEM_CLOCK), HEADERS),
        (kill_switch(), REGISTER_HEADERS),
        (LARGE_TRADE, HEADERS),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, bytes) else "",
)
def test_a_large_event_with_all_that_is_stored_of_it_is_what_the_table_says(event: Event, headers: bytes) -> None:
    stored_bytes = len(subject_of(event)) + len(headers) + len(encode(event)) + SERVER_BYTES
    planned_bytes = plan_of(kind_of(type(event)).stream).event_bytes
    assert stored_bytes <= planned_bytes <= 2 * stored_bytes


def test_every_stream_is_planned_once() -> None:
    assert sorted(each.stream for each in STREAMS) == sorted(Stream)


def test_every_stream_is_bounded_and_forgets_ids_no_later_than_messages() -> None:
    for each in STREAMS:
        assert each.bytes_max > 0
        assert 0 < each.duplicate_window_s <= each.age_s_max  # the server refuses anything else


def test_what_differs_from_the_plan_is_named_and_what_an_operator_may_set_is_not() -> None:
    wanted = wanted_config(plan_of(Stream.SYSTEM))
    assert differing_fields(wanted, wanted) == ()
    held = dataclasses.replace(wanted, max_age=60.0, num_replicas=3, description="ours")
    assert differing_fields(wanted, held) == ("max_age",)
