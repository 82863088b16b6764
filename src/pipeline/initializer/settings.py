"""What may be set about the initializer."""

from typing import ClassVar

from pydantic import Field

from quote_core.settings import Duration, Port, ServiceSettings, metrics_port_field

__all__ = ["InitializerSettings"]


class InitializerSettings(ServiceSettings):
    """Section `initializer`."""

    section: ClassVar[str] = "initializer"

    metrics_port: Port = metrics_port_field(9105)
    watch: bool = Field(True, description="Keep looking after the streams; false = make them once and exit")
    replicas: int = Field(
        0, ge=0, le=5, description="On how many servers of a cluster each stream is kept; 0 = one, or as it is"
    )
    watch_interval: Duration = Field("5s", description="How often the streams are looked at", gt=0)
