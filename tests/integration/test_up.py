"""`solquote up` with everything real: health, crashes, and an end that leaves nothing."""

import json
import os
import select
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import pytest
from fakes.metrics_pages import families_of, page_of
from fakes.running_platform import EAGER, PROCESS_NAMES, UP_S, RunningPlatform, solquote
from fakes.stopwatch import Stopwatch

from quote_core.generated.solquote.v1 import (
    local_quote_pb2_grpc,
    quote_aggregator_pb2,
    quote_aggregator_pb2_grpc,
    quotes_pb2,
)
from quote_core.tokens import load_tokens
from solquote.supervisor.ports import bound_hosts

pytestmark = pytest.mark.integration

BACK_S = 5.0
"""What the platform promises: a killed process is back, and quotes flow, within this."""
STOP_S = 5.0
GONE_S = 1.0
TRADED_S = 180.0
SOL, USDC = (token.mint for token in list(load_tokens())[:2])
ONE_SOL = 1_000_000_000


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    with RunningPlatform(tmp_path_factory.mktemp("up")) as running:
        running.until_healthy()
        yield running


def quote_slot(platform: RunningPlatform) -> int:
    """Slot of the pool state behind a fresh quote."""
    request = quote_aggregator_pb2.AggregatedQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=ONE_SOL)
    with grpc.insecure_channel(platform.environment["SOLQUOTE_AGGREGATOR_ADDRESS"]) as channel:
        stub = quote_aggregator_pb2_grpc.QuoteAggregatorServiceStub(channel)
        answer = stub.GetQuote(request, timeout=1.0, wait_for_ready=True)
    assert not answer.local.is_stale
    slot: int = answer.local.slot
    return slot


def until_quotes_flow(platform: RunningPlatform, watch: Stopwatch) -> None:
    """Wait for two quotes of different slots, neither of them stale."""
    first_slot = None
    while watch.elapsed_s < BACK_S:
        try:
            slot = quote_slot(platform)
        except (grpc.RpcError, AssertionError):
            continue
        if first_slot is not None and slot != first_slot:
            return
        first_slot = slot
    pytest.fail("no fresh quotes")


def is_gone(pid: int) -> bool:
    """Whether a process has ended, or does in time."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    watch = Stopwatch()
    with os.fdopen(descriptor):
        while not select.select([descriptor], [], [], 0.05)[0]:
            if watch.elapsed_s > GONE_S:
                return False
    return True


def ports_of(environment: dict[str, str]) -> list[int]:
    """Every port the platform listens on."""
    rpc_port = urlsplit(environment["SOLQUOTE_RPC_URL"]).port
    nats_port = urlsplit(environment["SOLQUOTE_NATS_URL"]).port
    assert rpc_port is not None
    assert nats_port is not None
    return [rpc_port + 1, nats_port, *(int(value) for name, value in environment.items() if name.endswith("_PORT"))]


def can_bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_kill_9_of_the_supervisor_leaves_no_process_the_next_one_cleans_up_and_ctrl_c_ends_that(tmp_path: Path):
    platform = RunningPlatform(tmp_path)
    platform.until_healthy()
    pids, shm_dir = platform.pids(), Path(platform.environment["SOLQUOTE_SHM_DIR"])
    notify_dir = _notify_dir(pids["aggregator"])
    assert platform.end(signal.SIGKILL) == -signal.SIGKILL
    assert all(is_gone(pid) for pid in pids.values())
    shutil.rmtree(notify_dir)  # nobody was left to remove it
    with RunningPlatform(tmp_path) as successor:
        successor.until_healthy()
        assert not shm_dir.exists()
        assert_it_ends_in_time_and_leaves_nothing(successor, signal.SIGINT)


def assert_it_ends_in_time_and_leaves_nothing(platform: RunningPlatform, number: signal.Signals) -> None:
    pids, environment = platform.pids(), platform.environment
    notify_dirs = {_notify_dir(pid) for pid in pids.values()}
    assert all(folder.is_dir() for folder in notify_dirs)
    watch = Stopwatch()
    assert platform.end(number) == 0
    assert watch.elapsed_s < STOP_S
    assert all(is_gone(pid) for pid in pids.values())
    assert all(can_bind(port) for port in ports_of(environment))
    assert not Path(environment["SOLQUOTE_SHM_DIR"]).exists()
    assert not (platform.data_dir / "up.json").exists()
    assert not any(folder.exists() for folder in notify_dirs)


def _notify_dir(pid: int) -> Path:
    """Folder of the socket a process tells its health to."""
    for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
        if variable.startswith(b"NOTIFY_SOCKET="):
            return Path(os.fsdecode(variable.partition(b"=")[2])).parent
    raise AssertionError(f"process {pid} has no NOTIFY_SOCKET")


def test_only_the_quote_apis_are_opened_by_the_host_setting_nothing_is_refused_and_a_signal_ends_it(tmp_path: Path):
    opened = {"SOLQUOTE_HOST": "0.0.0.0", "SOLQUOTE_OPEN_TO_ALL": "true"}
    with RunningPlatform(tmp_path, environ=EAGER | opened) as running:
        running.until_healthy()
        told = running.environment
        hosts = {
            name: bound_hosts(port)
            for name, port in {
                "NATS": urlsplit(told["SOLQUOTE_NATS_URL"]).port,
                "NATS monitoring": int(told["SOLQUOTE_UP_NATS_MONITOR_PORT"]),
                "node": int(told["SOLQUOTE_RECORDED_MARKET_RPC_PORT"]),
                "node's WebSocket": int(told["SOLQUOTE_RECORDED_MARKET_RPC_PORT"]) + 1,
                "Jupiter stand-in": int(told["SOLQUOTE_RECORDED_MARKET_JUPITER_PORT"]),
                "kill switch": int(told["SOLQUOTE_SYSTEM_MANAGER_HTTP_PORT"]),
            }.items()
            if port
        }
        assert len(hosts) == 6
        assert all(of == {"127.0.0.1"} for of in hosts.values()), hosts
        assert bound_hosts(int(told["SOLQUOTE_AGGREGATOR_HTTP_PORT"])) == {"0.0.0.0"}
        until_traded(running)
        assert solquote("doctor", data_dir=tmp_path).returncode == 0
        assert_it_ends_in_time_and_leaves_nothing(running, signal.SIGTERM)
    logs = "".join(path.read_text() for path in (tmp_path / "logs").glob("*.log"))
    assert "NATS refuses" not in logs
    assert "Violation" not in logs


def test_trades_in_flight_are_finished_and_recorded_before_it_ends(tmp_path: Path):
    slow = {f"SOLQUOTE_EXECUTOR_PAPER_LANDING_{bound}": "8s" for bound in ("MIN", "MAX")}  # twice the time of all
    with RunningPlatform(tmp_path, environ=EAGER | slow | {"SOLQUOTE_EXECUTOR_PAPER_NAIVE": "false"}) as running:
        running.until_healthy()
        page = f"http://127.0.0.1:{running.environment['SOLQUOTE_EXECUTOR_METRICS_PORT']}/metrics"
        name = "solquote_executor_exposure_lamports"
        running.until(lambda: families_of(page_of(page))[name][name, frozenset()], seconds=TRADED_S)
        assert running.end(signal.SIGTERM) == 0
        assert any("executor: finishing what is in hand" in message for message in running.messages)
    replayed = solquote("journal", "replay", "--type", "Claim", "--type", "ExecutionResult", data_dir=tmp_path)
    events = [json.loads(line)["event"] for line in replayed.stdout.splitlines()]
    begun = {event["planId"] for event in events if event["type"] == "Claim"}
    ended = {event["planId"]: event["outcome"] for event in events if event["type"] == "ExecutionResult"}
    assert begun
    assert begun <= set(ended)
    assert "ABANDONED" not in ended.values()


def until_traded(running: RunningPlatform) -> None:
    """Wait until the whole pipeline has carried something through: a profit is told by its last stage."""
    running.until(
        lambda: "over 0 trades" not in running.view("auditor").get("status", "over 0 trades"), seconds=TRADED_S
    )


def test_everything_is_healthy_and_each_in_a_process_of_its_own(platform: RunningPlatform):
    assert set(platform.pids()) == set(PROCESS_NAMES)
    assert len(set(platform.pids().values())) == len(PROCESS_NAMES)
    assert not [message for message in platform.messages if "restart" in message]


@pytest.mark.parametrize("name", PROCESS_NAMES)
def test_a_killed_process_is_back_its_neighbours_never_died_and_quotes_flow(platform: RunningPlatform, name: str):
    before = platform.pids()
    watch = Stopwatch()
    os.kill(before[name], signal.SIGKILL)
    platform.until_back(name, old_pid=before[name], seconds=BACK_S)
    until_quotes_flow(platform, watch)
    after = platform.pids()
    assert {other: after[other] for other in after if other != name} == {
        other: before[other] for other in before if other != name
    }
    assert any(message.startswith(f"{name}: ended by SIGKILL") for message in platform.messages)


def test_a_killed_local_quote_service_begins_from_what_it_kept(platform: RunningPlatform):
    platform.until((platform.data_dir / "local_quote.warm").exists, seconds=UP_S)
    old_pid = platform.pids()["local_quote"]
    platform.kill("local_quote")
    platform.until_back("local_quote", old_pid=old_pid, seconds=UP_S)
    with grpc.insecure_channel(platform.environment["SOLQUOTE_LOCAL_QUOTE_ADDRESS"]) as channel:
        stub = local_quote_pb2_grpc.LocalQuoteServiceStub(channel)
        figures = stub.Health(quotes_pb2.HealthRequest(), timeout=UP_S, wait_for_ready=True).figures
    assert figures["warm_pools_restored"] > 0


def test_a_second_platform_on_a_taken_port_is_told_who_holds_it(platform: RunningPlatform, tmp_path: Path):
    port = platform.environment["SOLQUOTE_AGGREGATOR_HTTP_PORT"]
    second = solquote("up", data_dir=tmp_path, environ={"SOLQUOTE_AGGREGATOR_HTTP_PORT": port})
    assert second.returncode == 1
    held = f"port {port} of aggregator held by process {platform.pids()['aggregator']}: "
    assert held in second.stderr
    assert "-m aggregator" in second.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_second_platform_on_the_same_data_folder_is_told_who_holds_it(platform: RunningPlatform):
    second = solquote("up", "--free-ports", data_dir=platform.data_dir)
    assert second.returncode == 1
    assert f"{platform.data_dir}, as process {platform.process.pid}" in second.stderr
