"""What the service says about itself, to clients and to its supervisor."""

import asyncio
import contextlib
from typing import Any

import pytest
from fakes.held_market import SOL, HeldMarket

from local_quote.companions import CompanionCounts
from local_quote.condition import Condition
from local_quote.discovery import DiscoveryCounts
from local_quote.refresh import RefreshCounts
from quote_core.serving import CallCounter
from quote_core.solana import FeedCounts


class Feed:
    counts = FeedCounts()
    is_live = False


class Refreshing:
    gap_count = 0
    is_feed_lossy = False

    def __init__(self, feed: Feed, counts: RefreshCounts) -> None:
        self.feed = feed
        self.counts = counts


class Server:
    def __init__(self) -> None:
        self.said: list[bool] = []

    async def set_serving(self, *, serving: bool) -> None:
        self.said.append(serving)


class Told:
    """A supervisor; the report ends when it has heard enough."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.changed = asyncio.Event()

    def ready(self, status: str) -> None:
        self.heard.append(("ready", status))
        self.changed.set()

    def status(self, status: str) -> None:
        self.heard.append(("status", status))
        self.changed.set()


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def counts() -> RefreshCounts:
    return RefreshCounts()


@pytest.fixture
def searches() -> DiscoveryCounts:
    return DiscoveryCounts()


@pytest.fixture
def condition(held: HeldMarket, feed: Feed, counts: RefreshCounts, searches: DiscoveryCounts) -> Condition:
    parts: dict[str, Any] = {
        "refreshing": Refreshing(feed, counts),
        "discovering": searches,
        "waiting": CompanionCounts(),
    }
    return Condition(
        market=held.market, clock=held.clock, version="1", refuse_after_ns=60_000_000_000, calls=CallCounter(), **parts
    )


def test_the_status_line_says_how_much_is_quoted_and_at_which_slot(held: HeldMarket, condition: Condition) -> None:
    assert condition.status() == "0 of 30 directions quoted, slot 100"
    held.add("p", 10**12, 80 * 10**9)
    assert condition.status() == "2 of 30 directions quoted, slot 100"
    held.market.quoter.chain_clock = None
    assert condition.status() == "0 of 30 directions quoted, no slot yet"


def test_a_node_that_does_not_answer_is_in_the_status_and_the_findings(
    condition: Condition, counts: RefreshCounts
) -> None:
    counts.poll_fault = "getSlot: gone"
    assert condition.status().endswith("; getSlot: gone")
    assert "the node does not answer: getSlot: gone" in condition.findings()


def test_a_poll_that_brought_a_part_is_counted_and_a_finding_for_a_minute(
    held: HeldMarket, condition: Condition, counts: RefreshCounts
) -> None:
    counts.poll_partial_count = 2
    counts.poll_partial_fault = "getMultipleAccounts: HTTP 429"
    counts.poll_partial_mono_ns = held.clock.mono_ns()
    finding = "a part of the accounts cannot be read: getMultipleAccounts: HTTP 429"
    held.clock.advance_ms(59_999)
    assert finding in condition.health().findings
    held.clock.advance_ms(1)
    health = condition.health()
    assert finding not in health.findings
    assert health.figures["polls_partial_total"] == 2


def test_searches_that_the_node_refuses_are_counted(condition: Condition, searches: DiscoveryCounts) -> None:
    searches.search_failed_count = searches.search_refused_count = 3
    assert condition.health().figures["searches_refused_total"] == 3


def test_health_lists_what_is_wrong_and_counts(held: HeldMarket, condition: Condition, feed: Feed) -> None:
    held.add("p", 10**12, 80 * 10**9)
    held.market.quote(SOL, held.market.registry.resolve("USDC", field=""), 10**9)
    held.clock.advance_ms(61_000)
    health = condition.health()
    assert not health.serving
    assert health.uptime_ms == 61_000
    assert list(health.findings) == [
        "the account feed is down; pools are polled",
        "the node is 152 slots behind the clock; nothing vouches for its answers",
        "0 of 30 directions are quoted",
    ]
    assert health.figures["slot_drift"] == 152
    assert (health.figures["pools"], health.figures["pools_past_limit"]) == (1, 1)
    assert health.figures["quote_cache_misses_total"] == 1
    feed.is_live = True
    held.tick(0)
    assert "the account feed is down; pools are polled" not in condition.health().findings


def test_a_node_whose_slots_went_back_and_pools_in_doubt_are_findings(held: HeldMarket, condition: Condition) -> None:
    held.add("p", 10**12, 80 * 10**9)
    newest = held.market.progress.slot
    held.market.slot_seen(newest - 40, held.clock.mono_ns())
    assert f"the node's slots went back: {newest - 40} after {newest}" in condition.findings()
    assert "1 pools in doubt: the node's slots went back" in condition.findings()
    assert condition.health().figures["slot_drift"] >= 40


async def test_it_says_ready_once_and_serving_as_long_as_something_quotes(
    held: HeldMarket, condition: Condition
) -> None:
    server, told = Server(), Told()
    reporting = asyncio.create_task(condition.report(server, told))  # type: ignore[arg-type]  # stand-ins

    async def heard() -> tuple[str, str]:
        async with asyncio.timeout(60):
            told.changed.clear()
            await told.changed.wait()
        return told.heard[-1]

    assert await heard() == ("status", "0 of 30 directions quoted, slot 100")
    assert server.said == []
    held.add("p", 10**12, 80 * 10**9)
    assert await heard() == ("ready", "2 of 30 directions quoted, slot 100")
    assert server.said == [True]
    held.clock.advance_ms(61_000)
    assert await heard() == ("status", "0 of 30 directions quoted, slot 100")
    assert server.said == [True, False]
    reporting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reporting
