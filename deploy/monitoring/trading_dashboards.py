"""From what the scanner finds to what it earned."""

from typing import Final

from panels import Dashboard, Kind, Panel, Query, Row, Step, Unit, heat, lines, number, per_second, quantile, series

__all__ = ["PIPELINE", "PNL"]

LATE: Final = (Step(0.01, "orange"), Step(0.05, "red"))
"""An opportunity is to be filled within 10 ms (docs/performance.md)."""

PIPELINE: Final = Dashboard(
    "pipeline",
    "pipeline",
    "Scanner, planner, executor and the kill switch: what goes through, what is turned down and why, how long it"
    " takes.",
    (
        Row(
            "Kill switch",
            (
                Panel(
                    "State of every gate",
                    "Which state each trading process is in, and the switch itself as the system manager holds it.",
                    Kind.STATES,
                    Unit.NUMBER,
                    (
                        Query(
                            'solquote_trading_gate_state{state="reducing"} + ignoring (state)'
                            ' 2 * solquote_trading_gate_state{state="halted"}',
                            "{{service}}",
                        ),
                        Query(
                            'solquote_kill_switch_state{state="reducing"} + ignoring (state)'
                            ' 2 * solquote_kill_switch_state{state="halted"}',
                            "switch",
                        ),
                    ),
                    words=((0.0, "active", "green"), (1.0, "reducing", "orange"), (2.0, "halted", "red")),
                    steps=(Step(1, "orange"), Step(2, "red")),
                ),
                lines(
                    "Silence of the system manager",
                    "Since the manager last vouched for the state, as each gate heard it, and as the bus confirmed it;"
                    " gates close at 3 s.",
                    Unit.SECONDS,
                    ("solquote_trading_gate_silence_seconds", "{{service}}"),
                    ("solquote_kill_switch_acknowledgement_age_seconds", "confirmed by the bus"),
                    steps=(Step(3, "red"),),
                ),
                lines(
                    "Stops by a rule",
                    "How often each rule of the system manager has stopped trading since its start.",
                    Unit.NUMBER,
                    ("solquote_kill_switch_trips_total", "{{rule}}"),
                ),
                lines(
                    "What the system manager does",
                    "It vouches for the switch twice a second, and its rules read the results of trades; malformed"
                    " messages are no events.",
                    Unit.PER_SECOND,
                    (per_second("solquote_kill_switch_heartbeats_total"), "heartbeats"),
                    (per_second("solquote_system_manager_results_total"), "results read"),
                    (per_second("solquote_system_manager_malformed_total"), "malformed"),
                ),
                lines(
                    "Changes of the switch",
                    "The revision of the latched state: it grows by one with every stop and release.",
                    Unit.NUMBER,
                    ("solquote_kill_switch_revision", "revision"),
                ),
                lines(
                    "Not acknowledged",
                    "Processes of each kind that do not go by the newest revision, or have said nothing for 10 s.",
                    Unit.NUMBER,
                    ("solquote_kill_switch_unacknowledged_processes", "{{gate}}"),
                    steps=(Step(1, "red"),),
                ),
            ),
        ),
        Row(
            "Scanner",
            (
                lines(
                    "Changes and pairs",
                    "Changed rows of shared memory; pairs looked at, or not: trading is stopped, another scans.",
                    Unit.PER_SECOND,
                    (per_second("solquote_scanner_changes_total"), "changed rows"),
                    (per_second("solquote_scanner_routed_rows_total"), "of them through several pools: left out"),
                    (per_second("solquote_scanner_pairs_total", "outcome"), "pairs {{outcome}}"),
                ),
                lines(
                    "Findings",
                    "Opportunities published, by kind, and findings left out, by reason.",
                    Unit.PER_SECOND,
                    (per_second("solquote_scanner_opportunities_total", "kind"), "{{kind}}"),
                    (per_second("solquote_scanner_left_out_findings_total", "reason"), "left out: {{reason}}"),
                ),
                lines(
                    "Cycles",
                    "Changed cycles, by what came of them; what had to wait for another turn: looking took too long.",
                    Unit.PER_SECOND,
                    (per_second("solquote_scanner_cycles_total", "outcome"), "cycles {{outcome}}"),
                    (per_second("solquote_scanner_deferred_total"), "pairs and cycles deferred"),
                ),
                lines(
                    "Scanners that have a part",
                    "Of each part of the pairs: 1 while a scanner tells of what it finds there, 0 while all stand by.",
                    Unit.NUMBER,
                    ("sum by (partition) (solquote_scanner_partition_held)", "{{partition}}"),
                ),
            ),
        ),
        Row(
            "Planner",
            (
                lines(
                    "Plans and rejections",
                    "Opportunities that became a plan, and reasons against the others; one may have several.",
                    Unit.PER_SECOND,
                    (per_second("solquote_planner_plans_total"), "planned"),
                    (per_second("solquote_planner_rejections_total", "reason"), "against: {{reason}}"),
                ),
                lines(
                    "Messages settled",
                    "What became of the messages of the planner's stage, and what it published.",
                    Unit.PER_SECOND,
                    (per_second("solquote_stage_settled_total", "consumer", "outcome"), "{{consumer}} {{outcome}}"),
                    (per_second("solquote_stage_published_total", "consumer"), "{{consumer}} published"),
                ),
                lines(
                    "Least net profit",
                    "Of the amount, after all costs; raised while few of the plans sent land, if that is set.",
                    Unit.FRACTION,
                    ("solquote_planner_net_profit_min_ratio", "at least"),
                ),
                lines(
                    "Age of an opportunity when planned",
                    "Median and 99th percentile.",
                    Unit.SECONDS,
                    *series("solquote_planner_opportunity_to_plan_seconds"),
                    steps=LATE,
                ),
            ),
        ),
        Row(
            "Executor",
            (
                lines(
                    "Results",
                    "Plans concluded, by outcome.",
                    Unit.PER_SECOND,
                    (per_second("solquote_executor_results_total", "outcome"), "{{outcome}}"),
                ),
                lines(
                    "Refusals",
                    "Plans refused, by the guard that did. `duplicate` and `expired` are ordinary under load.",
                    Unit.PER_SECOND,
                    (per_second("solquote_executor_refusals_total", "guard"), "{{guard}}"),
                ),
                lines(
                    "From opportunity to fill",
                    "By the wall clocks of both hosts: median and 99th percentile, and from the plan alone. No value"
                    " while nothing is filled.",
                    Unit.SECONDS,
                    *series("solquote_executor_opportunity_to_fill_seconds"),
                    (quantile(0.99, "solquote_executor_plan_to_fill_seconds"), "from the plan, p99"),
                    steps=LATE,
                ),
                heat(
                    "From opportunity to fill, all of them",
                    "How the times spread.",
                    Unit.SECONDS,
                    "solquote_executor_opportunity_to_fill_seconds",
                ),
                lines(
                    "Exposure",
                    "Amounts of the plans that are being executed now.",
                    Unit.SOL,
                    ("sum by (service) (solquote_executor_exposure_lamports) / 1e9", "{{service}}"),
                ),
                lines(
                    "What should not happen",
                    "Failures by our own or a neighbour's fault, dead letters, and plans that another executor"
                    " concluded.",
                    Unit.PER_SECOND,
                    (per_second("solquote_executor_broken_total"), "broken"),
                    (per_second("solquote_executor_dead_letters_total"), "dead letters"),
                    (per_second("solquote_executor_concluded_elsewhere_total"), "concluded elsewhere"),
                ),
            ),
        ),
    ),
)

PNL: Final = Dashboard(
    "pnl",
    "profit and loss",
    "The account of the run, as the auditor adds it up from EXECUTED; `solquote pnl` has each trade. On the recorded"
    " market these are fills on paper.",
    (
        Row(
            "The run",
            (
                number(
                    "Profit",
                    "Net, after fees and tips, of the whole run.",
                    Unit.SOL,
                    'solquote_pnl_profit_lamports{of="all"} / 1e9',
                ),
                number(
                    "Today",
                    "Net profit of the day (UTC); the rule `daily_loss` stops trading at the setting's limit.",
                    Unit.SOL,
                    'solquote_pnl_profit_lamports{of="day"} / 1e9',
                ),
                number(
                    "Fills that won",
                    "Fills with a profit, of all fills.",
                    Unit.FRACTION,
                    "solquote_pnl_win_ratio",
                ),
                number(
                    "Sharpe ratio",
                    "Mean by standard deviation of the profit of a fill.",
                    Unit.NUMBER,
                    "solquote_pnl_sharpe_ratio",
                ),
                number(
                    "Sortino ratio",
                    "Mean by downside deviation of the profit of a fill; 0 while no fill has lost.",
                    Unit.NUMBER,
                    "solquote_pnl_sortino_ratio",
                ),
                number(
                    "At stake",
                    "Amounts of trades by how long each lasted, on average over time.",
                    Unit.SOL,
                    'solquote_pnl_exposure_lamports{of="average"} / 1e9',
                ),
                number(
                    "Priced in dollars",
                    "Net profit of the trades that record a price, in dollars; of the others nobody knows a worth.",
                    Unit.NUMBER,
                    "solquote_pnl_priced_profit_usd",
                ),
                number(
                    "Trades with a price",
                    "How many of the run's trades that is.",
                    Unit.NUMBER,
                    "solquote_pnl_priced_trades",
                ),
                number(
                    "Largest fall",
                    "Of the equity, by what it fell from; the kill switch trips above 10 %.",
                    Unit.FRACTION,
                    "solquote_pnl_max_drawdown_ratio",
                    steps=(Step(0.05, "orange"), Step(0.1, "red")),
                ),
                number(
                    "Account whole",
                    "1 once all that EXECUTED keeps is added up; before that nothing else here has a value.",
                    Unit.NUMBER,
                    "solquote_pnl_whole",
                ),
            ),
        ),
        Row(
            "How it came",
            (
                lines(
                    "Profit, by what it is of",
                    "`naive`: filled at once and alone in the market; `plans_of_fills`: what the plans of the fills"
                    " promised; `fills`: what they brought; `all`: with the costs of what was missed and failed.",
                    Unit.SOL,
                    ("solquote_pnl_profit_lamports / 1e9", "{{of}}"),
                ),
                lines(
                    "Costs",
                    "What was paid, by what for.",
                    Unit.SOL,
                    ("solquote_pnl_costs_lamports / 1e9", "{{of}}"),
                ),
                lines(
                    "Results",
                    "Of the run, by outcome; refused ones are no trades.",
                    Unit.NUMBER,
                    ("solquote_pnl_trades", "{{outcome}}"),
                ),
                lines(
                    "Fall below the highest",
                    "The largest so far, in SOL.",
                    Unit.SOL,
                    ("solquote_pnl_max_drawdown_lamports / 1e9", "largest fall"),
                ),
                lines(
                    "By executor",
                    "Net profit of what each executor concluded since it began.",
                    Unit.SOL,
                    ("solquote_executor_profit_lamports / 1e9", "{{service}} {{instance}}"),
                ),
                lines(
                    "Not read",
                    "Messages of EXECUTED that are no result, and how far the auditor is behind.",
                    Unit.NUMBER,
                    ("solquote_pnl_malformed_total", "malformed"),
                    ('solquote_follower_lag_messages{service="auditor"}', "behind"),
                ),
                lines(
                    "History",
                    "How far the database is behind the streams, whether it is whole, results of plans that had one.",
                    Unit.NUMBER,
                    ("solquote_history_lag_messages", "behind {{stream}}"),
                    ("solquote_history_whole", "whole"),
                    ("solquote_history_repeated_total", "repeated"),
                    ("solquote_history_malformed_total", "malformed"),
                ),
                lines(
                    "History written",
                    "Messages and trades written into the database a second, rows deleted for their age, failures.",
                    Unit.NUMBER,
                    ("rate(solquote_history_messages_total[1m])", "messages"),
                    ("rate(solquote_history_trades_total[1m])", "trades"),
                    ("rate(solquote_history_pruned_total[1m])", "deleted"),
                    ("rate(solquote_history_failures_total[1m])", "failures"),
                ),
            ),
        ),
    ),
)
