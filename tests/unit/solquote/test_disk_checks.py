"""What `doctor` says of the disk."""

import subprocess
from collections import namedtuple
from pathlib import Path

import pytest

from pipeline.event_logger.settings import EventLoggerSettings
from pipeline.history.settings import HistorySettings
from quote_core.settings import PlatformSettings
from solquote.checks import DoctorFinding, DoctorVerdict
from solquote.disk_checks import check_disk

Usage = namedtuple("Usage", "total used free")


def checked(folder: Path, *, has_history: bool = True) -> dict[str, DoctorFinding]:
    history = HistorySettings(enabled=has_history)
    findings = check_disk(PlatformSettings(data_dir=folder), EventLoggerSettings(), history)
    return {finding.subject: finding for finding in findings}


def free(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**13, 10**13 - free_bytes, free_bytes))


def test_a_large_disk_is_well_and_the_need_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 10**12)
    found = checked(tmp_path)["disk"]
    assert found.verdict is DoctorVerdict.OK
    assert "fill 63.9 GB" in found.detail
    assert "fill 59.6 GB" in checked(tmp_path, has_history=False)["disk"].detail


def test_a_small_disk_is_a_warning_that_says_how_long_it_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 20 * 10**9)
    found = checked(tmp_path)["disk"]
    assert found.verdict is DoctorVerdict.WARNING
    assert "EXECUTED 1.12 days" in found.mend
    assert "EXECUTED 1.81 days" in checked(tmp_path, has_history=False)["disk"].mend


def test_quote_files_in_memory_are_well_and_elsewhere_a_warning(tmp_path: Path) -> None:
    in_memory = next(
        Path(point)
        for _, point, kind, *_ in map(str.split, Path("/proc/self/mounts").read_text().splitlines())
        if kind == "tmpfs"
    )
    well = tmpfs_finding(in_memory / "not" / "yet")
    assert well.verdict is DoctorVerdict.OK
    assert "not/yet on tmpfs: " in well.detail
    disk = tmpfs_finding(Path("/proc/self"))
    assert disk.verdict is DoctorVerdict.WARNING
    assert "on proc: " in disk.detail
    assert "unset SOLQUOTE_SHM_DIR" in disk.mend


def test_the_room_quote_files_take_is_that_of_their_setting(tmp_path: Path) -> None:
    assert tmpfs_finding(tmp_path).detail.endswith("the quote files take 577.7 kB")
    assert tmpfs_finding(tmp_path, shm_entry_count=65_535, shm_slot_count=65_536).detail.endswith("take 25.2 MB")


def tmpfs_finding(shm_dir: Path, **sizes: int) -> DoctorFinding:
    platform = PlatformSettings(data_dir=Path("/tmp"), shm_dir=shm_dir, **sizes)
    found = check_disk(platform, EventLoggerSettings(), HistorySettings())
    return next(finding for finding in found if finding.subject == "tmpfs")


def test_a_journal_that_can_be_written_is_well_also_before_it_is_there(tmp_path: Path) -> None:
    assert checked(tmp_path / "not/yet")["journal"].verdict is DoctorVerdict.OK


def test_a_full_disk_fails(tmp_path: Path) -> None:
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(tmp_path)]
    mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"needs a file system that can be filled, and may mount none here: {mounted.stderr.strip()}")
    try:
        found = checked(tmp_path)["journal"]
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)
    assert found.verdict is DoctorVerdict.FAILED
    assert "No space left" in found.detail
