"""Quotes: what is served, how sure and how young it is, and who it comes from."""

from typing import Final

from panels import (
    DOWN_UP,
    WINDOW,
    Dashboard,
    Kind,
    Panel,
    Query,
    Row,
    Step,
    Unit,
    heat,
    lines,
    number,
    per_second,
    series,
)

__all__ = ["CONFIDENCE", "PROVIDERS", "QUOTES", "REFRESH", "RPC", "SHARED_MEMORY"]

QUOTES: Final = Dashboard(
    "quotes",
    "quotes",
    "What the quote services serve over gRPC and HTTP, and what the aggregator holds.",
    (
        Row(
            "Held",
            (
                lines(
                    "Quotes held",
                    "Quotes in shared memory, by source and by whether they are stale.",
                    Unit.NUMBER,
                    ("sum by (source, state) (solquote_aggregator_held_quotes)", "{{source}} {{state}}"),
                ),
                lines(
                    "Age of the oldest",
                    "Since the oldest quote of a source was vouched for; above 5 s it is stale (docs/freshness.md).",
                    Unit.SECONDS,
                    ("max by (source) (solquote_aggregator_quote_age_max_seconds)", "{{source}}"),
                ),
                lines(
                    "Answers taken",
                    "From each source, refusals included, and those of them that no quote can be.",
                    Unit.PER_SECOND,
                    (per_second("solquote_aggregator_quotes_total", "source"), "{{source}}"),
                    (per_second("solquote_aggregator_impossible_quotes_total", "source"), "{{source}} impossible"),
                ),
                Panel(
                    "Sources",
                    "Whether the stream of each quote service delivers.",
                    Kind.STATES,
                    Unit.NUMBER,
                    (Query("max by (source) (solquote_aggregator_source_up)", "{{source}}"),),
                    words=DOWN_UP,
                    steps=(Step(1, "green"),),
                    low="red",
                ),
                lines(
                    "Directions of watched pairs",
                    "Whether the local service has a quote for them.",
                    Unit.NUMBER,
                    ("sum by (state) (solquote_local_quote_directions)", "{{state}}"),
                ),
                lines(
                    "Rows and routes",
                    "A row is a pair, a direction and an amount. Routes can be looked up by their number.",
                    Unit.NUMBER,
                    ("sum(solquote_aggregator_rows)", "rows"),
                    ("sum(solquote_local_quote_rows)", "rows that streams of local_quote follow"),
                    ("sum(solquote_aggregator_routes)", "routes"),
                    ("sum(solquote_local_quote_row_routes)", "routes that rows of local_quote may take"),
                ),
                lines(
                    "Evidence kept",
                    "What quotes are explained by: older versions of accounts, and answers of providers; bounded.",
                    Unit.BYTES,
                    ("sum(solquote_local_quote_evidence_bytes)", "accounts"),
                    ("sum(solquote_external_quote_evidence_bytes)", "answers"),
                ),
            ),
        ),
        Row(
            "gRPC",
            (
                lines(
                    "Calls",
                    "Calls and streams that ended, by process and method.",
                    Unit.PER_SECOND,
                    (per_second("solquote_grpc_calls_total", "service", "method"), "{{service}} {{method}}"),
                ),
                lines(
                    "Errors",
                    "Share of the calls that failed by our own fault (UNKNOWN, INTERNAL, DATA_LOSS), over a minute.",
                    Unit.FRACTION,
                    ("solquote:grpc_errors:ratio_rate1m", "{{service}} {{method}}"),
                    steps=(Step(0.05, "red"),),
                ),
                lines(
                    "Until the answer, p99",
                    "Of a stream, until its first message; over a minute.",
                    Unit.SECONDS,
                    ("solquote:grpc_call_duration_seconds:p99_1m", "{{service}} {{method}}"),
                    steps=(Step(0.01, "orange"), Step(0.25, "red")),
                ),
                lines(
                    "Streams",
                    "Messages sent on them.",
                    Unit.PER_SECOND,
                    (per_second("solquote_grpc_stream_messages_total", "service", "method"), "{{service}} {{method}}"),
                ),
                lines(
                    "Under way",
                    "Calls and streams that are open now.",
                    Unit.NUMBER,
                    ("sum by (service, method) (solquote_grpc_open_calls)", "{{service}} {{method}}"),
                ),
                lines(
                    "Subscribers, and what they missed",
                    "Open streams of each service, and changes that a slow one was never told: a newer one came first.",
                    Unit.NUMBER,
                    ("sum(solquote_aggregator_subscribers)", "aggregator"),
                    ("sum(solquote_local_quote_subscribers)", "local_quote"),
                    ("sum(solquote_external_quote_subscribers)", "external_quote"),
                    (per_second("solquote_aggregator_conflated_changes_total"), "aggregator: conflated a second"),
                    (per_second("solquote_local_quote_conflated_changes_total"), "local_quote: conflated a second"),
                ),
            ),
        ),
        Row(
            "HTTP and cache",
            (
                lines(
                    "HTTP requests",
                    "Of the aggregator, by route and status.",
                    Unit.PER_SECOND,
                    (
                        per_second('solquote_http_requests_total{service="aggregator"}', "route", "code"),
                        "{{route}} {{code}}",
                    ),
                ),
                lines(
                    "Quote cache: hits",
                    "Share of the look-ups of the local service that found a quote, over five minutes. No value while"
                    " nobody asks for a single quote: streams do not use it.",
                    Unit.FRACTION,
                    ("solquote:quote_cache_hits:ratio_rate5m", "hits"),
                ),
                lines(
                    "Quote cache: look-ups",
                    "By what they found.",
                    Unit.PER_SECOND,
                    (per_second("solquote_local_quote_cache_lookups_total", "result"), "{{result}}"),
                ),
                lines(
                    "Quote cache: quotes",
                    "How many it holds.",
                    Unit.NUMBER,
                    ("sum(solquote_local_quote_cached_quotes)", "quotes"),
                ),
            ),
        ),
    ),
)

CONFIDENCE: Final = Dashboard(
    "confidence",
    "confidence",
    "How sure the quotes are, what adds to it, and what caps it: docs/confidence.md.",
    (
        Row(
            "Score",
            (
                number(
                    "Mean confidence",
                    "Of the quotes held, by source: the sum of what the five factors add.",
                    Unit.FRACTION,
                    "sum by (source) (solquote_aggregator_confidence_contribution_ratio)",
                    legend="{{source}}",
                    width=24,
                ),
                lines(
                    "What each factor adds: local",
                    "On average, weighted; all five make the mean score.",
                    Unit.FRACTION,
                    ('solquote_aggregator_confidence_contribution_ratio{source="local"}', "{{factor}}"),
                ),
                lines(
                    "What each factor adds: external",
                    "On average, weighted; all five make the mean score.",
                    Unit.FRACTION,
                    ('solquote_aggregator_confidence_contribution_ratio{source="external"}', "{{factor}}"),
                ),
                heat(
                    "Confidence of the quotes written",
                    "Caps included; both sources.",
                    Unit.FRACTION,
                    "solquote_aggregator_confidence_ratio",
                ),
                lines(
                    "Confidence of the quotes written, lower end",
                    "One in ten, and one in a hundred, is below.",
                    Unit.FRACTION,
                    *(
                        (
                            f"histogram_quantile({fraction}, sum by (source, le)"
                            f" (rate(solquote_aggregator_confidence_ratio_bucket[{WINDOW}])))",
                            f"{{{{source}}}} p{fraction * 100:g}",
                        )
                        for fraction in (0.1, 0.01)
                    ),
                ),
            ),
        ),
        Row(
            "What it allows",
            (
                lines(
                    "Decisions",
                    "Quotes written, by what their confidence allows.",
                    Unit.PER_SECOND,
                    (
                        per_second("solquote_aggregator_decisions_total", "source", "decision"),
                        "{{source}} {{decision}}",
                    ),
                ),
                lines(
                    "Capped quotes",
                    "Quotes held that a cap limits, by its reason: a large price impact, a price far from the oracle's,"
                    " or a quote that is stale.",
                    Unit.NUMBER,
                    ("solquote_aggregator_capped_quotes", "{{source}} {{reason}}"),
                ),
                lines(
                    "Oracle",
                    "Reads of the oracle that the aggregator got no answer to, and oracle accounts that the local"
                    " service could not read.",
                    Unit.PER_SECOND,
                    (per_second("solquote_aggregator_oracle_failures_total"), "no answer"),
                    (per_second("solquote_local_quote_oracle_unreadable_total"), "unreadable"),
                ),
            ),
        ),
        Row(
            "Oracles",
            (
                lines(
                    "Prices by what became of them",
                    "Of every source, whether they are the ones that are used, and why not (docs/oracles.md).",
                    Unit.NUMBER,
                    ("sum by (source, standing) (solquote_local_quote_oracle_readings) > 0", "{{source}} {{standing}}"),
                ),
                lines(
                    "Tokens in dispute",
                    "Tokens whose sources disagree, and none is outvoted: quotes of them lose confidence.",
                    Unit.NUMBER,
                    ("sum(solquote_local_quote_oracle_disputed_tokens)", "tokens"),
                ),
                lines(
                    "Age of a source's oldest price",
                    "Since it was published, or last vouched for where its source does not say.",
                    Unit.SECONDS,
                    ("max by (source) (solquote_local_quote_oracle_age_max_seconds)", "{{source}}"),
                ),
                lines(
                    "Prices taken and refused",
                    "What each source told, and what of it was none of its prices, by what was wrong.",
                    Unit.PER_SECOND,
                    (per_second("solquote_local_quote_oracle_prices_taken_total", "source"), "{{source}}"),
                    (
                        per_second("solquote_local_quote_oracle_refusals_total", "source", "reason"),
                        "{{source}} refused: {{reason}}",
                    ),
                ),
            ),
        ),
    ),
)

SHARED_MEMORY: Final = Dashboard(
    "shared-memory",
    "shared memory",
    "The two quote files: what the aggregator writes, and what a reader, the scanner, sees of them (docs/shm.md).",
    (
        Row(
            "Writer",
            (
                lines(
                    "Writes",
                    "Entries written, by file.",
                    Unit.PER_SECOND,
                    (per_second("solquote_shm_writes_total", "file"), "{{file}}"),
                ),
                lines(
                    "From pool update to shared memory",
                    "From the arrival of an account to its quotes in the file: median and 99th percentile.",
                    Unit.SECONDS,
                    *series("solquote_aggregator_pool_update_to_shm_seconds"),
                    steps=(Step(0.005, "orange"), Step(0.1, "red")),
                ),
                lines(
                    "Announcements on the ring",
                    "A reader that lets SOLQUOTE_SHM_SLOT_COUNT (512) pass between two polls has to scan the file.",
                    Unit.PER_SECOND,
                    (per_second("solquote_shm_ring_announcements_total", "file"), "{{file}}"),
                ),
                lines(
                    "Entries in use",
                    "Of those each file has: 2,000, or SOLQUOTE_SHM_ENTRY_COUNT.",
                    Unit.FRACTION,
                    ("solquote_shm_used_entries / solquote_shm_entries", "{{file}}"),
                    steps=(Step(0.95, "orange"),),
                ),
                lines(
                    "Not written, or later",
                    "Quotes that nobody vouched for are not written; new times of unchanged ones wait for a beat.",
                    Unit.NUMBER,
                    (per_second("solquote_shm_refused_quotes_total", "file"), "{{file}} refused a second"),
                    ("solquote_shm_waiting_confirmations", "{{file}} waiting for a beat"),
                ),
                heat(
                    "From pool update to shared memory, all of them",
                    "How the times spread.",
                    Unit.SECONDS,
                    "solquote_aggregator_pool_update_to_shm_seconds",
                ),
            ),
        ),
        Row(
            "Reader",
            (
                Panel(
                    "The writer lives",
                    "As the scanner sees it in the header of each file.",
                    Kind.STATES,
                    Unit.NUMBER,
                    (Query("solquote_shm_reader_writer_live", "{{file}}"),),
                    words=((0.0, "dead", "red"), (1.0, "lives", "green")),
                    steps=(Step(1, "green"),),
                    low="red",
                ),
                lines(
                    "Scans of whole files",
                    "One when a file is attached, then one for each lap of the ring and each restart of the writer.",
                    Unit.PER_SECOND,
                    (per_second("solquote_shm_reader_scans_total"), "scans"),
                    (per_second("solquote_shm_reader_attached_total"), "attached"),
                    (per_second("solquote_shm_reader_busy_total"), "reads without a whole copy"),
                ),
                lines(
                    "Rows watched",
                    "Rows of both files that the scanner watches.",
                    Unit.NUMBER,
                    ("sum(solquote_scanner_rows)", "rows"),
                    ("sum(solquote_scanner_watched_cycles)", "cycles over them"),
                ),
            ),
        ),
    ),
)

REFRESH: Final = Dashboard(
    "refresh",
    "refresh",
    "How pools are kept young: polls that vouch, a feed that brings changes at once, doubts (docs/freshness.md).",
    (
        Row(
            "Pools",
            (
                lines(
                    "Pools held",
                    "All, those too old to be quoted, and those in doubt, which are read before they are relied on.",
                    Unit.NUMBER,
                    ("sum(solquote_local_quote_pools)", "held"),
                    ("sum(solquote_local_quote_stale_pools)", "too old"),
                    ("sum(solquote_local_quote_doubted_pools)", "in doubt"),
                    ("sum(solquote_local_quote_unconfirmed_pools)", "kept from before the start, not read since"),
                ),
                lines(
                    "Age of the oldest pool",
                    "Since it was vouched for.",
                    Unit.SECONDS,
                    ("max(solquote_local_quote_pool_age_max_seconds)", "oldest"),
                    steps=(Step(5, "orange"), Step(10, "red")),
                ),
                lines(
                    "Between two readings of a pool",
                    "Median and 99th percentile, by the kind of pool.",
                    Unit.SECONDS,
                    *series("solquote_local_quote_refresh_interval_seconds", "pools"),
                ),
                lines(
                    "Readings",
                    "By how much came; and searches for the routes of rows, where rows may be routes.",
                    Unit.PER_SECOND,
                    (per_second("solquote_local_quote_polls_total", "outcome"), "{{outcome}}"),
                    (per_second("solquote_local_quote_row_route_searches_total"), "searches for rows"),
                ),
                lines(
                    "Doubts",
                    "How often a pool came to be in doubt; parts of a transaction: all came, or it was read.",
                    Unit.PER_SECOND,
                    (per_second("solquote_local_quote_pool_doubts_total"), "doubts"),
                    (per_second("solquote_local_quote_half_swaps_total", "outcome"), "half a swap: {{outcome}}"),
                    (per_second("solquote_local_quote_told_within_slot_total"), "accounts told twice in a slot"),
                ),
                lines(
                    "Search for pools",
                    "Pools found, by what became of them, and searches without an answer, since the start.",
                    Unit.NUMBER,
                    ("solquote_local_quote_found_pools_total", "{{outcome}}"),
                    ("solquote_local_quote_failed_searches_total", "search {{outcome}}"),
                    ("solquote_local_quote_new_pool_subscriptions_refused_total", "subscription refused"),
                ),
                lines(
                    "Market events",
                    "By what became of them; a newer one of the same figure replaces one that waits.",
                    Unit.PER_SECOND,
                    (per_second("solquote_local_quote_market_events_total", "outcome"), "{{outcome}}"),
                    ("solquote_local_quote_market_events_waiting", "waiting"),
                    ("solquote_local_quote_market_events_connected", "the bus is there"),
                ),
                lines(
                    "Kept for a restart",
                    "Writings of what is held since the start, by how they ended, and pools that the start began from.",
                    Unit.NUMBER,
                    ("solquote_local_quote_warm_writes_total", "{{outcome}}"),
                    ("solquote_local_quote_restored_pools_total", "pools begun from"),
                ),
                lines(
                    "Size of what is kept",
                    "Of the file written last; at most 512 MiB.",
                    Unit.BYTES,
                    ("solquote_local_quote_warm_file_bytes", "{{service}}"),
                ),
                lines(
                    "Keeping it",
                    "How long the last writing took; the next one waits for twenty times that, or longer.",
                    Unit.SECONDS,
                    ("solquote_local_quote_warm_write_seconds", "{{service}}"),
                ),
            ),
        ),
        Row(
            "Accounts and feed",
            (
                Panel(
                    "Feed",
                    "Whether the account feed (WebSocket) delivers; without it polls alone keep quotes young.",
                    Kind.STATES,
                    Unit.NUMBER,
                    (Query("max by (service) (solquote_local_quote_feed_live)", "{{service}}"),),
                    words=DOWN_UP,
                    steps=(Step(1, "green"),),
                    low="red",
                ),
                lines(
                    "Accounts",
                    "Those that came, by what became of them.",
                    Unit.PER_SECOND,
                    (per_second("solquote_local_quote_accounts_total", "outcome"), "{{outcome}}"),
                ),
                lines(
                    "Notifications",
                    "Accounts notified by the feed, and batches of them applied.",
                    Unit.PER_SECOND,
                    (per_second("solquote_local_quote_feed_updates_total"), "notified"),
                    (per_second("solquote_local_quote_update_batches_total"), "batches"),
                ),
                lines(
                    "Accounts that wait",
                    "Notified and not applied yet.",
                    Unit.NUMBER,
                    ("sum(solquote_local_quote_waiting_accounts)", "waiting"),
                ),
                lines(
                    "Faults of the feed",
                    "What was wrong with notifications, and connections made.",
                    Unit.PER_SECOND,
                    (per_second("solquote_local_quote_feed_faults_total", "fault"), "{{fault}}"),
                    (per_second("solquote_local_quote_feed_connects_total"), "connections"),
                ),
            ),
        ),
        Row(
            "Chain",
            (
                lines(
                    "Slots behind the clock",
                    "How far the node's newest slot is behind; beyond 32 its answers vouch for nothing, above 300 the"
                    " kill switch trips.",
                    Unit.SLOTS,
                    ("max(solquote_chain_slot_drift_slots)", "behind"),
                    steps=(Step(32, "orange"), Step(100, "red")),
                ),
                lines(
                    "Slots",
                    "The newest slot seen grows by 2.5 a second on mainnet; how often the node's slots went back.",
                    Unit.PER_SECOND,
                    (f"sum(deriv(solquote_chain_slot[{WINDOW}]))", "slots"),
                    (per_second("solquote_chain_slot_regressions_total"), "went back"),
                ),
            ),
        ),
    ),
)

PROVIDERS: Final = Dashboard(
    "providers",
    "providers",
    "Outside quotes: how each provider answers, what its limit leaves, and whether its circuit breaker is closed.",
    (
        Row(
            "Providers",
            (
                number(
                    "Reliability",
                    "Share of the requests in the health window that a provider answered; a factor of confidence.",
                    Unit.FRACTION,
                    "solquote_external_quote_provider_success_ratio",
                    legend="{{provider}}",
                    width=24,
                ),
                lines(
                    "Requests",
                    "By provider and how they ended; a refusal is an answer.",
                    Unit.PER_SECOND,
                    (
                        per_second("solquote_external_quote_provider_requests_total", "provider", "outcome"),
                        "{{provider}} {{outcome}}",
                    ),
                ),
                lines(
                    "Until the answer",
                    "Or its absence: median and 99th percentile.",
                    Unit.SECONDS,
                    *series("solquote_external_quote_provider_request_duration_seconds", "provider"),
                ),
                Panel(
                    "Circuit breakers",
                    "Open: nothing is asked; half open: one request tries.",
                    Kind.STATES,
                    Unit.NUMBER,
                    (
                        Query(
                            'solquote_external_quote_breaker_state{state="half_open"} + ignoring (state)'
                            ' 2 * solquote_external_quote_breaker_state{state="open"}',
                            "{{provider}}",
                        ),
                    ),
                    words=((0.0, "closed", "green"), (1.0, "half open", "orange"), (2.0, "open", "red")),
                    steps=(Step(1, "orange"), Step(2, "red")),
                ),
                lines(
                    "Requests the limit allows at once",
                    "At nothing, rows wait for their turn.",
                    Unit.NUMBER,
                    ("solquote_external_quote_available_tokens", "{{provider}}"),
                ),
                lines(
                    "Pause",
                    "For how long the provider wants no request, as it said itself (429).",
                    Unit.SECONDS,
                    ("solquote_external_quote_provider_pause_seconds", "{{provider}}"),
                ),
                lines(
                    "Under way",
                    "Requests to providers, and requests of the aggregator that nobody waits for any more.",
                    Unit.NUMBER,
                    ("sum(solquote_external_quote_open_fetches)", "fetches"),
                    ("sum(solquote_aggregator_left_requests)", "left"),
                ),
            ),
        ),
        Row(
            "Quotes of providers",
            (
                lines(
                    "Held",
                    "Quotes in the cache of the external service, those of them that are stale, and rows that streams"
                    " want kept young.",
                    Unit.NUMBER,
                    ("sum(solquote_external_quote_cached_quotes)", "held"),
                    ("sum(solquote_external_quote_stale_quotes)", "stale"),
                    ("sum(solquote_external_quote_wanted_rows)", "wanted"),
                ),
                lines(
                    "Between two refreshes of a row",
                    "Of rows that streams want: median and 99th percentile.",
                    Unit.SECONDS,
                    *series("solquote_external_quote_refresh_interval_seconds"),
                ),
                lines(
                    "Price cache",
                    "Look-ups by what they found.",
                    Unit.PER_SECOND,
                    (per_second("solquote_external_quote_cache_lookups_total", "result"), "{{result}}"),
                ),
                lines(
                    "What the aggregator turned away",
                    "Answers for rows that were given away, and ends of the service's stream.",
                    Unit.PER_SECOND,
                    (per_second("solquote_aggregator_misdirected_quotes_total"), "misdirected"),
                    (per_second("solquote_aggregator_source_reconnects_total", "source"), "{{source}} reconnects"),
                ),
            ),
        ),
        Row(
            "Shared with other hosts, where Redis is set",
            (
                Panel(
                    "Redis",
                    "Where one is set and not used, each process goes on by itself with its part of the rate.",
                    Kind.STATES,
                    Unit.NUMBER,
                    (Query("solquote_shared_cache_lost", "{{instance}}"),),
                    words=((0.0, "used, or none is set", "green"), (1.0, "not used", "orange")),
                    steps=(Step(1, "orange"),),
                ),
                lines(
                    "Processes that keep a provider's rate together",
                    "As last known.",
                    Unit.NUMBER,
                    ("solquote_shared_cache_sharers", "{{provider}}"),
                ),
                lines(
                    "Exchanges",
                    "With Redis, by what came of them; how often it went from used to not used.",
                    Unit.PER_SECOND,
                    (per_second("solquote_shared_cache_exchanges_total", "outcome"), "{{outcome}}"),
                    (per_second("solquote_shared_cache_losses_total"), "lost"),
                ),
                lines(
                    "Until Redis has answered",
                    "Median and 99th percentile.",
                    Unit.SECONDS,
                    *series("solquote_shared_cache_exchange_duration_seconds"),
                ),
                lines(
                    "Answers of others",
                    "Adopted; refused, because no provider could have said so; and keys that are not ours.",
                    Unit.PER_SECOND,
                    (per_second("solquote_external_quote_shared_answers_total", "result"), "{{result}}"),
                    (per_second("solquote_shared_cache_foreign_total"), "not ours"),
                ),
            ),
        ),
        Row(
            "Recorded market's stand-in",
            (
                lines(
                    "Requests answered with 429",
                    "Of the stand-in for Jupiter; nothing with a provider of yours.",
                    Unit.PER_SECOND,
                    (per_second("solquote_recorded_market_jupiter_limited_total"), "limited"),
                ),
            ),
        ),
    ),
)

RPC: Final = Dashboard(
    "rpc",
    "RPC",
    "The Solana node as the local quote service and the system manager ask it.",
    (
        Row(
            "Calls",
            (
                lines(
                    "Calls",
                    "All tries of one together, by method.",
                    Unit.PER_SECOND,
                    (per_second("solquote_rpc_calls_total", "service", "method"), "{{service}} {{method}}"),
                ),
                lines(
                    "Calls that fail",
                    "Share by node, over a minute; the kill switch trips above 80 %.",
                    Unit.FRACTION,
                    ("solquote:rpc_failures:ratio_rate1m", "{{service}} {{endpoint}}"),
                    steps=(Step(0.5, "orange"), Step(0.8, "red")),
                ),
                lines(
                    "Endings",
                    "Calls by what came of them: OK, or the code of the error.",
                    Unit.PER_SECOND,
                    (per_second("solquote_rpc_calls_total", "service", "code"), "{{service}} {{code}}"),
                ),
                lines(
                    "Until the answer",
                    "From the first try: median and 99th percentile.",
                    Unit.SECONDS,
                    *series("solquote_rpc_call_duration_seconds", "method"),
                ),
                lines(
                    "Requests a call",
                    "1 when the first try is answered.",
                    Unit.NUMBER,
                    (
                        per_second("solquote_rpc_attempts_total", "service")
                        + " / "
                        + per_second("solquote_rpc_calls_total", "service"),
                        "{{service}}",
                    ),
                ),
                lines(
                    "Pause",
                    "For how long the node wants no request yet, as it said itself (429).",
                    Unit.SECONDS,
                    ("solquote_rpc_pause_seconds", "{{service}} {{endpoint}}"),
                ),
            ),
        ),
        Row(
            "Endpoints",
            (
                lines(
                    "State",
                    "1 for the state each endpoint is in (docs/endpoints.md).",
                    Unit.NUMBER,
                    ("solquote_rpc_endpoint_state > 0", "{{service}} {{endpoint}} {{state}}"),
                ),
                lines(
                    "Lag",
                    "Slots behind the other endpoints; one beyond the setting is not read from.",
                    Unit.NUMBER,
                    ("solquote_rpc_endpoint_lag_slots", "{{service}} {{endpoint}}"),
                ),
                lines(
                    "Failovers",
                    "Calls that went on to another endpoint.",
                    Unit.PER_SECOND,
                    (per_second("solquote_rpc_failovers_total", "service", "endpoint"), "{{service}} {{endpoint}}"),
                ),
                lines(
                    "Read from, subscribed to",
                    "1 while it may be, or is.",
                    Unit.NUMBER,
                    ("solquote_rpc_endpoint_readable", "{{service}} {{endpoint}} readable"),
                    ("solquote_rpc_endpoint_subscribed", "{{service}} {{endpoint}} subscribed"),
                ),
                lines(
                    "Forks",
                    "Slots taken back, and accounts of such slots that came after.",
                    Unit.PER_SECOND,
                    (per_second("solquote_chain_forks_total"), "forks"),
                    (
                        per_second('solquote_local_quote_accounts_total{outcome="taken_back"}'),
                        "accounts dropped",
                    ),
                ),
            ),
        ),
        Row(
            "Recorded market",
            (
                lines(
                    "Swaps",
                    "That move the market; none of this row with a node of yours.",
                    Unit.PER_SECOND,
                    (per_second("solquote_recorded_market_swaps_total"), "swaps"),
                    ("sum(deriv(solquote_recorded_market_slot[1m]))", "slots"),
                ),
                lines(
                    "Pools and listeners",
                    "Pools that can be traded on; WebSocket clients connected, and those cut off because they did not"
                    " keep up.",
                    Unit.NUMBER,
                    ("sum(solquote_recorded_market_pools)", "pools"),
                    ("sum(solquote_recorded_market_websocket_clients)", "listeners"),
                    ("sum(solquote_recorded_market_slow_clients_cut_total)", "cut off"),
                ),
            ),
        ),
    ),
)
