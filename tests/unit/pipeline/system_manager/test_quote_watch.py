"""What the manager reports of a quote service that cannot report itself."""

import asyncio

import pytest
from fakes.fake_clock import FakeClock

from pipeline.system_manager.quote_watch import Look, QuoteWatch, report_between
from pipeline.wire import QuoteServiceFigures
from quote_core.errors import ProviderUnavailable, RpcFailed
from quote_core.events import ServiceHealth, decode, encode

CLOCK = FakeClock()


def figures(*, slot: int = 100, polls: int = 0, failed: int = 0) -> QuoteServiceFigures:
    return QuoteServiceFigures(is_serving=True, uptime_ms=5, slot=slot, poll_count=polls, poll_failed_count=failed)


def report(
    before: QuoteServiceFigures | None, now: QuoteServiceFigures | None, *, chain_slot: int | None = 100
) -> ServiceHealth:
    return report_between(
        Look(at_mono_ns=0, figures=before, chain_slot=100),
        Look(at_mono_ns=1_000_000_000, figures=now, chain_slot=chain_slot),
        clock=CLOCK,
    )


def test_the_window_counts_the_polls_between_two_looks_and_our_own_call() -> None:
    found = report(figures(polls=10, failed=2), figures(polls=14, failed=5))
    assert (found.rpc_call_count, found.rpc_failure_count, found.window_ms) == (5, 3, 1_000)


def test_a_node_that_does_not_answer_is_one_failed_call() -> None:
    found = report(figures(), figures(), chain_slot=None)
    assert (found.rpc_call_count, found.rpc_failure_count, found.slot_drift) == (1, 1, 0)


@pytest.mark.parametrize(("held", "chain", "drift"), [(100, 401, 301), (100, 100, 0), (105, 100, 0), (0, 100, 0)])
def test_the_drift_is_how_far_the_service_is_behind_the_chain(held: int, chain: int, drift: int) -> None:
    assert report(figures(), figures(slot=held), chain_slot=chain).slot_drift == drift


def test_a_drift_beyond_its_field_is_told_as_the_most_it_holds() -> None:
    found = report(figures(), figures(slot=1), chain_slot=2**48 - 1)
    assert found.slot_drift == 2**32 - 1
    assert decode(encode(found)) == found


def test_a_service_restarted_meanwhile_counts_from_its_start() -> None:
    found = report(figures(polls=900, failed=800), figures(polls=3, failed=1))
    assert (found.rpc_call_count, found.rpc_failure_count) == (4, 1)


def test_a_service_that_does_not_answer_is_not_serving_and_no_error_of_the_node() -> None:
    found = report(figures(polls=5), None)
    assert (found.serving, found.rpc_call_count, found.rpc_failure_count) == (False, 1, 0)
    assert found.detail == "does not answer"


class Neighbours:
    def __init__(self) -> None:
        self.node_answers = False
        self.asked_count = 0
        self.published: list[ServiceHealth] = []
        self.news = asyncio.Event()

    async def figures(self) -> QuoteServiceFigures:
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
        async with asyncio.timeout(5):
            while self.asked_count < count:
                self.news.clear()
                await self.news.wait()


async def test_nothing_is_reported_of_a_node_that_has_never_answered_and_its_failures_afterwards_are() -> None:
    around = Neighbours()
    watch = QuoteWatch(
        figures=around.figures,
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
