"""What the manager reports of a quote service that cannot report itself."""

import asyncio

import pytest
from fakes.fake_clock import FakeClock

from pipeline.system_manager.quote_watch import Look, QuoteWatch, report_between
from quote_core.errors import ProviderUnavailable, RpcFailed
from quote_core.events import ServiceHealth, decode, encode
from quote_core.health import HealthReport, WorkFigures

CLOCK = FakeClock()


def health(*, uptime_ms: int = 5_000, **figures: int) -> HealthReport:
    work = WorkFigures(**{"slot": 100, **figures})
    return HealthReport(is_serving=True, version="1", uptime_ms=uptime_ms, findings=(), figures=work.figures())


def report(
    before: HealthReport | None, now: HealthReport | None, *, chain_slot: int | None = 100, node_calls: int = 1
) -> ServiceHealth:
    return report_between(
        "local_quote",
        Look(at_mono_ns=0, health=before, chain_slot=100, node_call_count=node_calls),
        Look(at_mono_ns=1_000_000_000, health=now, chain_slot=chain_slot, node_call_count=node_calls),
        clock=CLOCK,
    )


def test_the_window_counts_the_calls_between_two_looks_and_our_own() -> None:
    found = report(health(rpc_calls_total=10, rpc_failures_total=2), health(rpc_calls_total=14, rpc_failures_total=5))
    assert (found.rpc_call_count, found.rpc_failure_count, found.window_ms) == (5, 3, 1_000)


def test_the_window_counts_work_and_errors_and_says_how_the_memory_is() -> None:
    found = report(
        health(handled_total=10, errors_total=2),
        health(handled_total=110, errors_total=62, memory_used_bytes=95, memory_limit_bytes=100),
    )
    assert (found.handled_count, found.error_count) == (100, 60)
    assert (found.memory_used_bytes, found.memory_limit_bytes) == (95, 100)


def test_a_node_that_does_not_answer_is_one_failed_call() -> None:
    found = report(health(), health(), chain_slot=None)
    assert (found.rpc_call_count, found.rpc_failure_count, found.slot_drift) == (1, 1, 0)


def test_a_service_without_a_node_has_no_calls_to_it() -> None:
    found = report(health(slot=0), health(slot=0), chain_slot=None, node_calls=0)
    assert (found.rpc_call_count, found.rpc_failure_count, found.slot_drift) == (0, 0, 0)


@pytest.mark.parametrize(("held", "chain", "drift"), [(100, 401, 301), (100, 100, 0), (105, 100, 0), (0, 100, 0)])
def test_the_drift_is_how_far_the_service_is_behind_the_chain(held: int, chain: int, drift: int) -> None:
    assert report(health(), health(slot=held), chain_slot=chain).slot_drift == drift


def test_a_drift_beyond_its_field_is_told_as_the_most_it_holds() -> None:
    found = report(health(), health(slot=1), chain_slot=2**48 - 1)
    assert found.slot_drift == 2**32 - 1
    assert decode(encode(found)) == found


def test_a_node_that_agrees_with_itself_drifts_by_what_the_service_measures_against_the_clock() -> None:
    assert report(health(), health(slot=100, slot_drift=301), chain_slot=100).slot_drift == 301


def test_a_service_restarted_meanwhile_counts_from_its_start() -> None:
    found = report(
        health(rpc_calls_total=900, rpc_failures_total=800),
        health(rpc_calls_total=3, rpc_failures_total=1, uptime_ms=400),
    )
    assert (found.rpc_call_count, found.rpc_failure_count) == (4, 1)


def test_what_a_service_did_before_it_was_first_seen_is_no_work_of_this_window() -> None:
    found = report(None, health(handled_total=10**6, errors_total=10**6))
    assert (found.handled_count, found.error_count) == (0, 0)


def test_a_service_that_does_not_answer_is_not_serving_and_no_error_of_the_node() -> None:
    found = report(health(rpc_calls_total=5), None)
    assert (found.serving, found.rpc_call_count, found.rpc_failure_count) == (False, 1, 0)
    assert found.detail == "does not answer"


class Neighbours:
    def __init__(self) -> None:
        self.node_answers = False
        self.asked_count = 0
        self.published: list[ServiceHealth] = []
        self.news = asyncio.Event()

    async def health(self) -> HealthReport:
        raise ProviderUnavailable("local_quote", "away")

    async def chain_slot(self) -> int:
        self.asked_count += 1
        self.news.set()
        if not self.node_answers:
            raise RpcFailed("getSlot", "refused")
        return 7

    async def publish(self, health: ServiceHealth) -> None:
        self.published.append(health)
        self.news.set()

    async def until_asked(self, count: int) -> None:
        async with asyncio.timeout(60):
            while self.asked_count < count:
                self.news.clear()
                await self.news.wait()


async def test_nothing_is_reported_of_a_node_that_has_never_answered_and_its_failures_afterwards_are() -> None:
    around = Neighbours()
    watch = QuoteWatch(
        "local_quote",
        health=around.health,
        chain_slot=around.chain_slot,
        publish=around.publish,
        clock=CLOCK,
        interval_ns=1_000_000,
    )
    task = asyncio.create_task(watch.run())
    await around.until_asked(5)
    assert around.published == []
    around.node_answers = True
    await around.until_asked(around.asked_count + 2)
    around.node_answers = False
    await around.until_asked(around.asked_count + 3)
    task.cancel()
    assert around.published[-1].rpc_failure_count == 1
