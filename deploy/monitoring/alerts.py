"""What is recorded, and what somebody is told of: the rules for Prometheus and the runbook are made from this."""

import enum
from dataclasses import dataclass
from typing import Final

__all__ = ["GROUPS", "RECORDED", "Alert", "Group", "Recorded", "Severity"]


class Severity(enum.Enum):
    """How soon somebody is to look."""

    CRITICAL = "critical"
    """At once: money or trading is at stake."""
    WARNING = "warning"
    """Today."""
    INFO = "info"
    """When somebody asks what happened."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A figure that Prometheus works out beforehand."""

    name: str
    promql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert and its entry in the runbook. `{{ }}` in `summary` and `action` is for Prometheus to fill in."""

    name: str
    severity: Severity
    promql: str
    lasting: str = ""
    """For how long it has to be so."""
    summary: str
    meaning: str
    dashboard: str
    """Name of the one to look at."""
    look: str
    action: str
    muted_by: str = ""
    """An alert that this one is a consequence of."""


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts of one subject."""

    name: str
    title: str
    alerts: tuple[Alert, ...]


RECORDED: Final = (
    Recorded(
        "solquote:grpc_errors:ratio_rate1m",
        """\
(
    sum by (service, method) (rate(solquote_grpc_calls_total{code=~"UNKNOWN|INTERNAL|DATA_LOSS"}[1m]))
  or
    sum by (service, method) (rate(solquote_grpc_calls_total[1m])) * 0
)
  / sum by (service, method) (rate(solquote_grpc_calls_total[1m]))""",
    ),
    Recorded(
        "solquote:grpc_call_duration_seconds:p99_1m",
        """\
histogram_quantile(0.99,
  sum by (service, method, le) (rate(solquote_grpc_call_duration_seconds_bucket[1m])))""",
    ),
    Recorded(
        "solquote:event_loop_lag_seconds:p99_1m",
        "histogram_quantile(0.99, sum by (service, le) (rate(solquote_event_loop_lag_seconds_bucket[1m])))",
    ),
    Recorded(
        "solquote:work_errors:ratio_rate1m",
        """\
sum by (service) (rate(solquote_work_errors_total[1m]))
  / sum by (service) (rate(solquote_work_handled_total[1m]))""",
    ),
    Recorded(
        "solquote:quote_cache_hits:ratio_rate5m",
        """\
sum by (service) (rate(solquote_local_quote_cache_lookups_total{result="hit"}[5m]))
  / sum by (service) (rate(solquote_local_quote_cache_lookups_total[5m]))""",
    ),
    Recorded(
        "solquote:pool_update_to_shm_seconds:p99_5m",
        """\
histogram_quantile(0.99,
  sum by (service, le) (rate(solquote_aggregator_pool_update_to_shm_seconds_bucket[5m])))""",
    ),
    Recorded(
        "solquote:rpc_failures:ratio_rate1m",
        """\
(
    sum by (service, endpoint) (rate(solquote_rpc_calls_total{code!="OK"}[1m]))
  or
    sum by (service, endpoint) (rate(solquote_rpc_calls_total[1m])) * 0
)
  / sum by (service, endpoint) (rate(solquote_rpc_calls_total[1m]))""",
    ),
    Recorded(
        "solquote:opportunity_to_fill_seconds:p99_5m",
        """\
histogram_quantile(0.99,
  sum by (service, le) (rate(solquote_executor_opportunity_to_fill_seconds_bucket[5m])))""",
    ),
)

STOP: Final = "TradingStopped"

_TRADING: Final = (
    Alert(
        name=STOP,
        severity=Severity.CRITICAL,
        promql='solquote_kill_switch_state{state!="active"} == 1',
        summary="The kill switch is {{ $labels.state }}",
        meaning="A person or a rule stopped trading. It stays so, across restarts, until a person releases it; quotes"
        " go on.",
        dashboard="pipeline",
        look="`solquote status`: by whom, when and why. For a stop by a rule, RuleTripped names it.",
        action="deal with the reason `solquote status` tells, then `solquote release`",
    ),
    Alert(
        name="SwitchNotAcknowledged",
        severity=Severity.CRITICAL,
        promql="solquote_kill_switch_acknowledgement_age_seconds > 3",
        summary="The bus has not confirmed the kill switch for {{ $value | humanizeDuration }}; every gate is closed",
        meaning="The system manager vouches for the switch twice a second, over the bus. When that fails for 3 s every"
        " trading process stops by itself.",
        dashboard="nats",
        look="`solquote doctor`, `solquote logs nats_server system_manager`; the disk of the data folder.",
        action="bring NATS back (`solquote logs nats_server`); the gates open by themselves",
    ),
    Alert(
        name="StopNotStored",
        severity=Severity.CRITICAL,
        promql="solquote_kill_switch_unstored_stop == 1",
        summary="A stop is kept by the system manager, and the bus does not have it",
        meaning="Somebody stopped trading while the bus could not store it. The manager keeps the stop and no longer"
        " vouches for what was before, so the gates are closed.",
        dashboard="nats",
        look="`solquote doctor`: does NATS take messages, is its disk full?",
        action="bring NATS back and leave the system manager running: it stores the stop itself",
    ),
    Alert(
        name="SwitchNotSeen",
        severity=Severity.CRITICAL,
        promql="solquote_kill_switch_unacknowledged_processes > 0",
        lasting="1m",
        summary="{{ $value | humanize }} processes of {{ $labels.gate }} have not acknowledged the kill switch's newest"
        " revision",
        meaning="Each scanner, planner and executor says which revision of the switch its gate goes by. One goes by an"
        " older one, has said nothing for 10 s, or there is none. A gate that hears no heartbeat closes by itself, but"
        " nobody vouches that this process has seen a stop. One that ended is counted until it is silent for a minute.",
        dashboard="pipeline",
        look="`solquote status` names each; `solquote logs scanner planner executor`: what it says of NATS and SYSTEM.",
        action="mend its way to NATS or restart it; while trading is to be stopped, end it",
    ),
    Alert(
        name="GateClosed",
        severity=Severity.WARNING,
        promql='solquote_trading_gate_state{state="halted"} == 1'
        ' unless on () solquote_kill_switch_state{state="halted"} == 1',
        lasting="15s",
        summary="{{ $labels.service }} does not trade although nothing is latched",
        meaning="A trading process has stopped by itself: it has lost the bus or the manager's heartbeat, or does not"
        " know the state yet.",
        dashboard="pipeline",
        look="`solquote logs {{ $labels.service }}` says why; the panel of the manager's silence whether it is alone.",
        action="mend its way to NATS; restart {{ $labels.service }} where it alone is closed",
        muted_by=STOP,
    ),
    Alert(
        name="RuleTripped",
        severity=Severity.INFO,
        promql="increase(solquote_kill_switch_trips_total[10m]) > 0",
        summary="The rule {{ $labels.rule }} stopped trading",
        meaning="One of the system manager's rules found its limit passed. The limits are settings of `system_manager`"
        " (docs/settings.md).",
        dashboard="pipeline",
        look="`solquote status` has the figure that tripped it; `solquote journal replay --type KillSwitch` all stops"
        " there were.",
        action="see TradingStopped; change the limit only when it is wrong for your market",
    ),
    Alert(
        name="LosingMoney",
        severity=Severity.WARNING,
        promql='solquote_pnl_profit_lamports{of="day"} / 1e9 < -1',
        summary="{{ $value | humanize }} SOL today",
        meaning="The day (UTC) has lost more than 1 SOL. The rule `daily_loss` stops trading at the setting's limit.",
        dashboard="pnl",
        look="`solquote pnl` shows what each trade, fee and model took.",
        action="decide whether to go on; `solquote kill --reason ...` stops it before the rule does",
    ),
    Alert(
        name="Drawdown",
        severity=Severity.WARNING,
        promql="(solquote_pnl_max_drawdown_ratio > 0.05) and delta(solquote_pnl_max_drawdown_ratio[1h]) > 0",
        summary="Equity has fallen {{ $value | humanizePercentage }} below its highest",
        meaning="The largest fall of the run has grown within the last hour, and is above 5 %. The rule `drawdown`"
        " stops trading above 10 %.",
        dashboard="pnl",
        look="`solquote pnl --csv`: are it few large losses, or many small ones?",
        action="decide whether to go on; `solquote kill --reason ...` stops it before the rule does",
    ),
    Alert(
        name="TradesFail",
        severity=Severity.WARNING,
        promql='increase(solquote_executor_results_total{outcome="failed"}[5m]) > 5',
        summary="{{ $value | humanize }} trades failed in five minutes",
        meaning="Trades were submitted and came to nothing. The rule `failed_trades` stops trading above ten in five"
        " minutes.",
        dashboard="pipeline",
        look="`solquote logs executor` and `solquote events tail --type ExecutionResult`: each result has its reason.",
        action="mend what the results name; `solquote kill --reason ...` where it costs money meanwhile",
    ),
    Alert(
        name="HardStop",
        severity=Severity.WARNING,
        promql="""\
sum by (service, guard) (increase(solquote_executor_refusals_total{guard=~"rate|exposure|daily_loss"}[10m])) > 0""",
        summary="The executors' hard stop {{ $labels.guard }} refused {{ $value | humanize }} plans",
        meaning="All executors together have begun as many trades within a minute, put as much into a pair, or lost as"
        " much today as their settings allow. A day's loss refuses every plan until midnight UTC, whoever releases.",
        dashboard="pipeline",
        look="`solquote events tail --type ExecutionResult`: each refusal has its figures.",
        action="find out why so much is planned or lost; a limit is a setting of `executor`, and takes a restart",
    ),
    Alert(
        name="TradesMissed",
        severity=Severity.INFO,
        promql="""\
sum by (service) (increase(solquote_executor_results_total{outcome="missed"}[10m]))
  / sum by (service) (increase(solquote_executor_results_total{outcome=~"filled|missed"}[10m])) > 0.9
    and sum by (service) (increase(solquote_executor_results_total{outcome="missed"}[10m])) > 20""",
        lasting="5m",
        summary="{{ $value | humanizePercentage }} of the trades come too late",
        meaning="A rival was first, or the market had moved: nine of ten trades that could have been filled were not.",
        dashboard="pipeline",
        look="the time from opportunity to fill; `solquote pnl` has what rivals and the market took.",
        action="look for what is slow (EventLoopLate, QuotesLate); else the planner's profit limit is too low for this"
        " market",
    ),
    Alert(
        name="ExecutorFaults",
        severity=Severity.WARNING,
        promql="increase(solquote_executor_broken_total[10m]) > 0",
        summary="The executor failed {{ $value | humanize }} times by our own or a neighbour's fault",
        meaning="Not the market's answer: a simulation that did not answer, a pool that could not be read, a fault of"
        " ours.",
        dashboard="pipeline",
        look="`solquote logs executor` has each with its reason.",
        action="mend the neighbour that its log names; report the fault where it is ours",
    ),
)

_BUS: Final = (
    Alert(
        name="BusLost",
        severity=Severity.CRITICAL,
        promql="solquote_bus_connected == 0",
        lasting="10s",
        summary="{{ $labels.service }} has no connection to NATS",
        meaning="It neither hears nor tells anything. Scanner, planner and executor do not trade without the bus; what"
        " is stored meanwhile is read when it is back.",
        dashboard="nats",
        look="`solquote doctor`: is NATS there, and does it let us in? All processes, or this one?",
        action="start NATS again, or mend its address and credentials (`SOLQUOTE_NATS_URL`,"
        " `SOLQUOTE_NATS_CREDENTIALS`)",
    ),
    Alert(
        name="BusRefuses",
        severity=Severity.WARNING,
        promql="increase(solquote_bus_refused_total[5m]) > 0",
        summary="NATS did not take {{ $value | humanize }} messages of {{ $labels.service }}",
        meaning="A stream was not there, was full, or could not write; or a permission is missing.",
        dashboard="nats",
        look="`solquote events stats`, `solquote logs nats_server {{ $labels.service }}`.",
        action="make room on NATS's disk; `solquote doctor` says where a permission or a stream is missing",
    ),
    Alert(
        name="DeadLetters",
        severity=Severity.WARNING,
        promql='increase(solquote_stream_stored_total{stream="DEAD_LETTERS"}[10m]) > 0',
        summary="Messages could not be answered",
        meaning="A stage gave a message up: it was no event, or no try could settle it. Nothing is lost: it lies in"
        " the stream DEAD_LETTERS for 30 days.",
        dashboard="nats",
        look="`solquote events dump --stream DEAD_LETTERS` has them, each with its reason.",
        action="`solquote events dump --stream DEAD_LETTERS` has the reasons; mend the one who sent them",
    ),
    Alert(
        name="ConsumerBehind",
        severity=Severity.WARNING,
        promql="solquote_consumer_lag_messages > 1000",
        lasting="30s",
        summary="{{ $labels.consumer }} is {{ $value }} messages behind {{ $labels.stream }}",
        meaning="It is too slow, or stands still. Plans older than 5 s are refused, so it costs trades.",
        dashboard="nats",
        look="whether messages are taken at all, and how late its event loop is.",
        action="restart {{ $labels.consumer }} where it stands still; a second executor shares the work of one that is"
        " too slow",
    ),
    Alert(
        name="ConsumerStuck",
        severity=Severity.WARNING,
        promql="""\
rate(solquote_consumer_taken_total[1m]) == 0
  and on (stream) rate(solquote_stream_stored_total[1m]) > 0""",
        lasting="1m",
        summary="{{ $labels.consumer }} takes nothing of what {{ $labels.stream }} stores",
        meaning="Messages come, and it does not take them. Its lag does not tell, for it counts what waits behind the"
        " message that was taken last.",
        dashboard="nats",
        look="`solquote events stats` has what waits for it; `solquote logs CONSUMER`; messages in hand.",
        action="restart {{ $labels.consumer }}; what waits is taken up, and plans older than 5 s are refused",
    ),
    Alert(
        name="FollowerBehind",
        severity=Severity.WARNING,
        promql="solquote_follower_lag_messages > 1000",
        lasting="1m",
        summary="{{ $labels.service }} is {{ $value }} messages behind {{ $labels.stream }}",
        meaning="The journal or the account of profit and loss is late. Streams drop their oldest messages in the end,"
        " and then it has a gap.",
        dashboard="nats",
        look="`solquote events stats`; the disk of the data folder for the event logger.",
        action="give it processor time or a faster disk; after its start it catches up by itself",
    ),
    Alert(
        name="Redelivered",
        severity=Severity.INFO,
        promql="increase(solquote_consumer_redelivered_total[10m]) > 0",
        summary="{{ $labels.consumer }} was given {{ $value | humanize }} messages again",
        meaning="It did not acknowledge them in time: it was restarted, paused, or too slow. Each plan still ends in"
        " exactly one result.",
        dashboard="nats",
        look="`solquote status`: was it restarted? EventLoopLate: is it too slow?",
        action="nothing after a restart; otherwise find out what holds it up",
    ),
    Alert(
        name="StreamFull",
        severity=Severity.INFO,
        promql="solquote_stream_bytes / (solquote_stream_limit_bytes > 0) > 0.9",
        lasting="1m",
        summary="{{ $labels.stream }} uses {{ $value | humanizePercentage }} of its room",
        meaning="It drops its oldest messages soon. That is ordinary for MARKET_DATA and METRICS under load; for"
        " EXECUTED it shortens what profit and loss can be added up from.",
        dashboard="nats",
        look="`solquote events stats`: oldest message and bounds.",
        action="nothing, or more disk: streams take a share of it at their making (docs/pipeline.md)",
    ),
    Alert(
        name="JournalNotWritten",
        severity=Severity.CRITICAL,
        promql="solquote_journal_unwritten_seconds > 0",
        summary="The journal cannot be written since {{ $value | humanizeDuration }}",
        meaning="What happens is not in the audit trail. After `journal_grace` the rule `journal` stops trading.",
        dashboard="nats",
        look="`df` of the data folder; `solquote logs event_logger` has the system's own error.",
        action="make room on the disk of the data folder, or give its folder back to the user of the platform",
    ),
    Alert(
        name="HistoryNotWritten",
        severity=Severity.WARNING,
        promql="solquote_history_unwritten_seconds > 60",
        summary="The history cannot be written since {{ $value | humanizeDuration }}",
        meaning="Trades and events do not get into the database. Trading and profit and loss do not need it; the"
        " streams keep what is missing, EXECUTED for seven days.",
        dashboard="pnl",
        look="`solquote status` has the database's own words; `solquote doctor` tries it.",
        action="start the database, or make room for it; it then catches up by itself (docs/history.md)",
    ),
    Alert(
        name="NobodyHears",
        severity=Severity.WARNING,
        promql="solquote_notifier_failing_seconds > 60",
        summary="{{ $labels.destination }} takes no message of the notifier since {{ $value | humanizeDuration }}",
        meaning="What the notifier has to tell does not get there. It tries again, up to every 5 minutes, and keeps"
        " what is untold for a week; other destinations hear it meanwhile.",
        dashboard="nats",
        look="`solquote logs notifier` has the answer; `solquote alerts test` tries every destination.",
        action="mend the destination or its secret (docs/notifier.md); what is untold is told by itself",
    ),
    Alert(
        name="AlertSetAside",
        severity=Severity.WARNING,
        promql="increase(solquote_notifier_undeliverable_total[10m]) > 0",
        summary="{{ $labels.destination }} does not take {{ $value | humanize }} alerts for what they say",
        meaning="It refused each, sent by itself, as often as `SOLQUOTE_NOTIFIER_REFUSALS_MAX` says: a 4xx, or a 5xx to"
        " a mail's content. They are not told there unless there is more to tell of them; other destinations have heard"
        " them, and which they were.",
        dashboard="nats",
        look="`solquote alerts list` has them; `solquote logs notifier` has the answers.",
        action="mend the template where you changed it; where every alert is refused, mend the destination's settings",
    ),
)

_QUOTES: Final = (
    Alert(
        name="LocalQuotesMissing",
        severity=Severity.CRITICAL,
        promql='solquote_aggregator_source_up{source="local"} == 0',
        lasting="10s",
        summary="The aggregator gets no local quotes",
        meaning="The stream of the local quote service has ended. What is held grows old, becomes stale, and nothing"
        " is planned from it.",
        dashboard="quotes",
        look="`solquote status`: is local_quote healthy, and does its node answer?",
        action="`solquote logs local_quote`; restart it where it hangs, mend the node where that is gone",
    ),
    Alert(
        name="OutsideQuotesMissing",
        severity=Severity.WARNING,
        promql='solquote_aggregator_source_up{source="external"} == 0',
        lasting="30s",
        summary="The aggregator gets no outside quotes",
        meaning="The stream of the external quote service has ended. Local quotes go on; nothing confirms them.",
        dashboard="providers",
        look="`solquote status`, `solquote logs external_quote`.",
        action="restart external_quote where it hangs; without a provider in the settings this is as it should be",
    ),
    Alert(
        name="WriterDead",
        severity=Severity.CRITICAL,
        promql="solquote_shm_reader_writer_live == 0",
        lasting="10s",
        summary="Nobody writes the {{ $labels.file }} quote file any more",
        meaning="The scanner sees in the file's header that its writer is gone; readers take nothing from it.",
        dashboard="shared-memory",
        look="`solquote shm inspect`, `solquote status`: does the aggregator run, and on the same folder?",
        action="start the aggregator, or give writer and readers the same `SOLQUOTE_SHM_DIR`",
    ),
    Alert(
        name="PairsUnscanned",
        severity=Severity.WARNING,
        promql="max by (partition) (solquote_scanner_partition_held) == 0",
        lasting="30s",
        summary="No scanner tells of what it finds in part {{ $labels.partition }} of the pairs",
        meaning="All scanners of this part stand by: the bus is away, or scanners with another count of parts have it.",
        dashboard="pipeline",
        look="`solquote status`: a scanner says who holds its part; `solquote logs scanner`.",
        action="mend the bus, or give all scanners the same `SOLQUOTE_SCANNER_PARTITION_COUNT`",
    ),
    Alert(
        name="QuoteFileFull",
        severity=Severity.WARNING,
        promql="solquote_shm_used_entries / solquote_shm_entries > 0.95",
        lasting="1m",
        summary="{{ $value | humanizePercentage }} of the entries of the {{ $labels.file }} quote file are in use",
        meaning="When all are, whoever asks for an amount that is not held is refused (RESOURCE_EXHAUSTED).",
        dashboard="shared-memory",
        look="`solquote shm inspect`; which pairs and amounts are watched.",
        action="watch fewer pairs or amounts, or make the files larger with `SOLQUOTE_SHM_ENTRY_COUNT`",
    ),
    Alert(
        name="QuotesStale",
        severity=Severity.WARNING,
        promql="""\
solquote_aggregator_held_quotes{state="stale"}
  / ignoring (state) sum by (instance, job, service, source) (solquote_aggregator_held_quotes) > 0.5""",
        lasting="30s",
        summary="{{ $value | humanizePercentage }} of the {{ $labels.source }} quotes are stale",
        meaning="Nobody has vouched for them within 5 s (docs/freshness.md). They are served as stale, and nothing"
        " trades on them.",
        dashboard="refresh",
        look="local: does the node answer, and does its slot advance? external: limits and breakers on the dashboard"
        " of providers.",
        action="local: another node (`SOLQUOTE_RPC_URL`); external: a higher limit at the provider, or fewer pairs",
    ),
    Alert(
        name="QuotesLate",
        severity=Severity.WARNING,
        promql="solquote:pool_update_to_shm_seconds:p99_5m > 0.1",
        lasting="2m",
        summary="A pool's change is in shared memory only after {{ $value | humanizeDuration }}",
        meaning="It takes a few milliseconds on a machine that has room. Scanners see a market that has gone on.",
        dashboard="shared-memory",
        look="EventLoopLate and the processor time of local_quote and aggregator.",
        action="give the two a core each, or watch fewer pairs and amounts",
    ),
    Alert(
        name="ConfidenceLow",
        severity=Severity.WARNING,
        promql="sum by (service, source) (solquote_aggregator_confidence_contribution_ratio) < 0.5",
        lasting="2m",
        summary="The {{ $labels.source }} quotes have a mean confidence of {{ $value | humanizePercentage }}",
        meaning="Most are below what anything is executed on. The five factors tell which one is missing"
        " (docs/confidence.md).",
        dashboard="confidence",
        look="what each factor adds; `solquote quote IN OUT AMOUNT --explain` for one of them.",
        action="mend what the lowest factor stands for: pool_age the node, oracle the price accounts, provider the"
        " outside",
    ),
    Alert(
        name="QuotesCapped",
        severity=Severity.INFO,
        promql="""\
solquote_aggregator_capped_quotes
  / ignoring (reason) group_left () sum by (instance, job, service, source) (solquote_aggregator_held_quotes) > 0.5""",
        lasting="5m",
        summary="{{ $value | humanizePercentage }} of the {{ $labels.source }} quotes are capped: {{ $labels.reason }}",
        meaning="A cap limits what may be done with them whatever their score is: price_impact for amounts that are"
        " too large for the pools, oracle_deviation for prices far from the oracle's.",
        dashboard="confidence",
        look="`solquote quote IN OUT AMOUNT --explain`; `solquote pools IN OUT` for the depth.",
        action="price_impact: quote smaller amounts; oracle_deviation: see whether the oracle or the pools are wrong",
    ),
    Alert(
        name="OraclesDisagree",
        severity=Severity.INFO,
        promql="solquote_local_quote_oracle_disputed_tokens > 0",
        lasting="2m",
        summary="{{ $value | humanize }} tokens have oracle sources that disagree, and none is outvoted",
        meaning="Nobody can tell which of two is right. The better source is used, and quotes of these tokens lose"
        " confidence by how far they are apart (docs/oracles.md).",
        dashboard="confidence",
        look="`solquote oracles` says which, and by how much.",
        action="see which of them the market agrees with; a third source decides"
        " (`SOLQUOTE_LOCAL_QUOTE_JUPITER_PRICE_URL`)",
    ),
    Alert(
        name="ImpossibleQuotes",
        severity=Severity.WARNING,
        promql="increase(solquote_aggregator_impossible_quotes_total[10m]) > 0",
        summary="{{ $value | humanize }} answers of the {{ $labels.source }} service were impossible",
        meaning="An answer that no quote can be: an amount of another row, a number that is none. It was dropped.",
        dashboard="quotes",
        look="answers taken, by source; the version of each process on the dashboard of the system.",
        action="see that both services are of one version; report it with what the services log then",
    ),
    Alert(
        name="CacheMisses",
        severity=Severity.INFO,
        promql="""\
solquote:quote_cache_hits:ratio_rate5m < 0.9
  and sum by (service) (rate(solquote_local_quote_cache_lookups_total[5m])) > 10""",
        lasting="10m",
        summary="Only {{ $value | humanizePercentage }} of the single quotes come from the cache",
        meaning="Clients ask for amounts that nobody asked for before, or pools change faster than they are asked for."
        " Each miss is worked out anew, which takes microseconds.",
        dashboard="quotes",
        look="look-ups and calls: is there one client with ever new amounts?",
        action="nothing while the service keeps up; else a stream of the pairs that are wanted costs less",
    ),
    Alert(
        name="SlowSubscribers",
        severity=Severity.INFO,
        promql="rate(solquote_aggregator_conflated_changes_total[5m]) > 10",
        lasting="5m",
        summary="Slow subscribers miss {{ $value | humanize }} changes a second",
        meaning="A client does not read its stream as fast as quotes change. It is told the newest ones, and not those"
        " between.",
        dashboard="quotes",
        look="subscribers, and messages sent on streams.",
        action="nothing for us: the client reads faster, or asks for fewer rows",
    ),
)

_CHAIN: Final = (
    Alert(
        name="NodeFailing",
        severity=Severity.WARNING,
        promql="solquote:rpc_failures:ratio_rate1m > 0.5",
        lasting="1m",
        summary="{{ $value | humanizePercentage }} of the calls of {{ $labels.service }} to {{ $labels.endpoint }}"
        " fail",
        meaning="The Solana node does not answer, or with errors. The rule `rpc_failures` stops trading above 80 %.",
        dashboard="rpc",
        look="endings by their code; `solquote doctor` asks the node itself.",
        action="another node (`SOLQUOTE_RPC_URL`), or the key and limit of this one",
    ),
    Alert(
        name="NodeLimits",
        severity=Severity.INFO,
        promql="solquote_rpc_pause_seconds > 0",
        lasting="1m",
        summary="{{ $labels.endpoint }} wants no requests of {{ $labels.service }} yet",
        meaning="The node answers with 429 and says for how long. Pools are read less often than they should be.",
        dashboard="rpc",
        look="calls by method, and the age of the oldest pool.",
        action="a plan with a higher limit, or fewer pairs",
    ),
    Alert(
        name="EndpointUnwell",
        severity=Severity.WARNING,
        promql='solquote_rpc_endpoint_state{state=~"degraded|unhealthy"} > 0',
        lasting="2m",
        summary="{{ $labels.endpoint }} is {{ $labels.state }} as {{ $labels.service }} sees it",
        meaning="Of its calls 20 % fail, or the last five did (docs/endpoints.md). With another endpoint nothing is"
        " lost yet but the reserve: reads and subscriptions are elsewhere.",
        dashboard="rpc",
        look="endpoints on the dashboard; `solquote doctor` asks each of them itself.",
        action="mend it, or name another in `SOLQUOTE_RPC_URLS`",
    ),
    Alert(
        name="EndpointNotRead",
        severity=Severity.WARNING,
        promql="solquote_rpc_endpoint_readable == 0 and on (instance, job, service, endpoint)"
        " solquote_rpc_endpoint_lag_slots > 0",
        lasting="2m",
        summary="{{ $labels.endpoint }} lags, and {{ $labels.service }} does not read from it",
        meaning="Its slot is more than `SOLQUOTE_RPC_SLOT_LAG_MAX` behind the other endpoints, or further ahead than a"
        " chain can be. It is read from again as soon as it is near them.",
        dashboard="rpc",
        look="lag by endpoint: one that grows is a node that stands still.",
        action="restart the node, or name another in `SOLQUOTE_RPC_URLS`",
    ),
    Alert(
        name="ChainStandsStill",
        severity=Severity.WARNING,
        promql="solquote_chain_slot_drift_slots > 100",
        lasting="10s",
        summary="The node is {{ $value | humanize }} slots behind the clock",
        meaning="Beyond 32 slots nothing that the node answers vouches for a quote any more; the rule `slot_drift`"
        " stops trading above 300.",
        dashboard="refresh",
        look="`solquote doctor`; whether the cluster itself stands still, by another node or explorer.",
        action="another node; when the cluster stands still, wait: it heals by itself",
    ),
    Alert(
        name="SlotsWentBack",
        severity=Severity.INFO,
        promql="increase(solquote_chain_slot_regressions_total[10m]) > 0",
        summary="The node's slots went back {{ $value | humanize }} times",
        meaning="Behind the address are several nodes, one of them behind, or the node was restarted from a snapshot."
        " Pools are in doubt until answers have caught up.",
        dashboard="refresh",
        look="pools in doubt; `solquote logs local_quote` has the slots.",
        action="an address that leads to one node; nothing when it was restarted",
    ),
    Alert(
        name="FeedDown",
        severity=Severity.WARNING,
        promql="solquote_local_quote_feed_live == 0",
        lasting="30s",
        summary="The account feed does not deliver",
        meaning="Changes are seen by polling alone, hundreds of milliseconds later than by the feed.",
        dashboard="refresh",
        look="faults of the feed; `solquote doctor` tries the WebSocket.",
        action="mend the address (`SOLQUOTE_RPC_WS_URL`), or the node's WebSocket",
    ),
    Alert(
        name="PoolsOld",
        severity=Severity.WARNING,
        promql="solquote_local_quote_pool_age_max_seconds > 10",
        lasting="1m",
        summary="A pool was vouched for {{ $value | humanizeDuration }} ago",
        meaning="It is not read as often as it should be, or its answers vouch for nothing. Its quotes are stale.",
        dashboard="refresh",
        look="readings by how much came; `solquote pools` has the age of each.",
        action="see NodeFailing, NodeLimits and ChainStandsStill; where it is a single pool, look whether its accounts"
        " still exist",
    ),
    Alert(
        name="PoolsDoubted",
        severity=Severity.WARNING,
        promql="solquote_local_quote_doubted_pools / (solquote_local_quote_pools > 0) > 0.25",
        lasting="1m",
        summary="{{ $value | humanizePercentage }} of the pools are in doubt",
        meaning="Something was unreadable, lost or contradicted, and no full answer has settled it"
        " (docs/freshness.md).",
        dashboard="refresh",
        look="doubts, and faults of the feed by what they were; `solquote logs local_quote`.",
        action="another node where this one contradicts itself; unset the WebSocket where only the feed is at fault",
    ),
    Alert(
        name="AccountsCorrupt",
        severity=Severity.WARNING,
        promql='increase(solquote_local_quote_accounts_total{outcome="corrupt"}[10m]) > 0',
        summary="{{ $value | humanize }} accounts could not be read",
        meaning="The bytes of an account are not what its program writes: a damaged answer, or a program that has"
        " changed. Its pool is not quoted until a full answer is readable.",
        dashboard="refresh",
        look="`solquote logs local_quote` says what could not be read.",
        action="one account: nothing, it is left out; all of a DEX: its program has a new layout, see"
        " docs/adding-a-dex.md",
    ),
)

_PROVIDERS: Final = (
    Alert(
        name="ProviderCut",
        severity=Severity.WARNING,
        promql='solquote_external_quote_breaker_state{state="open"} == 1',
        lasting="1m",
        summary="The circuit breaker of {{ $labels.provider }} is open",
        meaning="It failed so often that it is not asked for a while; one request tries from time to time. Its quotes"
        " grow stale.",
        dashboard="providers",
        look="requests by how they ended; `solquote doctor` asks the provider.",
        action="`solquote doctor` says what it answers; outside quotes are missing, local ones are not",
    ),
    Alert(
        name="ProviderUnreliable",
        severity=Severity.INFO,
        promql="solquote_external_quote_provider_success_ratio < 0.8",
        lasting="5m",
        summary="{{ $labels.provider }} answers {{ $value | humanizePercentage }} of the requests",
        meaning="Its reliability is a factor of the confidence of its quotes, so these are trusted less.",
        dashboard="providers",
        look="requests by how they ended, and how long they take.",
        action="nothing, or another provider",
    ),
    Alert(
        name="ProviderLimits",
        severity=Severity.INFO,
        promql="solquote_external_quote_provider_pause_seconds > 0",
        lasting="1m",
        summary="{{ $labels.provider }} wants no requests yet",
        meaning="It answers with 429 and says for how long. Rows wait longer for their turn.",
        dashboard="providers",
        look="what the limit allows at once, and rows that are wanted.",
        action="a plan with a higher limit and its rate in the settings, or fewer pairs",
    ),
    Alert(
        name="SharedCacheDown",
        severity=Severity.WARNING,
        promql="solquote_shared_cache_lost == 1",
        lasting="1m",
        summary="Redis is not used, so nothing is shared",
        meaning="Quotes go on. Each process takes its part of the provider's rate, as many as last shared it, and asks"
        " for what another has just been answered.",
        dashboard="providers",
        look="`solquote status` has the reason; `solquote doctor` tries it.",
        action="start Redis, or make room in it; it is used again within a second (docs/shared-cache.md)",
    ),
)

_PROCESSES: Final = (
    Alert(
        name="ProcessDown",
        severity=Severity.CRITICAL,
        promql='up{job="solquote"} == 0',
        lasting="15s",
        summary="{{ $labels.service }} does not answer at {{ $labels.instance }}",
        meaning="Prometheus gets nothing from it for longer than a restart takes. Its supervisor starts it again, ever"
        " later, up to every 10 s.",
        dashboard="overview",
        look="`solquote status`, and `solquote logs {{ $labels.service }}`: its last lines.",
        action="mend what `solquote logs {{ $labels.service }}` ends with; `solquote up` when the supervisor is gone,"
        " too",
    ),
    Alert(
        name="ProcessNotReady",
        severity=Severity.WARNING,
        promql="solquote_process_ready == 0",
        lasting="30s",
        summary="{{ $labels.service }} runs and does not do its job",
        meaning="It says so itself: something that it needs is missing.",
        dashboard="overview",
        look="`solquote status` has its own words for it.",
        action="mend what `solquote status` names; it goes on by itself",
    ),
    Alert(
        name="ProcessRestarted",
        severity=Severity.INFO,
        promql="changes(process_start_time_seconds[10m]) > 0",
        summary="{{ $labels.service }} was started again {{ $value }} times",
        meaning="It crashed, was killed, was silent for 15 s, or somebody restarted it.",
        dashboard="system",
        look="`solquote logs {{ $labels.service }}`: its last line before says why.",
        action="nothing for a restart by hand; report a crash with its traceback",
    ),
    Alert(
        name="GrpcErrors",
        severity=Severity.WARNING,
        promql="solquote:grpc_errors:ratio_rate1m > 0.05",
        lasting="1m",
        summary="{{ $value | humanizePercentage }} of the calls to {{ $labels.method }} fail by our fault",
        meaning="UNKNOWN, INTERNAL or DATA_LOSS: a fault of ours. What a client asked wrongly is not counted.",
        dashboard="quotes",
        look="`solquote logs {{ $labels.service }}` has the traceback of each.",
        action="restart {{ $labels.service }} where it began with something you changed; report the traceback",
    ),
    Alert(
        name="GrpcSlow",
        severity=Severity.WARNING,
        promql="solquote:grpc_call_duration_seconds:p99_1m > 0.25",
        lasting="5m",
        summary="{{ $labels.method }} takes {{ $value | humanizeDuration }} for one call in a hundred",
        meaning="A single quote takes some milliseconds; what waits for a provider as long as that does.",
        dashboard="quotes",
        look="calls and open streams; EventLoopLate; on the dashboard of providers how long these take.",
        action="give {{ $labels.service }} processor time, or its clients fewer calls: a stream costs less than asking"
        " again",
    ),
    Alert(
        name="EventLoopLate",
        severity=Severity.WARNING,
        promql="solquote:event_loop_lag_seconds:p99_1m > 0.25",
        lasting="2m",
        summary="{{ $labels.service }} comes {{ $value | humanizeDuration }} late to what is due",
        meaning="The machine has too little to give, or something blocks the loop. All that the process does waits as"
        " long.",
        dashboard="system",
        look="its processor time; at 100 % of a core it is its own work, below it is others on the machine."
        " `solquote profile {{ $labels.service }}` shows which code the loop is in.",
        action="end what else runs there, or give the platform more cores",
    ),
    Alert(
        name="WorkFails",
        severity=Severity.WARNING,
        promql="solquote:work_errors:ratio_rate1m > 0.1",
        lasting="1m",
        summary="{{ $value | humanizePercentage }} of the work of {{ $labels.service }} fails",
        meaning="By its own fault, or on data that it cannot read. The rule `error_rate` stops trading above 50 %.",
        dashboard="overview",
        look="`solquote logs {{ $labels.service }}` says why.",
        action="mend what its log names; `solquote kill --reason ...` where trades are made of it",
    ),
    Alert(
        name="ProcessorFull",
        severity=Severity.INFO,
        promql="rate(process_cpu_seconds_total[5m]) > 0.9",
        lasting="5m",
        summary="{{ $labels.service }} uses {{ $value | humanizePercentage }} of a core",
        meaning="A process works in one thread, so it has come to its end; more work makes it late.",
        dashboard="system",
        look="how late its event loop is; what it is asked for; `solquote profile {{ $labels.service }}`: which code it"
        " is.",
        action="watch fewer pairs or amounts, or serve fewer clients from one platform",
    ),
    Alert(
        name="MemoryShort",
        severity=Severity.WARNING,
        promql="solquote_memory_used_bytes / (solquote_memory_limit_bytes > 0) > 0.85",
        lasting="30s",
        summary="{{ $labels.service }} uses {{ $value | humanizePercentage }} of the memory it may",
        meaning="The limit that is nearest: of its control group, or of the machine. The rule `memory` stops trading"
        " above 90 %.",
        dashboard="system",
        look="which process grows; `ps`, for what else is on the machine.",
        action="raise the limit or end what else uses it; a process that grows without end: restart it and report it",
    ),
    Alert(
        name="FilesShort",
        severity=Severity.WARNING,
        promql="process_open_fds / process_max_fds > 0.8",
        lasting="1m",
        summary="{{ $labels.service }} has {{ $value | humanizePercentage }} of the files open that it may",
        meaning="Sockets included; at its limit it takes no new connection.",
        dashboard="system",
        look="open streams and HTTP requests: are there clients that never hang up?",
        action="raise the limit (`ulimit -n`, `LimitNOFILE=`), or close the clients that never do",
    ),
)

GROUPS: Final = (
    Group("solquote.trading", "Trading", _TRADING),
    Group("solquote.bus", "Bus and journal", _BUS),
    Group("solquote.quotes", "Quotes", _QUOTES),
    Group("solquote.chain", "Chain and pools", _CHAIN),
    Group("solquote.providers", "Providers", _PROVIDERS),
    Group("solquote.processes", "Processes", _PROCESSES),
)
