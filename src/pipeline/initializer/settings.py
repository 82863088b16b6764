"""What may be set about the initializer."""

from typing import ClassVar

from pydantic import Field

from quote_core.settings import Duration, ServiceSettings

__all__ = ["InitializerSettings"]


class InitializerSettings(ServiceSettings):
    """Section `initializer`."""

    section: ClassVar[str] = "initializer"

    watch: bool = Field(True, description="Keep looking after the streams; false = make them once and exit")
    watch_interval: Duration = Field("5s", description="How often the streams are looked at", gt=0)
