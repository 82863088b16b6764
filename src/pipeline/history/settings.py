"""What may be set about the history."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from quote_core.events.subjects import Stream
from quote_core.settings import DatabaseUrl, Duration, FilePath, PlatformSettings, ServiceSettings

__all__ = ["HistorySettings"]


def _streams(value: object) -> object:
    return value.replace(",", " ").upper().split() if isinstance(value, str) else value


class HistorySettings(ServiceSettings):
    """Section `history`: the auditor writes it, the command line reads it."""

    section: ClassVar[str] = "history"

    enabled: bool = Field(True, description="Whether the auditor writes trades and events into a database")
    url: DatabaseUrl = Field(
        "",
        description="Where: postgresql://user@host:port/name or sqlite:////file; empty = history.db in the data folder",
    )
    password_file: FilePath | None = Field(
        None, description="File with the password for the URL's user, which so stays out of the environment"
    )
    event_streams: Annotated[tuple[Stream, ...], BeforeValidator(_streams)] = Field(
        (Stream.EXECUTED, Stream.PLANNED, Stream.SYSTEM, Stream.DEAD_LETTERS),
        description="Streams of which every event is kept as it is",
    )
    trades_keep: Duration = Field("2160h", description="Trades and their routes are deleted after this; 0s = never")
    events_keep: Duration = Field("720h", description="Events are deleted after this; 0s = never")
    metrics_keep: Duration = Field("720h", description="The services' work is deleted after this; 0s = never")
    sqlite_max_bytes: int = Field(
        4 * 1024**3,
        ge=1024**2,
        description="With more in the file the oldest events are deleted, then the oldest trades",
    )
    metrics_span: Duration = Field(
        "1m",
        ge=1_000_000_000,
        description="The services' work is added up over this; raw reports are in METRICS for a day",
    )

    def data_folder_bytes_max(self) -> int:
        """What the history may take of the disk that streams and journal are on."""
        return self.sqlite_max_bytes if self.enabled and not self.url else 0

    def database_url(self, platform: PlatformSettings) -> str:
        """Where the database is."""
        return self.url or f"sqlite:///{self.sqlite_path(platform)}"

    def sqlite_path(self, platform: PlatformSettings) -> Path:
        """The file that is used without a URL."""
        return platform.data_folder() / "history.db"
