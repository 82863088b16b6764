"""The event logger as a process against a real server: killed at any moment, its journal has no gap and no repeat."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from fakes import numbered_events
from fakes.nats_server import NatsServer
from fakes.waiting import DEADLINE_S, eventually

from pipeline.event_logger import replay, verify
from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from pipeline.system_manager.rules import Rules
from pipeline.system_manager.settings import SystemManagerSettings
from quote_core.bus import Bus, connect
from quote_core.events import Lifecycle, ServiceHealth, decode
from quote_core.settings import PlatformSettings

pytestmark = pytest.mark.integration


@contextmanager
def running_logger(url: str, journal: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "SOLQUOTE_NATS_URL": url,
        "SOLQUOTE_EVENT_LOGGER_JOURNAL_DIR": str(journal),
        "SOLQUOTE_LOG_LEVEL": "error",
    }
    process = subprocess.Popen([sys.executable, "-m", "pipeline.event_logger"], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


publish = partial(numbered_events.publish, detail="x" * 200)


def numbers(journal: Path) -> list[int]:
    events = [decode(entry.payload) for entry in replay(journal, subject="system.lifecycle.*")]
    return [event.pid for event in events if isinstance(event, Lifecycle)]


async def test_killed_again_and_again_it_misses_nothing_and_repeats_nothing(
    bus: Bus, nats_url: str, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    published = 0
    for _ in range(4):
        with running_logger(nats_url, journal) as process:
            seen_before = len(numbers(journal))
            for _ in range(100):
                await publish(bus, published)
                published += 1
            await eventually(lambda seen=seen_before: len(numbers(journal)) > seen)
            process.kill()
            process.wait()
    with running_logger(nats_url, journal):
        await eventually(lambda: len(numbers(journal)) >= published)
    assert numbers(journal) == list(range(published))
    found = verify(journal)
    assert (found.findings, found.missed) == ((), ())


async def test_it_writes_on_after_the_server_died(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with running_logger(nats_server.url, journal):
        for number in range(20):
            await publish(bus, number)
        await eventually(lambda: len(numbers(journal)) == 20)
        await nats_server.restart_under(bus)
        for number in range(20, 40):
            await publish(bus, number)
        await eventually(lambda: len(numbers(journal)) == 40)
    assert numbers(journal) == list(range(40))
    assert verify(journal).is_intact


async def test_every_stream_is_written_down(bus: Bus, nats_url: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    subjects = ["market.a", "opportunity.a", "plan.a", "executed.a", "metrics.a", "system.a", "dead.a"]
    with running_logger(nats_url, journal):
        for subject in subjects:
            await bus.publish_bytes(subject, subject.encode(), {})
        await eventually(lambda: len(list(replay(journal))) == len(subjects))
    assert {(entry.subject, entry.payload) for entry in replay(journal)} == {
        (subject, subject.encode()) for subject in subjects
    }


async def test_it_starts_before_the_server_and_a_second_one_is_refused(nats_server: NatsServer, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    nats_server.stop()
    with running_logger(nats_server.url, journal) as first:
        await eventually((journal / "lock").exists)
        with running_logger(nats_server.url, journal) as second:
            assert second.wait(DEADLINE_S) != 0
        nats_server.start()
        async with connect(nats_server.url, name="test") as bus:
            await repair(bus, STREAMS)
            await publish(bus, 1)
            await eventually(lambda: len(numbers(journal)) == 1)
        assert first.poll() is None


async def test_a_folder_deleted_under_it_is_told_and_written_again_from_the_streams(
    bus: Bus, nats_url: str, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    reports: list[ServiceHealth] = []
    await bus.listen("metrics.>", lambda event: reports.append(event) if isinstance(event, ServiceHealth) else None)
    with running_logger(nats_url, journal) as process:
        for number in range(20):
            await publish(bus, number)
        await eventually(lambda: len(numbers(journal)) == 20, deadline_s=DEADLINE_S)
        shutil.rmtree(journal)
        await eventually(lambda: journal.exists() and len(numbers(journal)) == 20, deadline_s=DEADLINE_S)
        await publish(bus, 20)
        await eventually(lambda: numbers(journal) == list(range(21)), deadline_s=DEADLINE_S)
        assert process.poll() is None
        await eventually(lambda: any(report.error_count for report in reports), deadline_s=DEADLINE_S)
    assert verify(journal).is_intact
    assert verify(journal).missed == ()


SMALL_DISK_BYTES = 256 * 1024


@contextmanager
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of `SMALL_DISK_BYTES`."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode != 0:
        pytest.skip(f"needs a file system that can be filled, and may mount none here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_full_disk_is_told_stops_trading_and_costs_no_event_once_there_is_room(
    bus: Bus, nats_url: str, tmp_path: Path
) -> None:
    rules = Rules(SystemManagerSettings().limits(PlatformSettings()), since_unix_ns=0)
    reports: list[ServiceHealth] = []
    await bus.listen("metrics.>", lambda event: reports.append(event) if isinstance(event, ServiceHealth) else None)
    with small_disk(tmp_path) as disk:
        ballast, journal = disk / "ballast", disk / "journal"
        with running_logger(nats_url, journal) as process:
            await publish(bus, 0)
            await eventually(lambda: numbers(journal) == [0])
            fill(ballast)
            for number in range(1, 200):
                await publish(bus, number)
            await eventually(lambda: bool(reports) and reports[-1].unwritten_ms > 0)
            assert "No space left" in reports[-1].detail
            await eventually(lambda: reports[-1].unwritten_ms > 2_000)
            trip = rules.judge_health(replace(reports[-1], unwritten_ms=10_001))
            assert trip is not None
            assert trip.rule == "journal"
            assert process.poll() is None  # it did not fall over
            ballast.unlink()
            await eventually(lambda: reports[-1].unwritten_ms == 0)
            await eventually(lambda: numbers(journal) == list(range(200)))
        assert verify(journal).is_intact
        assert verify(journal).missed == ()


async def test_it_waits_for_a_disk_that_is_full_from_the_start(bus: Bus, nats_url: str, tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk:
        ballast, journal = disk / "ballast", disk / "journal"
        fill(ballast)
        await publish(bus, 7)
        with running_logger(nats_url, journal) as process:
            heard = asyncio.Event()
            await bus.listen(
                "metrics.>",
                lambda event: heard.set() if isinstance(event, ServiceHealth) and event.unwritten_ms else None,
            )
            async with asyncio.timeout(DEADLINE_S):
                await heard.wait()
            ballast.unlink()
            await eventually(lambda: numbers(journal) == [7])
            assert process.poll() is None


def fill(ballast: Path) -> None:
    """Take all the room that is left."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
