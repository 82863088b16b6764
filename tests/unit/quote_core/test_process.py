"""What a process tells its supervisor, and how it ends: one shell for all of them."""

import asyncio
import contextlib
import gc
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from quote_core.errors import ProviderUnavailable
from quote_core.health import Condition
from quote_core.process import EXIT_BAD_SETTINGS, EXIT_BY_SIGNAL, EXIT_FAILED, run_process, work_until_told
from quote_core.settings import PlatformSettings, ServiceSettings
from quote_core.telemetry.metrics import MetricsPage

DEADLINE_S = 20.0

PROCESSES = {
    "local_quote": "local_quote",
    "external_quote": "external_quote",
    "aggregator": "aggregator",
    "recorded_market": "recorded_market",
    "initializer": "pipeline.initializer",
    "event_logger": "pipeline.event_logger",
    "scanner": "pipeline.scanner",
    "planner": "pipeline.planner",
    "executor": "pipeline.executor",
    "auditor": "pipeline.auditor",
    "system_manager": "pipeline.system_manager",
}


class Settings(ServiceSettings):
    section = "sample"

    metrics_port: int = 0
    count: int = 1


def page() -> MetricsPage:
    return MetricsPage(Settings())


class Supervisor:
    """The receiving end of the notices; kept in order."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(DEADLINE_S)

    async def hears(self) -> list[str]:
        return (await asyncio.to_thread(self._socket.recv, 4096)).decode().splitlines()

    async def hears_until(self, line: str) -> None:
        while line not in await self.hears():
            pass

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    return Supervisor(tmp_path / "notify")


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_the_supervisor_hears_status_then_ready_then_status_again_then_stopping(supervisor: Supervisor) -> None:
    stop, now = asyncio.Event(), Condition(is_ready=False, line="0 rows")
    changes: list[bool] = []

    async def on_change(is_ready: bool) -> None:
        changes.append(is_ready)

    working = asyncio.create_task(
        work_until_told(for_ever(), stop=stop, condition=lambda: now, on_change=on_change, metrics=page())
    )
    assert await supervisor.hears() == ["STATUS=0 rows", "WATCHDOG=1"]
    assert changes == []
    now = Condition(is_ready=True, line="12 rows")
    await supervisor.hears_until("READY=1")
    assert await supervisor.hears() == ["READY=1", "STATUS=12 rows", "WATCHDOG=1"]
    now = Condition(is_ready=False, line="lost")
    await supervisor.hears_until("STATUS=lost")
    now = Condition(is_ready=True, line="12 rows")
    await supervisor.hears_until("READY=1")
    assert changes == [True, False, True]
    stop.set()
    await supervisor.hears_until("STOPPING=1")
    await working
    assert changes == [True, False, True, False]
    supervisor.close()


async def test_stopping_is_told_before_what_is_in_hand_is_finished(supervisor: Supervisor) -> None:
    stop, may_finish, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def finish_in_hand() -> None:
        try:
            await for_ever()
        finally:
            await may_finish.wait()
            finished.set()

    working = asyncio.create_task(
        work_until_told(
            finish_in_hand(), stop=stop, condition=lambda: Condition(is_ready=True, line=""), metrics=page()
        )
    )
    await supervisor.hears_until("READY=1")
    stop.set()
    await supervisor.hears_until("STOPPING=1")
    assert not working.done()
    may_finish.set()
    await working
    assert finished.is_set()
    supervisor.close()


async def test_work_that_ends_by_itself_ends_the_process() -> None:
    async def once() -> None:
        await asyncio.sleep(0)

    async with asyncio.timeout(DEADLINE_S):
        await work_until_told(
            once(), stop=asyncio.Event(), condition=lambda: Condition(is_ready=True, line=""), metrics=page()
        )


async def test_a_failure_of_one_work_ends_the_others() -> None:
    ended = asyncio.Event()

    async def other() -> None:
        try:
            await for_ever()
        finally:
            ended.set()

    async def failing() -> None:
        raise ProviderUnavailable("nats", "gone")

    with pytest.raises(ExceptionGroup):
        await work_until_told(
            other(),
            failing(),
            stop=asyncio.Event(),
            condition=lambda: Condition(is_ready=True, line=""),
            metrics=page(),
        )
    assert ended.is_set()


async def test_a_process_that_cannot_say_how_it_is_fails_instead_of_falling_silent() -> None:
    def broken() -> Condition:
        raise ZeroDivisionError

    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(ZeroDivisionError):
            await work_until_told(for_ever(), stop=asyncio.Event(), condition=broken, metrics=page())


@pytest.mark.parametrize("section", PROCESSES)
def test_a_wrong_setting_ends_every_process_with_its_name_and_exit_2(
    section: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"SOLQUOTE_{section.upper()}_NO_SUCH_SETTING", "1")
    monkeypatch.setenv("SOLQUOTE_LOG_LEVEL", "loud")
    with pytest.raises(SystemExit) as end:
        runpy.run_module(PROCESSES[section], run_name="__main__", alter_sys=True)
    assert end.value.code == EXIT_BAD_SETTINGS
    said = capsys.readouterr().err
    assert f"{section} cannot start:" in said
    assert "SOLQUOTE_LOG_LEVEL" in said


PORTS = {
    "recorded_market": ("RPC_PORT", "JUPITER_PORT"),
    "local_quote": ("GRPC_PORT",),
    "external_quote": ("GRPC_PORT",),
    "aggregator": ("GRPC_PORT", "HTTP_PORT"),
    "system_manager": ("HTTP_PORT",),
}
ON_THE_BUS = tuple(section for section, module in PROCESSES.items() if module.startswith("pipeline."))
READS_TOKENS = ("recorded_market", "local_quote", "external_quote", "aggregator", "scanner", "executor")


def ends(
    section: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[object, str]:
    """Exit code and standard error of `python -m` with `environ`."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as end:
        runpy.run_module(PROCESSES[section], run_name="__main__", alter_sys=True)
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return end.value.code, said


@pytest.mark.parametrize("section", PROCESSES)
def test_a_port_of_the_metrics_that_is_taken_ends_every_process_with_a_sentence_that_names_its_setting(
    section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {f"SOLQUOTE_{section.upper()}_{port}": "0" for port in PORTS.get(section, ())}
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        variable = f"SOLQUOTE_{section.upper()}_METRICS_PORT"
        environ |= {variable: str(port), "SOLQUOTE_DATA_DIR": str(tmp_path), "SOLQUOTE_SHM_DIR": str(tmp_path / "shm")}
        code, said = ends(section, environ, monkeypatch, capsys)
    assert code == EXIT_FAILED
    assert said.endswith(
        f"{section} cannot run: 127.0.0.1:{port}: cannot listen: the address is in use; "
        f"{variable} names another port for the metrics, 0 = a free one\n"
    )


@pytest.mark.parametrize(("section", "taken"), [(section, port) for section, ports in PORTS.items() for port in ports])
def test_a_port_that_is_taken_ends_every_process_with_a_sentence_and_exit_1(
    section: str, taken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {f"SOLQUOTE_{section.upper()}_{port}": "0" for port in PORTS[section]}
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        environ |= {f"SOLQUOTE_{section.upper()}_{taken}": str(port), "SOLQUOTE_DATA_DIR": str(tmp_path)}
        code, said = ends(section, environ | {"SOLQUOTE_SHM_DIR": str(tmp_path / "shm")}, monkeypatch, capsys)
    assert code == EXIT_FAILED
    assert said.endswith(f"{section} cannot run: 127.0.0.1:{port}: cannot listen: the address is in use\n")


@pytest.mark.parametrize("section", ["local_quote", "external_quote", "aggregator"])
def test_a_quote_service_that_other_machines_could_ask_without_a_name_does_not_start(
    section: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = ends(section, {"SOLQUOTE_HOST": "0.0.0.0"}, monkeypatch, capsys)
    assert code == EXIT_BAD_SETTINGS
    assert f"{section} cannot start:\nSOLQUOTE_HOST: 0.0.0.0 is reached from other machines" in said
    assert all(name in said for name in ("SOLQUOTE_ACCESS_FILE", "SOLQUOTE_TLS_CLIENT_CA", "SOLQUOTE_OPEN_TO_ALL=true"))


@pytest.mark.parametrize("host", ["nonsense.invalid", "192.0.2.1"])
@pytest.mark.parametrize("section", ["local_quote", "external_quote", "aggregator"])
def test_a_host_that_is_not_this_machine_ends_a_quote_service_with_a_sentence_and_exit_1(
    section: str, host: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = ends(section, {"SOLQUOTE_HOST": host, "SOLQUOTE_OPEN_TO_ALL": "true"}, monkeypatch, capsys)
    assert code == EXIT_FAILED
    assert re.search(rf"{section} cannot run: {host}:\d+: cannot listen: it is no address.*\n$", said)


@pytest.mark.parametrize("section", ON_THE_BUS)
def test_credentials_that_are_not_there_end_every_process_on_the_bus_with_a_sentence_and_exit_2(
    section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {
        "SOLQUOTE_NATS_CREDENTIALS": str(tmp_path / "absent"),
        "SOLQUOTE_DATA_DIR": str(tmp_path),
        "SOLQUOTE_SHM_DIR": str(tmp_path),
        "SOLQUOTE_SYSTEM_MANAGER_HTTP_PORT": "0",
    }
    code, said = ends(section, environ, monkeypatch, capsys)
    assert code == EXIT_BAD_SETTINGS
    assert said.endswith(f"{section} cannot start:\nSOLQUOTE_NATS_CREDENTIALS: {tmp_path}/absent is not there\n")


@pytest.mark.parametrize("section", READS_TOKENS)
def test_a_token_registry_that_is_not_there_ends_a_process_with_a_sentence_and_exit_1(
    section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"SOLQUOTE_TOKENS_PATH": str(tmp_path / "absent"), "SOLQUOTE_DATA_DIR": str(tmp_path)}
    code, said = ends(section, environ, monkeypatch, capsys)
    assert code == EXIT_FAILED
    assert said.endswith(f"{section} cannot run: tokens_path: {tmp_path}/absent: No such file or directory\n")


def test_every_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SOLQUOTE_SAMPLE_COUNT", "many")
    monkeypatch.setenv("SOLQUOTE_SAMPLE_COUNTT", "1")

    async def never(*_: object) -> None:
        raise AssertionError("must not run")

    with pytest.raises(SystemExit) as end:
        run_process("sample", Settings, never)
    assert end.value.code == EXIT_BAD_SETTINGS
    said = capsys.readouterr().err
    assert "sample cannot start:" in said
    assert "SOLQUOTE_SAMPLE_COUNT:" in said
    assert "SOLQUOTE_SAMPLE_COUNTT: no such setting; did you mean SOLQUOTE_SAMPLE_COUNT?" in said


async def take_a_taken_port(_: Path) -> None:
    raise ProviderUnavailable("127.0.0.1:9091", "the address is in use or cannot be bound")


async def read_a_folder(folder: Path) -> None:
    folder.read_bytes()


@pytest.mark.parametrize(
    ("work", "sentence"),
    [
        (take_a_taken_port, "127.0.0.1:9091: the address is in use or cannot be bound\n"),
        (read_a_folder, "{folder}: Is a directory\n"),
    ],
)
def test_what_keeps_a_process_from_running_is_one_sentence_and_exit_1(
    work: Callable[[Path], Coroutine[None, None, None]],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def run(_platform: PlatformSettings, _settings: Settings, stop: asyncio.Event) -> None:
        await work_until_told(
            work(tmp_path), stop=stop, condition=lambda: Condition(is_ready=False, line="starting"), metrics=page()
        )

    with pytest.raises(SystemExit) as end:
        run_process("sample", Settings, run)
    assert end.value.code == EXIT_FAILED
    assert capsys.readouterr().err.endswith("sample cannot run: " + sentence.format(folder=tmp_path))


def test_the_first_signal_stops_the_work_and_lets_it_finish() -> None:
    seen: list[str] = []
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]

    async def finish_in_hand() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.sleep(DEADLINE_S)
        except asyncio.CancelledError:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await for_ever()
            seen.append("finished")
            raise

    async def run(_platform: PlatformSettings, settings: Settings, stop: asyncio.Event) -> None:
        await work_until_told(
            finish_in_hand(), stop=stop, condition=lambda: Condition(is_ready=True, line=""), metrics=page()
        )
        seen.append("stopped")

    run_process("sample", Settings, run)
    assert seen == ["finished", "stopped"]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


FINISHING = """
import asyncio, time
from quote_core.health import Condition
from quote_core.process import run_process, work_until_told
from quote_core.settings import ServiceSettings
from quote_core.telemetry.metrics import MetricsPage

class Settings(ServiceSettings):
    section = "sample"
    metrics_port: int = 0

async def work():
    print("working", flush=True)
    try:
        await asyncio.sleep(3600)
    finally:
        print("finishing", flush=True)
        {finishing}

async def run(platform, settings, stop):
    well = lambda: Condition(is_ready=True, line="")
    await work_until_told(work(), stop=stop, condition=well, metrics=MetricsPage(Settings()))

run_process("sample", Settings, run)
"""


@pytest.mark.parametrize("finishing", ["await asyncio.sleep(3600)", "time.sleep(3600)", "while True: pass"])
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_process_at_once_even_where_its_loop_is_stuck(
    finishing: str, second: signal.Signals
) -> None:
    script = FINISHING.format(finishing=finishing)
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert process.stdout.readline() == "working\n"
            process.send_signal(signal.SIGTERM)
            assert process.stdout.readline() == "finishing\n"
            process.send_signal(second)
            assert process.wait(DEADLINE_S) == EXIT_BY_SIGNAL + second
            assert process.stderr.read().endswith(f"sample ends at once: {second.name} again\n")
        finally:
            process.kill()


def test_what_is_imported_is_left_out_of_collections_while_the_process_runs() -> None:
    frozen: list[int] = []

    async def serve(platform: PlatformSettings, settings: Settings, stop: asyncio.Event) -> None:
        frozen.append(gc.get_freeze_count())

    run_process("sample", Settings, serve)
    assert frozen[0] > gc.get_freeze_count() == 0
