"""Settings of `solquote up` and of the commands that look at what it runs."""

from typing import ClassVar

from pydantic import Field

from quote_core.settings import Duration, Host, Port, ServiceSettings

__all__ = ["UpSettings"]


class UpSettings(ServiceSettings):
    """How the supervisor runs the platform."""

    section: ClassVar[str] = "up"

    nats_host: Host = Field("127.0.0.1", description="Address the embedded NATS server listens on")
    nats_port: Port = Field(4222, description="Port of the embedded NATS server; 0 = any free one")
    nats_monitor_host: Host = Field("127.0.0.1", description="Address of its HTTP monitoring; it asks for no secret")
    nats_monitor_port: Port = Field(8222, description="Port of its HTTP monitoring; 0 = any free one")
    start_time_max: Duration = Field(
        "30s", description="A child that is silent this long before it is healthy is killed and restarted"
    )
    silence_max: Duration = Field("15s", description="A healthy child that is silent this long is killed and restarted")
    stop_time_max: Duration = Field(
        "4s",
        description="All children have ended this long after the request to stop; what the executor has in hand may"
        " take its own time more",
    )
    restart_delay_min: Duration = Field("100ms", description="Wait before the first restart; doubles with each failure")
    restart_delay_max: Duration = Field("10s", description="Longest wait before a restart")
    settled_after: Duration = Field("30s", description="A child that ran this long has its failures forgotten")
    log_size_max_bytes: int = Field(10_000_000, ge=10_000, description="A child's log file is turned over at this size")
    log_count_max: int = Field(3, ge=2, le=100, description="Log files kept of a child, the one being written included")
