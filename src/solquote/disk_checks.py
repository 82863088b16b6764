"""What `solquote doctor` looks at on the disk: room for what is to be kept, and a journal that can be written."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipeline.event_logger.settings import EventLoggerSettings
from pipeline.initializer.sizing import fit, need_bytes, room_at, shortened
from pipeline.initializer.streams import STREAMS
from quote_core.settings import PlatformSettings
from solquote.checks import DoctorFinding, DoctorVerdict

__all__ = ["check_disk"]

PROBE_BYTES: Final = 64 * 1024
"""More than a batch of events; what a journal must at least be able to write."""


def check_disk(platform: PlatformSettings, logger: EventLoggerSettings) -> Iterator[DoctorFinding]:
    """Room for streams and journal, and whether the journal's folder takes a file."""
    folder, bounds = platform.data_folder(), logger.bounds()
    yield _room(folder, bounds.segment_bytes_max * bounds.segment_count_max)
    yield _journal(logger.journal_folder(platform))


def _room(folder: Path, journal_bytes_max: int) -> DoctorFinding:
    held_bytes = sum(path.stat().st_size for path in (folder / "nats").rglob("*.blk"))
    room = room_at(folder, held_bytes=held_bytes, journal_bytes_max=journal_bytes_max)
    assert room.disk_bytes is not None
    need = need_bytes(STREAMS, "file") + room.journal_bytes
    detail = (
        f"{folder}: {_gb(room.disk_bytes)} free or held by streams; at the promised rates streams and journal fill"
        f" {_gb(need)}"
    )
    short = [plan for plan in shortened(fit(STREAMS, room)) if plan.storage == "file"]
    if not short:
        return DoctorFinding(subject="disk", verdict=DoctorVerdict.OK, detail=detail)
    spans = ", ".join(f"{plan.stream} {_span(plan.age_s_at_rate)}" for plan in short)
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
        mend = f"make room ({_gb(shutil.disk_usage(nearest).free)} free), or let its owner write there"
        return DoctorFinding(subject="journal", verdict=DoctorVerdict.FAILED, detail=detail, mend=mend)
    return DoctorFinding(subject="journal", verdict=DoctorVerdict.OK, detail=f"{folder} can be written")


def _gb(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB"


def _span(duration_s: float) -> str:
    for unit_s, unit in ((86_400, "days"), (3_600, "h")):
        if duration_s >= unit_s:
            return f"{duration_s / unit_s:.1f} {unit}"
    return f"{duration_s / 60:.0f} min"
