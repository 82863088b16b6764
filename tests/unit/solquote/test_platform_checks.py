import dataclasses
import os
import socket
from pathlib import Path

import pytest
from fakes.ports import free_port

from quote_core.clock import AGE_UNKNOWN_NS
from quote_core.running.status import PlatformStatus, ProcessState, ProcessView
from quote_core.settings import environment_name
from solquote.checks import DoctorFinding, DoctorVerdict
from solquote.plan import PlatformModels
from solquote.platform_checks import check_processes, check_start
from solquote.processes import METRICS_PORT, SERVICES

WELL = ProcessView(
    name="scanner", state=ProcessState.HEALTHY, address="", pid=7, status="984 rows", started_mono_ns=1_000_000_000
)
NOW_NS = 3_500_000_000


def found(*views: ProcessView, age_ns: int = 0) -> dict[str, DoctorFinding]:
    status = PlatformStatus(pid=42, views=views, age_ns=age_ns)
    return {finding.subject: finding for finding in check_processes(status, now_mono_ns=NOW_NS)}


def test_a_process_is_told_with_its_life_and_its_status():
    finding = found(WELL)["process scanner"]
    assert finding.verdict is DoctorVerdict.OK
    assert finding.detail == "healthy, pid 7, up 2.5 s, never restarted: 984 rows"


@pytest.mark.parametrize(
    ("state", "restart_count", "verdict", "mend"),
    [
        (ProcessState.HEALTHY, 3, DoctorVerdict.WARNING, "`solquote logs scanner` says why"),
        (ProcessState.UNHEALTHY, 0, DoctorVerdict.FAILED, "`solquote logs scanner` says why"),
        (ProcessState.BACKOFF, 1, DoctorVerdict.FAILED, "`solquote logs scanner` says why"),
        (ProcessState.STARTING, 0, DoctorVerdict.WARNING, "`solquote status --follow`"),
        (ProcessState.WAITING, 0, DoctorVerdict.WARNING, "`solquote status --follow`"),
    ],
)
def test_a_process_that_was_restarted_or_is_not_well_says_what_to_do(
    state: ProcessState, restart_count: int, verdict: DoctorVerdict, mend: str
):
    view = dataclasses.replace(WELL, state=state, restart_count=restart_count)
    finding = found(view)["process scanner"]
    assert finding.verdict is verdict
    assert mend in finding.mend
    assert state.value in finding.detail
    assert ("never restarted" in finding.detail) == (restart_count == 0)


def test_a_supervisor_that_stands_still_is_a_warning():
    assert found(WELL)["supervisor"].verdict is DoctorVerdict.OK
    old = found(WELL, age_ns=60_000_000_000)["supervisor"]
    assert old.verdict is DoctorVerdict.WARNING
    assert "process 42 has told nothing for 60.0 s" in old.detail
    assert found(age_ns=AGE_UNKNOWN_NS)["supervisor"].detail == "process 42 tells nothing"


def start(folder: Path, **settings: str) -> DoctorFinding:
    metrics_ports = {environment_name(service.name, METRICS_PORT.field): "0" for service in SERVICES}
    ports = metrics_ports | {
        f"SOLQUOTE_{name}": str(free_port())
        for name in (
            "UP_NATS_PORT",
            "UP_NATS_MONITOR_PORT",
            "RECORDED_MARKET_JUPITER_PORT",
            "LOCAL_QUOTE_GRPC_PORT",
            "EXTERNAL_QUOTE_GRPC_PORT",
            "AGGREGATOR_GRPC_PORT",
            "AGGREGATOR_HTTP_PORT",
            "SYSTEM_MANAGER_HTTP_PORT",
        )
    }
    environ = {**ports, "SOLQUOTE_DATA_DIR": str(folder), "SOLQUOTE_RPC_URL": "http://127.0.0.1:1", **settings}
    return check_start(PlatformModels.load(environ), environ, folder=folder)


def test_where_none_runs_and_nothing_is_in_the_way_up_starts_one(tmp_path: Path):
    finding = start(tmp_path)
    assert finding.verdict is DoctorVerdict.WARNING
    assert str(tmp_path) in finding.detail
    assert "`solquote up` starts one" in finding.mend


def test_a_port_that_somebody_holds_is_told_as_up_would(tmp_path: Path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        finding = start(tmp_path, SOLQUOTE_AGGREGATOR_HTTP_PORT=str(port))
    assert finding.verdict is DoctorVerdict.FAILED
    assert f"port {port} of aggregator held by process {os.getpid()}" in finding.mend
    assert f"type: kill {os.getpid()}" in finding.mend


def test_two_processes_that_want_one_port_are_told_as_up_would(tmp_path: Path):
    port = str(free_port())
    finding = start(tmp_path, SOLQUOTE_AGGREGATOR_HTTP_PORT=port, SOLQUOTE_LOCAL_QUOTE_GRPC_PORT=port)
    assert finding.verdict is DoctorVerdict.FAILED
    assert finding.mend == f"port {port} is wanted by both local_quote and aggregator"


def test_a_listener_that_will_be_open_to_other_machines_is_told_before_it_is(tmp_path: Path):
    finding = start(tmp_path, SOLQUOTE_SYSTEM_MANAGER_HTTP_HOST="0.0.0.0", SOLQUOTE_OPEN_TO_ALL="true")
    assert "SOLQUOTE_SYSTEM_MANAGER_HTTP_HOST lets other machines reach system_manager" in finding.detail
