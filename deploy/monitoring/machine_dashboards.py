"""Whether it is healthy at one look, and what it runs on: bus, processes, machine."""

from typing import Final

from panels import DOWN_UP, Dashboard, Kind, Panel, Query, Row, Step, Unit, lines, number, per_second, series

__all__ = ["NATS", "OVERVIEW", "SYSTEM"]


def _firing(severity: str, worth: str, colour: str) -> Panel:
    return number(
        f"Alerts: {severity}",
        f"Alerts of this severity that fire now. They are worth {worth}; docs/runbook.md has what to do.",
        Unit.NUMBER,
        f'count(ALERTS{{alertstate="firing", severity="{severity}"}}) or vector(0)',
        steps=(Step(1, colour),),
    )


OVERVIEW: Final = Dashboard(
    "overview",
    "overview",
    "Whether all is well, at one look: trading, processes, alerts; quotes; what the pipeline does and earns.",
    (
        Row(
            "Now",
            (
                Panel(
                    "Trading is",
                    "State of the kill switch as the system manager holds it; `solquote status` says by whom and why.",
                    Kind.NUMBER,
                    Unit.NUMBER,
                    (Query("solquote_kill_switch_state == 1", "{{state}}"),),
                    width=4,
                    height=4,
                    names_only=True,
                    low="blue",
                ),
                number(
                    "Processes down",
                    "Processes that do not answer Prometheus, of all that it knows.",
                    Unit.NUMBER,
                    'count(up{job="solquote"}) - sum(up{job="solquote"})',
                    steps=(Step(1, "red"),),
                ),
                number(
                    "Not ready",
                    "Processes that run and say that something keeps them from their work.",
                    Unit.NUMBER,
                    "count(solquote_process_ready) - sum(solquote_process_ready)",
                    steps=(Step(1, "orange"),),
                ),
                _firing("critical", "a wake-up", "red"),
                _firing("warning", "a look today", "orange"),
                _firing("info", "knowing", "blue"),
            ),
        ),
        Row(
            "Quotes",
            (
                number(
                    "Fresh quotes",
                    "Quotes in shared memory that somebody vouched for lately, by source.",
                    Unit.NUMBER,
                    'sum by (source) (solquote_aggregator_held_quotes{state="fresh"})',
                    legend="{{source}}",
                    width=6,
                ),
                number(
                    "Stale share",
                    "Share of the quotes in shared memory that nobody vouched for lately, by source.",
                    Unit.FRACTION,
                    'solquote_aggregator_held_quotes{state="stale"}'
                    " / ignoring (state) sum by (instance, job, service, source) (solquote_aggregator_held_quotes)",
                    legend="{{source}}",
                    steps=(Step(0.1, "orange"), Step(0.5, "red")),
                    width=6,
                ),
                number(
                    "Slots behind",
                    "How far the node's newest slot is behind the clock.",
                    Unit.SLOTS,
                    "solquote_chain_slot_drift_slots",
                    steps=(Step(20, "orange"), Step(100, "red")),
                    width=6,
                ),
                number(
                    "Pool update to shared memory, p99",
                    "From the arrival of an account to its quotes in shared memory, over five minutes.",
                    Unit.SECONDS,
                    "solquote:pool_update_to_shm_seconds:p99_5m",
                    steps=(Step(0.02, "orange"), Step(0.1, "red")),
                    width=6,
                ),
            ),
        ),
        Row(
            "Trading",
            (
                lines(
                    "Opportunities, plans, fills",
                    "How many a second go through the pipeline.",
                    Unit.PER_SECOND,
                    (per_second("solquote_scanner_opportunities_total"), "opportunities"),
                    (per_second("solquote_planner_plans_total"), "plans"),
                    (per_second('solquote_executor_results_total{outcome="filled"}'), "fills"),
                ),
                lines(
                    "Profit and loss",
                    "Net profit of the run and of the day (UTC), after fees and tips.",
                    Unit.SOL,
                    ('solquote_pnl_profit_lamports{of=~"all|day"} / 1e9', "{{of}}"),
                ),
            ),
        ),
        Row(
            "Processes",
            (
                Panel(
                    "Ready",
                    "Which processes did their work, and when; a gap is a process that did not answer.",
                    Kind.STATES,
                    Unit.NUMBER,
                    (Query("min by (service) (solquote_process_ready)", "{{service}}"),),
                    words=((0.0, "not ready", "orange"), (1.0, "ready", "green")),
                    steps=(Step(1, "green"),),
                    low="orange",
                    height=10,
                ),
                lines(
                    "Work that fails",
                    "Share of a process's work that failed by its own fault; the kill switch trips above 50 %.",
                    Unit.FRACTION,
                    ("solquote:work_errors:ratio_rate1m", "{{service}}"),
                    steps=(Step(0.1, "orange"), Step(0.5, "red")),
                ),
            ),
        ),
    ),
)

NATS: Final = Dashboard(
    "nats",
    "NATS",
    "The event bus as its clients see it, and the streams as the initializer finds them.",
    (
        Row(
            "Connections",
            (
                Panel(
                    "Connected",
                    "Which processes were connected to NATS. Trading gates close 3 s after the bus is lost.",
                    Kind.STATES,
                    Unit.NUMBER,
                    (Query("min by (service) (solquote_bus_connected)", "{{service}}"),),
                    words=DOWN_UP,
                    steps=(Step(1, "green"),),
                    low="red",
                ),
                lines(
                    "Refused and malformed",
                    "Messages that a stream or the server would not take, and pushed ones that were no events.",
                    Unit.PER_SECOND,
                    (per_second("solquote_bus_refused_total", "service"), "{{service}} refused"),
                    (per_second("solquote_bus_malformed_total", "service"), "{{service}} malformed"),
                ),
            ),
        ),
        Row(
            "Streams",
            (
                lines(
                    "Stored",
                    "Messages that each stream stores a second.",
                    Unit.PER_SECOND,
                    (per_second("solquote_stream_stored_total", "stream"), "{{stream}}"),
                ),
                lines(
                    "Kept",
                    "Messages that each stream keeps; those of DEAD_LETTERS could not be answered.",
                    Unit.NUMBER,
                    ("sum by (stream) (solquote_stream_messages)", "{{stream}}"),
                ),
                lines(
                    "Size",
                    "What the messages take, on disk or in memory.",
                    Unit.BYTES,
                    ("sum by (stream) (solquote_stream_bytes)", "{{stream}}"),
                ),
                lines(
                    "Size of what it may have",
                    "At 100 % a stream drops its oldest messages for every new one.",
                    Unit.FRACTION,
                    (
                        "sum by (stream) (solquote_stream_bytes) / sum by (stream) (solquote_stream_limit_bytes > 0)",
                        "{{stream}}",
                    ),
                    steps=(Step(0.9, "orange"),),
                ),
                lines(
                    "Readers",
                    "Consumers of each stream.",
                    Unit.NUMBER,
                    ("sum by (stream) (solquote_stream_consumers)", "{{stream}}"),
                ),
            ),
        ),
        Row(
            "Readers",
            (
                lines(
                    "Lag",
                    "Messages that wait behind the one that was read last: planner and executor by their consumer,"
                    " event logger and auditor by what they follow.",
                    Unit.NUMBER,
                    ("sum by (consumer, stream) (solquote_consumer_lag_messages)", "{{consumer}} of {{stream}}"),
                    ("sum by (service, stream) (solquote_follower_lag_messages)", "{{service}} of {{stream}}"),
                    steps=(Step(1000, "orange"),),
                ),
                lines(
                    "Taken and delivered again",
                    "Messages that planner and executor take a second; again are those that nobody acknowledged in"
                    " time.",
                    Unit.PER_SECOND,
                    (per_second("solquote_consumer_taken_total", "consumer"), "{{consumer}}"),
                    (per_second("solquote_consumer_redelivered_total", "consumer"), "{{consumer}} again"),
                ),
                lines(
                    "In hand",
                    "Messages that are worked on now.",
                    Unit.NUMBER,
                    ("sum by (consumer) (solquote_consumer_in_hand_messages)", "{{consumer}}"),
                ),
                lines(
                    "Journal",
                    "Events that the event logger writes down, and tries that failed.",
                    Unit.PER_SECOND,
                    (per_second("solquote_journal_records_total"), "written"),
                    (per_second("solquote_journal_failures_total"), "failed"),
                ),
            ),
        ),
        Row(
            "Notifier",
            (
                lines(
                    "Alerts",
                    "Alerts that the notifier keeps, by where they stand, and those it forgot untold.",
                    Unit.NUMBER,
                    ("sum by (state) (solquote_notifier_alerts)", "{{state}}"),
                    ("sum(solquote_notifier_dropped_total)", "forgotten"),
                ),
                lines(
                    "Messages",
                    "Messages that each destination takes, and tries that it does not.",
                    Unit.PER_SECOND,
                    (per_second("solquote_notifier_sent_total", "destination"), "{{destination}}"),
                    (per_second("solquote_notifier_failures_total", "destination"), "{{destination}} failed"),
                ),
                lines(
                    "Untold",
                    "Alerts that a destination has still something to hear of, and those it does not take.",
                    Unit.NUMBER,
                    ("sum by (destination) (solquote_notifier_pending_alerts)", "{{destination}}"),
                    ("sum by (destination) (solquote_notifier_undeliverable_total)", "{{destination}} set aside"),
                ),
            ),
        ),
    ),
)

_CHOSEN: Final = '{service=~"$service"}'

SYSTEM: Final = Dashboard(
    "system",
    "system",
    "What each process takes of the machine, and whether it comes to its work in time.",
    (
        Row(
            "Processor",
            (
                lines(
                    "Processor time",
                    "Share of one core that each process uses; a service is one thread, so 100 % is all it can.",
                    Unit.FRACTION,
                    (per_second(f"process_cpu_seconds_total{_CHOSEN}", "service"), "{{service}}"),
                    steps=(Step(0.9, "orange"),),
                ),
                lines(
                    "Event loop: how late, p99",
                    "How late the event loop comes to a timer, over a minute. All that a process does waits as long.",
                    Unit.SECONDS,
                    (f"solquote:event_loop_lag_seconds:p99_1m{_CHOSEN}", "{{service}}"),
                    steps=(Step(0.25, "orange"),),
                ),
                lines(
                    "Garbage collections",
                    "Python's collections a second, all generations together.",
                    Unit.PER_SECOND,
                    (per_second(f"python_gc_collections_total{_CHOSEN}", "service"), "{{service}}"),
                ),
                lines(
                    "Objects that cannot be freed",
                    "Objects in cycles that Python found and could not free; it should stay at nothing.",
                    Unit.NUMBER,
                    (f"sum by (service) (python_gc_objects_uncollectable_total{_CHOSEN})", "{{service}}"),
                ),
            ),
        ),
        Row(
            "Memory",
            (
                lines(
                    "Resident memory",
                    "What a process has in memory, shared pages included.",
                    Unit.BYTES,
                    (f"sum by (service) (process_resident_memory_bytes{_CHOSEN})", "{{service}}"),
                ),
                lines(
                    "Memory of what it may have",
                    "In use under the limit that is nearest; the kill switch trips above 90 %. Nothing where no limit"
                    " is known.",
                    Unit.FRACTION,
                    (
                        f"max by (service) (solquote_memory_used_bytes{_CHOSEN}"
                        f" / (solquote_memory_limit_bytes{_CHOSEN} > 0))",
                        "{{service}}",
                    ),
                    steps=(Step(0.85, "orange"), Step(0.9, "red")),
                ),
            ),
        ),
        Row(
            "Files, starts",
            (
                lines(
                    "Open files of what it may have",
                    "File descriptors, sockets included, by the limit of the process.",
                    Unit.FRACTION,
                    (
                        f"max by (service) (process_open_fds{_CHOSEN} / process_max_fds{_CHOSEN})",
                        "{{service}}",
                    ),
                    steps=(Step(0.8, "orange"),),
                ),
                lines(
                    "Uptime",
                    "Since the start of each process; a drop to nothing is a restart.",
                    Unit.SECONDS,
                    (f"time() - max by (service) (process_start_time_seconds{_CHOSEN})", "{{service}}"),
                ),
                lines(
                    "Scrapes",
                    "How long Prometheus waits for the page of each process.",
                    Unit.SECONDS,
                    ('scrape_duration_seconds{job="solquote", service=~"$service"}', "{{service}}"),
                ),
                number(
                    "Version",
                    "Which version runs, and in how many processes; more than one only while an update is under way.",
                    Unit.NUMBER,
                    f"count by (version) (solquote_build_info{_CHOSEN})",
                    legend="{{version}}",
                    width=12,
                ),
            ),
        ),
        Row(
            "HTTP",
            (
                lines(
                    "Requests",
                    "Requests answered, by process and status code; 499 is a client that left.",
                    Unit.PER_SECOND,
                    (per_second(f"solquote_http_requests_total{_CHOSEN}", "service", "code"), "{{service}} {{code}}"),
                ),
                lines(
                    "Under way",
                    "Requests that wait for their answer.",
                    Unit.NUMBER,
                    (f"sum by (service) (solquote_http_open_requests{_CHOSEN})", "{{service}}"),
                ),
                lines(
                    "Until the answer",
                    "Median and 99th percentile.",
                    Unit.SECONDS,
                    *(
                        (promql.replace("_bucket[", f"_bucket{_CHOSEN}["), legend)
                        for promql, legend in series("solquote_http_request_duration_seconds", "service")
                    ),
                ),
            ),
        ),
    ),
    by_service=True,
)
