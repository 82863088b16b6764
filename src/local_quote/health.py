"""How the service is, in one place: whether it serves, what is wrong, and the figures worth a look."""

from collections import Counter
from collections.abc import Iterator, Mapping

from local_quote.chain_progress import SLOTS_APART_MAX
from local_quote.companions import CompanionCounts
from local_quote.discovery import DiscoveryCounts
from local_quote.market import LocalMarket
from local_quote.pool_store import Doubt
from local_quote.refresh import MarketRefresher
from local_quote.warm_start import WarmCounts
from quote_core.clock import Clock
from quote_core.health import QuoteServiceHealth, WorkFigures
from quote_core.serving import CallCounter
from quote_core.solana import Endpoints, EndpointState
from quote_core.units import NS_PER_MS, NS_PER_S

__all__ = ["LocalQuoteHealth"]

_PARTIAL_SHOWN_NS = 60 * NS_PER_S
"""How long a poll that brought only a part is a finding: by then what it lacked has been asked for again."""


class LocalQuoteHealth(QuoteServiceHealth):
    """It serves while something quotes."""

    def __init__(
        self,
        *,
        market: LocalMarket,
        refreshing: MarketRefresher,
        discovering: DiscoveryCounts,
        waiting: CompanionCounts,
        keeping: WarmCounts,
        clock: Clock,
        version: str,
        refuse_after_ns: int,
        calls: CallCounter,
        endpoints: Endpoints,
    ) -> None:
        super().__init__(clock=clock, version=version)
        self._market = market
        self._refresher = refreshing
        self._feed = refreshing.feed
        self._refreshing = refreshing.counts
        self._discovering = discovering
        self._waiting = waiting
        self._keeping = keeping
        self._refuse_after_ns = refuse_after_ns
        self._calls = calls
        self._endpoints = endpoints

    @property
    def is_serving(self) -> bool:
        """Pools are loaded and at least one direction quotes."""
        return self._market.directions_quoted()[0] > 0

    def line(self) -> str:
        """How much is quoted, and at which slot."""
        quoted_count, total_count = self._market.directions_quoted()
        chain_clock = self._market.chain_clock
        slot = f"slot {chain_clock.slot}" if chain_clock is not None else "no slot yet"
        fault = self._refreshing.poll_fault
        words = [f"{quoted_count} of {total_count} directions quoted, {slot}", *self._endpoint_words(), fault]
        return "; ".join(filter(None, words))

    def _endpoint_words(self) -> Iterator[str]:
        """Of several endpoints, how many are as they should be, and how the others are."""
        if len(self._endpoints) > 1:
            standings = {endpoint.name: self._endpoints.standing(endpoint) for endpoint in self._endpoints}
            well_count = sum(not standing for standing in standings.values())
            yield f"{well_count} of {len(standings)} endpoints well"
            yield from (f"{name} {standing}" for name, standing in standings.items() if standing)

    def findings(self) -> list[str]:
        """What keeps it from serving, or is degraded."""
        findings = []
        if self._market.chain_clock is None:
            findings.append("the chain's clock is not known yet")
        if not self._feed.is_live:
            findings.append("the account feed is down; pools are polled")
        if self._refreshing.poll_fault:
            findings.append(f"the node does not answer: {self._refreshing.poll_fault}")
        partial_ns = self._clock.mono_ns() - self._refreshing.poll_partial_mono_ns
        if self._refreshing.poll_partial_fault and partial_ns < _PARTIAL_SHOWN_NS:
            findings.append(f"a part of the accounts cannot be read: {self._refreshing.poll_partial_fault}")
        progress = self._market.progress
        drift_slots = progress.drift_slots(self._clock.mono_ns())
        if progress.is_regressed:
            findings.append(f"the node's slots went back: {progress.told_slot} after {progress.slot}")
        elif drift_slots > SLOTS_APART_MAX:
            findings.append(f"the node is {drift_slots:.0f} slots behind the clock; nothing vouches for its answers")
        findings += [
            f"endpoint {endpoint.name}: {standing}"
            for endpoint in self._endpoints
            if (standing := self._endpoints.standing(endpoint))
        ]
        if self._refresher.is_feed_lossy:
            findings.append(f"the account feed loses notifications, {self._refresher.gap_count} so far")
        findings += self._of_oracles()
        doubts = Counter(entry.doubt.value for entry in self._market.store if entry.doubt is not None)
        findings += [f"{count} pools in doubt: {reason}" for reason, count in sorted(doubts.items())]
        if self._keeping.fault:
            findings.append(f"what is held cannot be kept for the next start: {self._keeping.fault}")
        quoted_count, total_count = self._market.directions_quoted()
        if quoted_count < total_count:
            findings.append(f"{quoted_count} of {total_count} directions are quoted")
        return findings

    def _of_oracles(self) -> Iterator[str]:
        """Why some quotes have less confidence than they could; `solquote oracles` has all of it."""
        oracle, chain_clock = self._market.oracle, self._market.chain_clock
        for outside in oracle.sources:
            if outside.fault:
                yield f"the oracle source {outside.source.label} does not deliver: {outside.fault}"
        disputed = [] if chain_clock is None else oracle.disputed(chain_clock)
        if disputed:
            symbols = ", ".join(token.symbol for token in disputed)
            yield f"oracle sources disagree, and none is outvoted, on {symbols}"

    def figures(self) -> Mapping[str, float]:
        """Counters and gauges by name."""
        market, store, feed = self._market, self._market.store.counts, self._feed.counts
        now_mono_ns = self._clock.mono_ns()
        loaded = [entry for entry in market.store if entry.is_loaded]
        ages_ns = [entry.age_ns(now_mono_ns) for entry in loaded]
        quoted_count, total_count = market.directions_quoted()
        of_endpoints = {
            f"endpoint_{endpoint.address.number}_{name}": float(value)
            for endpoint in self._endpoints
            for name, value in (
                ("state", list(EndpointState).index(endpoint.health.state)),
                ("lag_slots", abs(endpoint.lag_slots)),
                ("readable", self._endpoints.is_read(endpoint)),
                ("subscribed", endpoint.is_subscribed),
            )
        }
        return of_endpoints | {
            "endpoint_failovers_total": sum(endpoint.failover_count for endpoint in self._endpoints),
            "forks_total": market.forks.count,
            "accounts_taken_back_total": market.taken_back_count,
            "pools": len(market.store),
            "pools_past_limit": sum(not entry.is_usable(now_mono_ns, self._refuse_after_ns) for entry in loaded),
            "pool_age_ms_max": max(ages_ns, default=0) // NS_PER_MS,
            "directions_quoted": quoted_count,
            "directions": total_count,
            "rows": len(market.table),
            "subscribers": len(market.subscriptions),
            "conflated_total": market.subscriptions.conflated_count,
            "quote_cache_entries": len(market.cache),
            "quote_cache_hit_fraction": market.cache.hit_fraction,
            "quote_cache_hits_total": market.cache.hit_count,
            "quote_cache_misses_total": market.cache.miss_count,
            "accounts_applied_total": store.applied_count,
            "accounts_unchanged_total": store.unchanged_count,
            "accounts_older_dropped_total": store.older_dropped_count,
            "accounts_corrupt_total": store.corrupt_count,
            "slot_regressions_total": market.progress.regression_count,
            "slots_impossible_total": market.progress.impossible_count,
            "pools_in_doubt": float(sum(entry.doubt is not None for entry in market.store)),
            "warm_pools_restored": self._keeping.restored_count,
            "warm_pools_unconfirmed": float(sum(entry.doubt is Doubt.UNCONFIRMED for entry in market.store)),
            "warm_writes_total": self._keeping.write_count,
            "warm_writes_failed_total": self._keeping.write_failed_count,
            "warm_file_bytes": self._keeping.written_bytes,
            "pool_doubts_total": store.doubt_count,
            "feed_lost_total": self._refresher.gap_count,
            "feed_went_back_total": feed.went_back_count,
            "oracle_unreadable_total": market.oracle.unreadable_count,
            "feed_live": float(self._feed.is_live),
            "feed_updates_total": feed.update_count,
            "feed_connects_total": feed.connect_count,
            "feed_malformed_total": feed.malformed_count,
            "feed_refused_total": feed.refused_count,
            "polls_total": self._refreshing.poll_count,
            "polls_failed_total": self._refreshing.poll_failed_count,
            "polls_partial_total": self._refreshing.poll_partial_count,
            "update_batches_total": self._refreshing.batch_count,
            "updates_waited_total": self._waiting.waited_count,
            "parts_read_total": self._waiting.read_count,
            "pools_found_total": self._discovering.found_count,
            "pools_unreadable_total": self._discovering.unreadable_count,
            "pools_left_out_total": self._discovering.left_out_count,
            "searches_failed_total": self._discovering.search_failed_count,
            "searches_refused_total": self._discovering.search_refused_count,
        }

    def work(self) -> WorkFigures:
        """Calls of clients and accounts of the chain; an account that cannot be decoded is an error."""
        chain_clock, store = self._market.chain_clock, self._market.store.counts
        taken_count = store.applied_count + store.unchanged_count + store.older_dropped_count + store.corrupt_count
        return WorkFigures.now(
            handled_total=self._calls.handled_count + taken_count,
            errors_total=self._calls.error_count + store.corrupt_count,
            rpc_calls_total=self._refreshing.poll_count,
            rpc_failures_total=self._refreshing.poll_failed_count,
            slot=chain_clock.slot if chain_clock else 0,
            slot_drift=round(self._market.progress.drift_slots(self._clock.mono_ns())),
        )
