"""What `solquote doctor` looks at on disk and in memory: room for what is kept, and a journal that can be written."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipeline.event_logger.settings import EventLoggerSettings
from pipeline.history.settings import HistorySettings
from pipeline.initializer.sizing import fit, need_bytes, room_at, shortened
from pipeline.initializer.streams import STREAMS
from quote_core.settings import PlatformSettings
from quote_core.units import NS_PER_S
from shm.files import default_directory
from shm.layout import Role, TableCounts
from solquote.checks import DoctorFinding, DoctorVerdict
from solquote.formatting import size_text, span_text

__all__ = ["check_disk"]

PROBE_BYTES: Final = 64 * 1024
"""More than a batch of events; what a journal must at least be able to write."""


def check_disk(
    platform: PlatformSettings, logger: EventLoggerSettings, history: HistorySettings
) -> Iterator[DoctorFinding]:
    """Room for streams, journal, history and quote files, and whether the journal's folder takes a file."""
    folder, bounds = platform.data_folder(), logger.bounds()
    yield _room(folder, bounds.segment_bytes_max * bounds.segment_count_max, history.data_folder_bytes_max())
    yield _journal(logger.journal_folder(platform))
    counts = TableCounts(platform.shm_entry_count, platform.shm_slot_count)
    yield _memory((platform.shm_dir or default_directory()).absolute(), counts)


def _room(folder: Path, journal_bytes_max: int, history_bytes_max: int) -> DoctorFinding:
    held_bytes = sum(path.stat().st_size for path in (folder / "nats").rglob("*.blk"))
    room = room_at(
        folder, held_bytes=held_bytes, journal_bytes_max=journal_bytes_max, history_bytes_max=history_bytes_max
    )
    assert room.disk_bytes is not None
    need = need_bytes(STREAMS, "file") + room.journal_bytes + room.history_bytes
    detail = (
        f"{folder}: {size_text(room.disk_bytes)} free or held by streams; at the promised rates streams,"
        f" journal and history fill {size_text(need)}"
    )
    short = [plan for plan in shortened(fit(STREAMS, room)) if plan.storage == "file"]
    if not short:
        return DoctorFinding(subject="disk", verdict=DoctorVerdict.OK, detail=detail)
    spans = ", ".join(f"{plan.stream} {span_text(round(plan.age_s_at_rate * NS_PER_S))}" for plan in short)
    mend = f"free some, or name a larger disk with SOLQUOTE_DATA_DIR; as it is they keep {spans}"
    return DoctorFinding(subject="disk", verdict=DoctorVerdict.WARNING, detail=detail, mend=mend)


def _journal(folder: Path) -> DoctorFinding:
    """Write what the logger writes: some file systems have room by their own account, and none for us."""
    nearest = folder
    while not nearest.exists():
        nearest = nearest.parent
    try:
        with tempfile.TemporaryFile(dir=nearest, prefix="doctor.") as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        detail = f"{folder} cannot be written: {error.strerror}; trading stops when that lasts"
        mend = f"make room ({size_text(shutil.disk_usage(nearest).free)} free), or let its owner write there"
        return DoctorFinding(subject="journal", verdict=DoctorVerdict.FAILED, detail=detail, mend=mend)
    return DoctorFinding(subject="journal", verdict=DoctorVerdict.OK, detail=f"{folder} can be written")


_MOUNTS: Final = Path("/proc/self/mounts")
_IN_MEMORY: Final = {"tmpfs", "ramfs"}


def _memory(folder: Path, counts: TableCounts) -> DoctorFinding:
    """Where the quote files are; `places` says it when they have no room there."""
    kind, nearest = _file_system_of(folder), folder
    while not nearest.exists():
        nearest = nearest.parent
    detail = (
        f"{folder} on {kind}: {size_text(shutil.disk_usage(nearest).free)} free, the quote files take"
        f" {size_text(counts.file_bytes * len(Role))}"
    )
    if kind in _IN_MEMORY:
        return DoctorFinding(subject="tmpfs", verdict=DoctorVerdict.OK, detail=detail)
    mend = "unset SOLQUOTE_SHM_DIR, or name a folder on tmpfs: elsewhere the kernel makes the writer wait for the disk"
    return DoctorFinding(subject="tmpfs", verdict=DoctorVerdict.WARNING, detail=detail, mend=mend)


def _file_system_of(path: Path) -> str:
    """The kind of the file system that `path` is on, or would be."""
    kinds = {}
    for line in os.fsdecode(_MOUNTS.read_bytes()).splitlines():
        _, point, kind, *_ = line.split(" ")
        kinds[Path(point.replace("\\040", " "))] = kind
    resolved = path.resolve()
    return next(kinds[folder] for folder in (resolved, *resolved.parents) if folder in kinds)
