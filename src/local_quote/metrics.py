"""What the local quote service tells Prometheus: its pools, how it keeps them current, and its quote cache."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from local_quote.companions import CompanionCounts
from local_quote.discovery import DiscoveryCounts
from local_quote.market import LocalMarket
from local_quote.poll_plan import PollPlan
from local_quote.refresh import MarketRefresher
from quote_core.clock import Clock
from quote_core.process import PROCESS_METRICS
from quote_core.serving.metrics import GRPC_METRICS
from quote_core.solana.metrics import RPC_METRICS
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample
from quote_core.units import NS_PER_S
from quote_core.work_metrics import WORK_METRICS

__all__ = ["CATALOGUES", "LocalQuoteParts", "local_quote_source"]

_OWN: Final = Catalogue("Local quote service")
_POOLS = _OWN.gauge("solquote_local_quote_pools", "Pools held")
_POOLS_PAST_LIMIT = _OWN.gauge("solquote_local_quote_stale_pools", "Pools too old to be quoted at all")
_POOLS_IN_DOUBT = _OWN.gauge("solquote_local_quote_doubted_pools", "Pools that are read before they are relied on")
_POOL_AGE = _OWN.gauge("solquote_local_quote_pool_age_max_seconds", "Since the oldest pool was vouched for")
_DIRECTIONS = _OWN.gauge(
    "solquote_local_quote_directions", "Directions of watched pairs, by whether they quote", "state"
)
_ROWS = _OWN.gauge("solquote_local_quote_rows", "Rows that streams follow")
_SUBSCRIBERS = _OWN.gauge("solquote_local_quote_subscribers", "Streams open")
_CONFLATED = _OWN.counter(
    "solquote_local_quote_conflated_changes_total", "Changes never told to a slow subscriber: a newer one came first"
)
_LOOKUPS = _OWN.counter("solquote_local_quote_cache_lookups_total", "Look-ups in the quote cache", "result")
_CACHED = _OWN.gauge("solquote_local_quote_cached_quotes", "Quotes in the cache")
_ACCOUNTS = _OWN.counter("solquote_local_quote_accounts_total", "Accounts that came, by what became of them", "outcome")
_DOUBTS = _OWN.counter("solquote_local_quote_pool_doubts_total", "How often a pool came to be in doubt")
_WAITING = _OWN.gauge("solquote_local_quote_waiting_accounts", "Accounts notified and not applied yet")
_BATCHES = _OWN.counter("solquote_local_quote_update_batches_total", "Batches of notified accounts applied")
_HALVES = _OWN.counter(
    "solquote_local_quote_half_swaps_total", "Half a swap: waited for the other half, or in vain", "outcome"
)
_POLLS = _OWN.counter("solquote_local_quote_polls_total", "Readings of pools, by how much came", "outcome")
_INTERVAL = _OWN.histogram(
    "solquote_local_quote_refresh_interval_seconds", "Between two readings of the same pool", "pools"
)
_FEED_LIVE = _OWN.gauge("solquote_local_quote_feed_live", "1 while the account feed delivers")
_FEED_UPDATES = _OWN.counter("solquote_local_quote_feed_updates_total", "Accounts notified by the feed")
_FEED_CONNECTS = _OWN.counter("solquote_local_quote_feed_connects_total", "Connections made by the feed")
_FEED_FAULTS = _OWN.counter(
    "solquote_local_quote_feed_faults_total", "What was wrong with notifications, by what it was", "fault"
)
_SLOT = _OWN.gauge("solquote_chain_slot", "The chain's newest slot seen")
_DRIFT = _OWN.gauge("solquote_chain_slot_drift_slots", "How far that is behind the clock")
_REGRESSIONS = _OWN.counter("solquote_chain_slot_regressions_total", "How often the node's slots went back")
_ORACLE_UNREADABLE = _OWN.counter("solquote_local_quote_oracle_unreadable_total", "Oracle accounts that cannot be read")
_SEARCHES = _OWN.counter(
    "solquote_local_quote_failed_searches_total", "Searches for pools without an answer", "outcome"
)
_FOUND = _OWN.counter("solquote_local_quote_found_pools_total", "Pools found, by what became of them", "outcome")

CATALOGUES: Final = (PROCESS_METRICS, WORK_METRICS, GRPC_METRICS, RPC_METRICS, _OWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalQuoteParts:
    """What is looked at."""

    market: LocalMarket
    refresher: MarketRefresher
    plan: PollPlan
    discovered: DiscoveryCounts
    waited: CompanionCounts
    refuse_after_ns: int
    clock: Clock


def local_quote_source(parts: LocalQuoteParts) -> MetricSource:
    """Everything but calls, work and the node."""
    return MetricSource(_OWN, lambda: _samples(parts))


def _samples(parts: LocalQuoteParts) -> Iterator[Sample]:
    yield from _pools(parts)
    yield from _quotes(parts.market)
    yield from _refresh(parts)
    yield from _feed(parts.refresher)
    yield from _chain(parts)
    found = parts.discovered
    yield _SEARCHES.of(found.search_failed_count, "failed")
    yield _SEARCHES.of(found.search_refused_count, "refused")
    yield _FOUND.of(found.found_count, "taken")
    yield _FOUND.of(found.unreadable_count, "unreadable")
    yield _FOUND.of(found.left_out_count, "left_out")


def _pools(parts: LocalQuoteParts) -> Iterator[Sample]:
    store, now_mono_ns = parts.market.store, parts.clock.mono_ns()
    ages_ns = [entry.age_ns(now_mono_ns) for entry in store if entry.is_loaded]
    yield _POOLS.of(len(store))
    yield _POOLS_PAST_LIMIT.of(sum(age_ns > parts.refuse_after_ns for age_ns in ages_ns))
    yield _POOLS_IN_DOUBT.of(sum(entry.doubt is not None for entry in store))
    if ages_ns:
        yield _POOL_AGE.of(max(ages_ns) / NS_PER_S)
    counts = store.counts
    yield _ACCOUNTS.of(counts.applied_count, "applied")
    yield _ACCOUNTS.of(counts.unchanged_count, "unchanged")
    yield _ACCOUNTS.of(counts.older_dropped_count, "older")
    yield _ACCOUNTS.of(counts.corrupt_count, "corrupt")
    yield _DOUBTS.of(counts.doubt_count)


def _quotes(market: LocalMarket) -> Iterator[Sample]:
    quoted_count, total_count = market.directions_quoted()
    yield _DIRECTIONS.of(quoted_count, "quoted")
    yield _DIRECTIONS.of(total_count - quoted_count, "unquoted")
    yield _ROWS.of(len(market.table))
    yield _SUBSCRIBERS.of(len(market.subscriptions))
    yield _CONFLATED.of(market.subscriptions.conflated_count)
    yield _LOOKUPS.of(market.cache.hit_count, "hit")
    yield _LOOKUPS.of(market.cache.miss_count, "miss")
    yield _CACHED.of(len(market.cache))


def _refresh(parts: LocalQuoteParts) -> Iterator[Sample]:
    counts, waited = parts.refresher.counts, parts.waited
    yield _WAITING.of(parts.refresher.waiting_count)
    yield _BATCHES.of(counts.batch_count)
    yield _HALVES.of(waited.waited_count, "waited")
    yield _HALVES.of(waited.expired_count, "in_vain")
    yield _POLLS.of(counts.poll_count - counts.poll_failed_count - counts.poll_partial_count, "whole")
    yield _POLLS.of(counts.poll_partial_count, "partial")
    yield _POLLS.of(counts.poll_failed_count, "failed")
    yield _INTERVAL.of(parts.plan.amm_interval_s, "constant_product")
    yield _INTERVAL.of(parts.plan.clmm_interval_s, "concentrated")


def _feed(refresher: MarketRefresher) -> Iterator[Sample]:
    counts = refresher.feed.counts
    yield _FEED_LIVE.of(refresher.feed.is_live)
    yield _FEED_UPDATES.of(counts.update_count)
    yield _FEED_CONNECTS.of(counts.connect_count)
    yield _FEED_FAULTS.of(refresher.gap_count, "lost")
    yield _FEED_FAULTS.of(counts.went_back_count, "went_back")
    yield _FEED_FAULTS.of(counts.malformed_count, "malformed")
    yield _FEED_FAULTS.of(counts.refused_count, "refused")


def _chain(parts: LocalQuoteParts) -> Iterator[Sample]:
    market = parts.market
    if market.chain_clock is not None:
        yield _SLOT.of(market.chain_clock.slot)
    yield _DRIFT.of(market.progress.drift_slots(parts.clock.mono_ns()))
    yield _REGRESSIONS.of(market.progress.regression_count)
    yield _ORACLE_UNREADABLE.of(market.oracle.unreadable_count)
