"""What every process of a running platform tells Prometheus: all that docs/metrics.md lists, well formed, and true."""

import json
import shutil
import subprocess
import urllib.error
from typing import Final

import pytest
from fakes.asking_clients import ask_as_clients_do
from fakes.metrics_pages import Values, families_of, page_of
from fakes.running_platform import RunningPlatform, solquote

from quote_core.settings import environment_name
from solquote.metrics_reference import names_of
from solquote.processes import METRICS_PORT, NATS, SERVICES
from solquote.supervisor.ports import bound_hosts

pytestmark = pytest.mark.integration

MOVE_S: Final = 100.0
"""Until the first trade is through, on a machine that is busy."""
CLIENT_LIBRARY: Final = ("process_", "python_gc_")
AS_LONG_AS_ALL_IS_WELL: Final = {
    "solquote_aggregator_conflated_changes_total",
    "solquote_aggregator_held_quotes",
    "solquote_aggregator_impossible_quotes_total",
    "solquote_aggregator_left_requests",
    "solquote_aggregator_misdirected_quotes_total",
    "solquote_aggregator_oracle_failures_total",
    "solquote_aggregator_routes",
    "solquote_aggregator_rows",
    "solquote_aggregator_source_reconnects_total",
    "solquote_aggregator_source_up",
    "solquote_aggregator_subscribers",
    "solquote_build_info",
    "solquote_bus_connected",
    "solquote_bus_malformed_total",
    "solquote_bus_refused_total",
    "solquote_chain_forks_total",
    "solquote_chain_slot_drift_slots",
    "solquote_chain_slot_regressions_total",
    "solquote_consumer_in_hand_messages",
    "solquote_consumer_lag_messages",
    "solquote_consumer_redelivered_total",
    "solquote_executor_broken_total",
    "solquote_executor_concluded_elsewhere_total",
    "solquote_executor_dead_letters_total",
    "solquote_executor_exposure_lamports",
    "solquote_external_quote_available_tokens",
    "solquote_external_quote_breaker_state",
    "solquote_external_quote_cached_quotes",
    "solquote_external_quote_open_fetches",
    "solquote_external_quote_provider_pause_seconds",
    "solquote_external_quote_provider_success_ratio",
    "solquote_external_quote_shared_answers_total",
    "solquote_external_quote_stale_quotes",
    "solquote_external_quote_subscribers",
    "solquote_external_quote_wanted_rows",
    "solquote_follower_lag_messages",
    "solquote_grpc_open_calls",
    "solquote_history_failures_total",
    "solquote_history_lag_messages",
    "solquote_history_malformed_total",
    "solquote_history_pruned_total",
    "solquote_history_repeated_total",
    "solquote_history_unwritten_seconds",
    "solquote_history_whole",
    "solquote_http_open_requests",
    "solquote_journal_failures_total",
    "solquote_journal_unwritten_seconds",
    "solquote_kill_switch_revision",
    "solquote_kill_switch_state",
    "solquote_kill_switch_trips_total",
    "solquote_kill_switch_unacknowledged_processes",
    "solquote_kill_switch_unstored_stop",
    "solquote_local_quote_cache_lookups_total",
    "solquote_local_quote_cached_quotes",
    "solquote_local_quote_conflated_changes_total",
    "solquote_local_quote_directions",
    "solquote_local_quote_doubted_pools",
    "solquote_local_quote_failed_searches_total",
    "solquote_local_quote_feed_connects_total",
    "solquote_local_quote_feed_faults_total",
    "solquote_local_quote_feed_live",
    "solquote_local_quote_found_pools_total",
    "solquote_local_quote_market_events_connected",
    "solquote_local_quote_market_events_waiting",
    "solquote_local_quote_new_pool_subscriptions_refused_total",
    "solquote_local_quote_oracle_disputed_tokens",
    "solquote_local_quote_oracle_readings",
    "solquote_local_quote_oracle_refusals_total",
    "solquote_local_quote_oracle_unreadable_total",
    "solquote_local_quote_pool_doubts_total",
    "solquote_local_quote_pools",
    "solquote_local_quote_restored_pools_total",
    "solquote_local_quote_row_route_searches_total",
    "solquote_local_quote_row_routes",
    "solquote_local_quote_rows",
    "solquote_local_quote_stale_pools",
    "solquote_local_quote_subscribers",
    "solquote_local_quote_told_within_slot_total",
    "solquote_local_quote_unconfirmed_pools",
    "solquote_local_quote_waiting_accounts",
    "solquote_memory_limit_bytes",
    "solquote_notifier_alerts",
    "solquote_notifier_dropped_total",
    "solquote_notifier_failing_seconds",
    "solquote_notifier_failures_total",
    "solquote_notifier_pending_alerts",
    "solquote_notifier_sent_total",
    "solquote_notifier_undeliverable_total",
    "solquote_planner_net_profit_min_ratio",
    "solquote_pnl_malformed_total",
    "solquote_pnl_max_drawdown_lamports",
    "solquote_pnl_max_drawdown_ratio",
    "solquote_pnl_sharpe_ratio",
    "solquote_pnl_sortino_ratio",
    "solquote_pnl_whole",
    "solquote_pnl_win_ratio",
    "solquote_process_ready",
    "solquote_recorded_market_jupiter_limited_total",
    "solquote_recorded_market_pools",
    "solquote_recorded_market_slow_clients_cut_total",
    "solquote_recorded_market_websocket_clients",
    "solquote_rpc_endpoint_lag_slots",
    "solquote_rpc_endpoint_readable",
    "solquote_rpc_endpoint_state",
    "solquote_rpc_endpoint_subscribed",
    "solquote_rpc_failovers_total",
    "solquote_rpc_pause_seconds",
    "solquote_scanner_cycles_total",
    "solquote_scanner_deferred_total",
    "solquote_scanner_left_out_findings_total",
    "solquote_scanner_partition_held",
    "solquote_scanner_routed_rows_total",
    "solquote_scanner_rows",
    "solquote_scanner_watched_cycles",
    "solquote_shared_cache_exchange_duration_seconds",
    "solquote_shared_cache_exchanges_total",
    "solquote_shared_cache_foreign_total",
    "solquote_shared_cache_losses_total",
    "solquote_shared_cache_lost",
    "solquote_shared_cache_sharers",
    "solquote_shm_entries",
    "solquote_shm_reader_attached_total",
    "solquote_shm_reader_busy_total",
    "solquote_shm_reader_scans_total",
    "solquote_shm_reader_writer_live",
    "solquote_shm_refused_quotes_total",
    "solquote_shm_used_entries",
    "solquote_shm_waiting_confirmations",
    "solquote_stream_consumers",
    "solquote_stream_limit_bytes",
    "solquote_system_manager_malformed_total",
    "solquote_trading_gate_state",
    "solquote_work_errors_total",
}
"""Need not change within a minute; every other value of every process does."""


def ports_of(platform: RunningPlatform) -> dict[str, int]:
    told = platform.environment
    return {service.name: int(told[environment_name(service.name, METRICS_PORT.field)]) for service in SERVICES}


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}/metrics"


def told_by_all(platform: RunningPlatform) -> dict[tuple[str, str], Values]:
    """By process and family."""
    return {
        (process, name): values
        for process, port in ports_of(platform).items()
        for name, values in families_of(page_of(url(port))).items()
        if not name.startswith(CLIENT_LIBRARY)
    }


def value(values: Values, **labels: str) -> float:
    """The one sample with these labels."""
    (found,) = (value for (_, of), value in values.items() if labels.items() <= dict(of).items())
    return found


@pytest.mark.parametrize("process", [service.name for service in SERVICES])
def test_a_process_tells_what_the_page_lists_and_each_has_a_value(client_platform: RunningPlatform, process: str):
    (service,) = (service for service in SERVICES if service.name == process)
    port = ports_of(client_platform)[process]
    ask_as_clients_do(client_platform)
    families = families_of(page_of(url(port)))
    assert {name for name in families if not name.startswith(CLIENT_LIBRARY)} == names_of(service)
    assert all(name in families for name in ("process_cpu_seconds_total", "process_resident_memory_bytes"))
    assert not [name for name, values in families.items() if not values]
    assert value(families["solquote_build_info"], process=process) == 1
    assert value(families["solquote_process_ready"]) == 1
    assert bound_hosts(port) == {"127.0.0.1"}
    with pytest.raises(urllib.error.HTTPError, match="404"):
        page_of(url(port).removesuffix("metrics"))


@pytest.mark.parametrize("process", [service.name for service in SERVICES])
def test_promtool_finds_nothing_to_say_of_names_units_and_help(client_platform: RunningPlatform, process: str):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    page = page_of(url(ports_of(client_platform)[process]))
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=page, capture_output=True, text=True, timeout=60, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_services_names_every_page_and_asks_it(client_platform: RunningPlatform):
    told = solquote("services", data_dir=client_platform.data_dir).stdout
    for process, port in ports_of(client_platform).items():
        assert f"{process}  Prometheus  {url(port)}  answers" in told
        assert f" {url(port)}\n" in told


def test_status_knows_where_each_process_tells(client_platform: RunningPlatform):
    status = json.loads(solquote("status", "--json", data_dir=client_platform.data_dir).stdout)
    told = {process["process"]: process["metrics"] for process in status["processes"]}
    assert told == {NATS: None} | {process: url(port) for process, port in ports_of(client_platform).items()}


def test_every_value_moves_that_a_healthy_platform_moves(client_platform: RunningPlatform):
    ask_as_clients_do(client_platform)
    first = told_by_all(client_platform)
    still = {key for key in first if key[1] not in AS_LONG_AS_ALL_IS_WELL}
    assert {name for _, name in first} >= AS_LONG_AS_ALL_IS_WELL

    def all_moved() -> bool:
        ask_as_clients_do(client_platform)
        now = told_by_all(client_platform)
        still.difference_update({key for key in still if now[key] != first[key]})
        return not still

    try:
        client_platform.until(all_moved, seconds=MOVE_S)
    finally:
        assert not still


GATES: Final = ("executor", "planner", "scanner")


def gates_in(platform: RunningPlatform, state: str) -> list[str]:
    """The trading processes whose gates are in a state, if the switch is, too."""
    told = told_by_all(platform)
    if value(told["system_manager", "solquote_kill_switch_state"], state=state) != 1:
        return []
    return [gate for gate in GATES if value(told[gate, "solquote_trading_gate_state"], state=state) == 1]


def test_a_stop_shows_in_the_switch_and_in_every_gate(client_platform: RunningPlatform):
    assert solquote("kill", "--reason", "a drill", data_dir=client_platform.data_dir).returncode == 0
    try:
        client_platform.until(lambda: gates_in(client_platform, "halted") == [*GATES], seconds=60)
    finally:
        assert solquote("release", data_dir=client_platform.data_dir).returncode == 0
    client_platform.until(lambda: gates_in(client_platform, "active") == [*GATES], seconds=60)
