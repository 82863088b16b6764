import asyncio
import gc
import os
import signal
import socket
from pathlib import Path

import pytest

from quote_core.errors import ProviderUnavailable
from quote_core.serving import report_until, run_service
from quote_core.serving.process import EXIT_BAD_SETTINGS, EXIT_FAILED
from quote_core.settings import PlatformSettings, ServiceSettings


class Settings(ServiceSettings):
    section = "sample"

    count: int = 1


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(tmp_path / "notify"))
    listener.settimeout(60.0)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    return listener


def told(supervisor: socket.socket) -> list[str]:
    return supervisor.recv(4096).decode().splitlines()


async def test_supervisor_hears_status_then_ready_then_stopping(supervisor: socket.socket) -> None:
    stop, is_ready = asyncio.Event(), False
    changes: list[bool] = []

    async def on_change(ready: bool) -> None:
        changes.append(ready)
        stop.set()

    async def report() -> None:
        await report_until(stop, is_ready=lambda: is_ready, status=lambda: "12 rows", on_change=on_change)

    reporting = asyncio.create_task(report())
    assert await asyncio.to_thread(told, supervisor) == ["STATUS=12 rows", "WATCHDOG=1"]
    assert changes == []
    is_ready = True
    assert "READY=1" in await asyncio.to_thread(told, supervisor)
    assert await asyncio.to_thread(told, supervisor) == ["STOPPING=1"]
    await reporting
    assert changes == [True]
    supervisor.close()


def test_wrong_setting_ends_with_its_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SOLQUOTE_SAMPLE_COUNT", "many")
    monkeypatch.setenv("SOLQUOTE_SAMPLE_COUNTT", "1")

    async def never(*_: object) -> None:
        raise AssertionError("must not run")

    with pytest.raises(SystemExit) as end:
        run_service("sample", Settings, never)
    assert end.value.code == EXIT_BAD_SETTINGS
    said = capsys.readouterr().err
    assert "sample cannot start:" in said
    assert "SOLQUOTE_SAMPLE_COUNT:" in said
    assert "SOLQUOTE_SAMPLE_COUNTT: no such setting; did you mean SOLQUOTE_SAMPLE_COUNT?" in said


def test_service_that_cannot_run_ends_with_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    async def refuse(platform: PlatformSettings, settings: Settings, stop: asyncio.Event) -> None:
        raise ProviderUnavailable("127.0.0.1:50051", "the address is in use")

    with pytest.raises(SystemExit) as end:
        run_service("sample", Settings, refuse)
    assert end.value.code == EXIT_FAILED
    assert "sample cannot run: 127.0.0.1:50051: the address is in use" in capsys.readouterr().err


def test_signal_sets_the_event_the_service_was_given() -> None:
    seen: list[int] = []

    async def serve(platform: PlatformSettings, settings: Settings, stop: asyncio.Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(stop.wait(), 60.0)
        seen.append(settings.count)

    run_service("sample", Settings, serve)
    assert seen == [1]


def test_what_is_imported_is_left_out_of_collections_while_the_service_runs() -> None:
    frozen: list[int] = []

    async def serve(platform: PlatformSettings, settings: Settings, stop: asyncio.Event) -> None:
        frozen.append(gc.get_freeze_count())

    run_service("sample", Settings, serve)
    assert frozen[0] > gc.get_freeze_count() == 0
