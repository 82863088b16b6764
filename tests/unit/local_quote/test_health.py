"""What the service says about itself, to clients and to its supervisor."""

from typing import Any, cast

import pytest
from fakes.endpoints import endpoints_at
from fakes.held_market import SOL, HeldMarket
from fakes.oracle_readings import Outside

from local_quote.companions import CompanionCounts
from local_quote.discovery import DiscoveryCounts
from local_quote.health import LocalQuoteHealth
from local_quote.oracle import PriceReading, Source, Unit
from local_quote.refresh import RefreshCounts
from local_quote.warm_start import WarmCounts
from quote_core.clock import moment
from quote_core.freshness import Freshness
from quote_core.health import Condition
from quote_core.serving import CallCounter
from quote_core.solana import Endpoints, FeedCounts


class Feed:
    counts = FeedCounts()
    is_live = False


class Refreshing:
    gap_count = 0
    is_feed_lossy = False

    def __init__(self, feed: Feed, counts: RefreshCounts) -> None:
        self.feed = feed
        self.counts = counts


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
def endpoints(held: HeldMarket) -> Endpoints:
    return endpoints_at("http://one/k3y", session=cast("Any", None), clock=held.clock)


@pytest.fixture
def health(
    held: HeldMarket, feed: Feed, counts: RefreshCounts, searches: DiscoveryCounts, endpoints: Endpoints
) -> LocalQuoteHealth:
    return health_over(endpoints, held, feed, counts, searches)


def health_over(
    endpoints: Endpoints, held: HeldMarket, feed: Feed, counts: RefreshCounts, searches: DiscoveryCounts
) -> LocalQuoteHealth:
    parts: dict[str, Any] = {
        "refreshing": Refreshing(feed, counts),
        "discovering": searches,
        "waiting": CompanionCounts(),
    }
    return LocalQuoteHealth(
        keeping=WarmCounts(),
        market=held.market,
        clock=held.clock,
        version="1",
        refuse_after_ns=60_000_000_000,
        calls=CallCounter(),
        endpoints=endpoints,
        **parts,
    )


def test_the_status_line_says_how_much_is_quoted_and_at_which_slot(held: HeldMarket, health: LocalQuoteHealth) -> None:
    assert health.line() == "0 of 30 directions quoted, slot 100"
    held.add("p", 10**12, 80 * 10**9)
    assert health.line() == "2 of 30 directions quoted, slot 100"
    held.market.quoter.chain_clock = None
    assert health.line() == "0 of 30 directions quoted, no slot yet"


def test_a_node_that_does_not_answer_is_in_the_status_and_the_findings(
    health: LocalQuoteHealth, counts: RefreshCounts
) -> None:
    counts.poll_fault = "getSlot: gone"
    assert health.line().endswith("; getSlot: gone")
    assert "the node does not answer: getSlot: gone" in health.findings()


def test_a_poll_that_brought_a_part_is_counted_and_a_finding_for_a_minute(
    held: HeldMarket, health: LocalQuoteHealth, counts: RefreshCounts
) -> None:
    counts.poll_partial_count = 2
    counts.poll_partial_fault = "getMultipleAccounts: HTTP 429"
    counts.poll_partial_mono_ns = held.clock.mono_ns()
    finding = "a part of the accounts cannot be read: getMultipleAccounts: HTTP 429"
    held.clock.advance_ms(59_999)
    assert finding in health.report().findings
    held.clock.advance_ms(1)
    report = health.report()
    assert finding not in report.findings
    assert report.figures["polls_partial_total"] == 2


def test_searches_that_the_node_refuses_are_counted(health: LocalQuoteHealth, searches: DiscoveryCounts) -> None:
    searches.search_failed_count = searches.search_refused_count = 3
    assert health.report().figures["searches_refused_total"] == 3


def test_health_lists_what_is_wrong_and_counts(held: HeldMarket, health: LocalQuoteHealth, feed: Feed) -> None:
    held.add("p", 10**12, 80 * 10**9)
    held.market.quote(SOL, held.market.registry.resolve("USDC", field=""), 10**9)
    held.clock.advance_ms(61_000)
    report = health.report()
    assert not report.is_serving
    assert report.uptime_ms == 61_000
    assert list(report.findings) == [
        "the account feed is down; pools are polled",
        "the node is 152 slots behind the clock; nothing vouches for its answers",
        "0 of 30 directions are quoted",
    ]
    assert report.figures["slot_drift"] == 152
    assert (report.figures["pools"], report.figures["pools_past_limit"]) == (1, 1)
    assert report.figures["quote_cache_misses_total"] == 1
    feed.is_live = True
    held.tick(0)
    assert "the account feed is down; pools are polled" not in health.report().findings


def test_an_oracle_source_that_does_not_deliver_and_a_dispute_are_findings(
    held: HeldMarket, health: LocalQuoteHealth
) -> None:
    hermes, jupiter = Outside(Source.HERMES, SOL, fault="hermes: answered 500"), Outside(Source.JUPITER, SOL)
    for source, price in ((hermes, 80.0), (jupiter, 88.0)):
        held.market.oracle.add_source(source)
        held.market.oracle.take(
            SOL.mint,
            PriceReading(source=source.source, price=price, unit=Unit.USD, freshness=Freshness(moment(held.clock), 0)),
        )
    findings = health.findings()
    assert "the oracle source hermes does not deliver: hermes: answered 500" in findings
    assert "oracle sources disagree, and none is outvoted, on SOL" in findings
    hermes.fault = ""
    held.market.oracle.begin_anew()
    assert not [finding for finding in health.findings() if "oracle" in finding]


def test_a_node_whose_slots_went_back_and_pools_in_doubt_are_findings(
    held: HeldMarket, health: LocalQuoteHealth
) -> None:
    held.add("p", 10**12, 80 * 10**9)
    newest = held.market.progress.slot
    held.market.slot_seen(newest - 40, held.clock.mono_ns())
    assert f"the node's slots went back: {newest - 40} after {newest}" in health.findings()
    assert "1 pools in doubt: the node's slots went back" in health.findings()
    assert health.report().figures["slot_drift"] >= 40


def test_it_is_ready_as_long_as_something_quotes(held: HeldMarket, health: LocalQuoteHealth) -> None:
    assert health.condition() == Condition(is_ready=False, line="0 of 30 directions quoted, slot 100")
    held.add("p", 10**12, 80 * 10**9)
    assert health.condition() == Condition(is_ready=True, line="2 of 30 directions quoted, slot 100")
    held.clock.advance_ms(61_000)
    assert health.condition() == Condition(is_ready=False, line="0 of 30 directions quoted, slot 100")


def test_each_endpoint_is_told_by_its_number_and_what_is_wrong_with_it_without_its_key(
    held: HeldMarket, feed: Feed, counts: RefreshCounts, searches: DiscoveryCounts
) -> None:
    endpoints = endpoints_at("http://one/k3y", "http://two/k3y", session=cast("Any", None), clock=held.clock)
    health = health_over(endpoints, held, feed, counts, searches)
    assert health.line().endswith("; 2 of 2 endpoints well")
    first, second = endpoints
    first.is_subscribed = True
    second.health.cool(30_000_000_000)
    for _ in range(5):
        first.health.fail()
    second.lag_slots = 11
    assert health.line().endswith(
        "0 of 2 endpoints well; one#1 unhealthy; "
        "two#2 cooling for another 30 s, 11 slots behind the others, not read from"
    )
    report = health.report()
    assert "endpoint one#1: unhealthy" in report.findings
    assert not any("k3y" in finding for finding in report.findings)
    told = {name: value for name, value in report.figures.items() if name.startswith("endpoint_1")}
    assert told == {
        "endpoint_1_state": 2.0,
        "endpoint_1_lag_slots": 0.0,
        "endpoint_1_readable": 1.0,
        "endpoint_1_subscribed": 1.0,
    }
    assert (report.figures["endpoint_2_state"], report.figures["endpoint_2_readable"]) == (3.0, 0.0)
