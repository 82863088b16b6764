"""What the local quote service tells Prometheus: its pools, how it keeps them current, and its quote cache."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from local_quote.companions import CompanionCounts
from local_quote.discovery import DiscoveryCounts
from local_quote.market import LocalMarket
from local_quote.market_events.publisher import MarketEventPublisher
from local_quote.oracle import Refusal, Source, Standing
from local_quote.poll_plan import PollPlan
from local_quote.pool_store import Doubt
from local_quote.refresh import MarketRefresher
from local_quote.warm_start import WarmCounts
from quote_core.clock import Clock
from quote_core.process import PROCESS_METRICS
from quote_core.serving.metrics import GRPC_METRICS
from quote_core.solana.metrics import RPC_METRICS
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample
from quote_core.units import NS_PER_S
from quote_core.work_metrics import WORK_METRICS

__all__ = ["CATALOGUES", "LocalQuoteParts", "local_quote_source", "oracle_samples"]

_OWN: Final = Catalogue("Local quote service")
_POOLS = _OWN.gauge("solquote_local_quote_pools", "Pools held")
_POOLS_PAST_LIMIT = _OWN.gauge("solquote_local_quote_stale_pools", "Pools too old to be quoted at all")
_POOLS_IN_DOUBT = _OWN.gauge("solquote_local_quote_doubted_pools", "Pools that are read before they are relied on")
_POOL_AGE = _OWN.gauge("solquote_local_quote_pool_age_max_seconds", "Since the oldest pool was vouched for")
_DIRECTIONS = _OWN.gauge(
    "solquote_local_quote_directions", "Directions of watched pairs, by whether they quote", "state"
)
_ROWS = _OWN.gauge("solquote_local_quote_rows", "Rows that streams follow")
_CHAINS = _OWN.gauge(
    "solquote_local_quote_row_routes", "Routes through several pools that rows may rest on; none unless they may"
)
_ROW_SEARCHES = _OWN.counter(
    "solquote_local_quote_row_route_searches_total", "Searches for the routes of one direction's rows"
)
_SUBSCRIBERS = _OWN.gauge("solquote_local_quote_subscribers", "Streams open")
_CONFLATED = _OWN.counter(
    "solquote_local_quote_conflated_changes_total", "Changes never told to a slow subscriber: a newer one came first"
)
_LOOKUPS = _OWN.counter("solquote_local_quote_cache_lookups_total", "Look-ups in the quote cache", "result")
_CACHED = _OWN.gauge("solquote_local_quote_cached_quotes", "Quotes in the cache")
_EVIDENCE = _OWN.gauge("solquote_local_quote_evidence_bytes", "Older versions of accounts, to explain quotes by")
_ACCOUNTS = _OWN.counter("solquote_local_quote_accounts_total", "Accounts that came, by what became of them", "outcome")
_DOUBTS = _OWN.counter("solquote_local_quote_pool_doubts_total", "How often a pool came to be in doubt")
_WAITING = _OWN.gauge("solquote_local_quote_waiting_accounts", "Accounts notified and not applied yet")
_BATCHES = _OWN.counter("solquote_local_quote_update_batches_total", "Batches of notified accounts applied")
_HALVES = _OWN.counter(
    "solquote_local_quote_half_swaps_total", "Parts of a transaction held back, by what made them whole", "outcome"
)
_TWICE = _OWN.counter(
    "solquote_local_quote_told_within_slot_total",
    "Accounts notified twice in a slot; for 60 s every change is then read before it is priced",
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
_FORKS = _OWN.counter("solquote_chain_forks_total", "How often a fork took back slots that the node had shown")
_ORACLE_UNREADABLE = _OWN.counter("solquote_local_quote_oracle_unreadable_total", "Oracle accounts that cannot be read")
_ORACLE_TAKEN = _OWN.counter(
    "solquote_local_quote_oracle_prices_taken_total", "Oracle prices taken, by source", "source"
)
_ORACLE_REFUSED = _OWN.counter(
    "solquote_local_quote_oracle_refusals_total",
    "What an oracle's source told that is none of its prices",
    "source",
    "reason",
)
_ORACLE_STANDINGS = _OWN.gauge(
    "solquote_local_quote_oracle_readings",
    "Oracle prices held, by source and by what became of them",
    "source",
    "standing",
)
_ORACLE_AGE = _OWN.gauge(
    "solquote_local_quote_oracle_age_max_seconds", "Since the oldest of a source's prices was published", "source"
)
_ORACLE_DISPUTED = _OWN.gauge(
    "solquote_local_quote_oracle_disputed_tokens", "Tokens whose oracle sources disagree, and none is outvoted"
)
_SEARCHES = _OWN.counter(
    "solquote_local_quote_failed_searches_total", "Searches for pools without an answer", "outcome"
)
_KEPT_POOLS = _OWN.gauge(
    "solquote_local_quote_unconfirmed_pools", "Pools quoted as they were kept before the start, until they are read"
)
_RESTORED = _OWN.counter("solquote_local_quote_restored_pools_total", "Pools that were begun from as they were kept")
_WRITES = _OWN.counter("solquote_local_quote_warm_writes_total", "Writings of what is held, for a restart", "outcome")
_WARM_BYTES = _OWN.gauge("solquote_local_quote_warm_file_bytes", "Size of the file written last")
_WARM_SECONDS = _OWN.gauge("solquote_local_quote_warm_write_seconds", "How long writing it took")
_FOLLOW_REFUSED = _OWN.counter(
    "solquote_local_quote_new_pool_subscriptions_refused_total",
    "Subscriptions to new pools that a node refused; searches find them then",
)
_FOUND = _OWN.counter("solquote_local_quote_found_pools_total", "Pools found, by what became of them", "outcome")
_EVENTS = _OWN.counter(
    "solquote_local_quote_market_events_total",
    "Market events by what became of them: published, replaced by a newer one, pushed out, or not confirmed",
    "outcome",
)
_EVENTS_WAITING = _OWN.gauge("solquote_local_quote_market_events_waiting", "Market events to be told")
_EVENTS_CONNECTED = _OWN.gauge(
    "solquote_local_quote_market_events_connected", "1 while the bus is there to tell market events on"
)

CATALOGUES: Final = (PROCESS_METRICS, WORK_METRICS, GRPC_METRICS, RPC_METRICS, _OWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalQuoteParts:
    """What is looked at."""

    market: LocalMarket
    refresher: MarketRefresher
    plan: PollPlan
    discovered: DiscoveryCounts
    waited: CompanionCounts
    kept: WarmCounts
    telling: MarketEventPublisher | None
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
    yield from _kept(parts)
    yield from oracle_samples(parts.market)
    if parts.telling is not None:
        yield from _market_events(parts.telling)
    found = parts.discovered
    yield _SEARCHES.of(found.search_failed_count, "failed")
    yield _SEARCHES.of(found.search_refused_count, "refused")
    yield _FOLLOW_REFUSED.of(found.follow_refused_count)
    yield _FOUND.of(found.heard_count, "heard_of")
    yield _FOUND.of(found.found_count, "taken")
    yield _FOUND.of(found.unreadable_count, "unreadable")
    yield _FOUND.of(found.left_out_count, "left_out")
    yield _FOUND.of(found.let_go_count, "let_go")


def _market_events(telling: MarketEventPublisher) -> Iterator[Sample]:
    waiting = telling.waiting
    yield _EVENTS.of(telling.counts.published_count, "published")
    yield _EVENTS.of(telling.counts.unconfirmed_count, "unconfirmed")
    yield _EVENTS.of(waiting.counts.replaced_count, "replaced")
    yield _EVENTS.of(waiting.counts.pushed_out_count + telling.observer.lost_trade_count, "pushed_out")
    yield _EVENTS_WAITING.of(len(waiting))
    yield _EVENTS_CONNECTED.of(telling.is_connected)


def _kept(parts: LocalQuoteParts) -> Iterator[Sample]:
    counts = parts.kept
    yield _KEPT_POOLS.of(sum(entry.doubt is Doubt.UNCONFIRMED for entry in parts.market.store))
    yield _RESTORED.of(counts.restored_count)
    yield _WRITES.of(counts.write_count, "written")
    yield _WRITES.of(counts.write_failed_count, "failed")
    yield _WARM_BYTES.of(counts.written_bytes)
    yield _WARM_SECONDS.of(counts.written_ns / NS_PER_S)


def _pools(parts: LocalQuoteParts) -> Iterator[Sample]:
    store, now_mono_ns = parts.market.store, parts.clock.mono_ns()
    loaded = [entry for entry in store if entry.is_loaded]
    ages_ns = [entry.age_ns(now_mono_ns) for entry in loaded]
    yield _POOLS.of(len(store))
    yield _POOLS_PAST_LIMIT.of(sum(not entry.is_usable(now_mono_ns, parts.refuse_after_ns) for entry in loaded))
    yield _POOLS_IN_DOUBT.of(sum(entry.doubt is not None for entry in store))
    if ages_ns:
        yield _POOL_AGE.of(max(ages_ns) / NS_PER_S)
    yield _EVIDENCE.of(store.history.byte_count)
    counts = store.counts
    yield _ACCOUNTS.of(counts.applied_count, "applied")
    yield _ACCOUNTS.of(counts.unchanged_count, "unchanged")
    yield _ACCOUNTS.of(counts.older_dropped_count, "older")
    yield _ACCOUNTS.of(counts.corrupt_count, "corrupt")
    yield _ACCOUNTS.of(parts.market.taken_back_count, "taken_back")
    yield _DOUBTS.of(counts.doubt_count)


def _quotes(market: LocalMarket) -> Iterator[Sample]:
    quoted_count, total_count = market.directions_quoted()
    yield _DIRECTIONS.of(quoted_count, "quoted")
    yield _DIRECTIONS.of(total_count - quoted_count, "unquoted")
    yield _ROWS.of(len(market.table))
    yield _CHAINS.of(len(market.table.chain_offers))
    yield _ROW_SEARCHES.of(market.row_routes.search_count if market.row_routes is not None else 0)
    yield _SUBSCRIBERS.of(len(market.subscriptions))
    yield _CONFLATED.of(market.subscriptions.conflated_count)
    yield _LOOKUPS.of(market.cache.hit_count, "hit")
    yield _LOOKUPS.of(market.cache.miss_count, "miss")
    yield _CACHED.of(len(market.cache))


def _refresh(parts: LocalQuoteParts) -> Iterator[Sample]:
    counts, waited = parts.refresher.counts, parts.waited
    yield _WAITING.of(parts.refresher.waiting_count)
    yield _BATCHES.of(counts.batch_count)
    yield _HALVES.of(waited.waited_count, "came")
    yield _HALVES.of(waited.read_count, "read")
    yield _TWICE.of(waited.within_slot_count)
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
    yield _FORKS.of(market.forks.count)


def oracle_samples(market: LocalMarket) -> Iterator[Sample]:
    """What is told of reference prices."""
    oracle = market.oracle
    yield _ORACLE_UNREADABLE.of(oracle.unreadable_count)
    taken, refused = oracle.taken_counts, oracle.refused_counts
    for source in Source:
        yield _ORACLE_TAKEN.of(taken.get(source, 0), source.label)
        for refusal in Refusal:
            yield _ORACLE_REFUSED.of(refused.get((source, refusal), 0), source.label, refusal.value)
    if market.chain_clock is None:
        return
    counts: Counter[tuple[Source, Standing]] = Counter()
    oldest_ns: dict[Source, int] = {}
    for source, standing, age_ns in oracle.standings(market.chain_clock):
        counts[source, standing] += 1
        oldest_ns[source] = max(age_ns, oldest_ns.get(source, 0))
    for source, age_ns in oldest_ns.items():
        yield _ORACLE_AGE.of(age_ns / NS_PER_S, source.label)
    for source in Source:
        for standing in Standing:
            yield _ORACLE_STANDINGS.of(counts[source, standing], source.label, standing.value)
    yield _ORACLE_DISPUTED.of(len(oracle.disputed(market.chain_clock)))
