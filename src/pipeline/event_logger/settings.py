"""What may be set about the event logger."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from pipeline.event_logger.journal import JournalBounds
from quote_core.settings import Duration, FilePath, PlatformSettings, Port, ServiceSettings, metrics_port_field

__all__ = ["EventLoggerSettings"]


class EventLoggerSettings(ServiceSettings):
    """Section `event_logger`."""

    section: ClassVar[str] = "event_logger"

    metrics_port: Port = metrics_port_field(9107)
    journal_dir: FilePath | None = Field(None, description="Folder of the journal; unset = journal in the data folder")
    segment_max_bytes: int = Field(64 * 1024 * 1024, ge=4_096, description="A file of the journal is full at this size")
    segment_count_max: int = Field(64, ge=2, description="With more files than this the oldest is deleted")
    fsync: Literal["always", "interval", "never"] = Field(
        "interval", description="When the journal is forced to disk: with each batch, each fsync_interval, or never"
    )
    fsync_interval: Duration = Field("200ms", gt=0, description="For fsync = interval")

    def journal_folder(self, platform: PlatformSettings) -> Path:
        """Where the journal is."""
        return self.journal_dir or platform.data_folder() / "journal"

    def bounds(self) -> JournalBounds:
        """The journal's bounds."""
        return JournalBounds(segment_bytes_max=self.segment_max_bytes, segment_count_max=self.segment_count_max)
