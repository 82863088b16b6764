"""What may be set about the auditor."""

from typing import ClassVar

from pydantic import Field

from quote_core.settings import Duration, Port, ServiceSettings, metrics_port_field

__all__ = ["AuditorSettings"]


class AuditorSettings(ServiceSettings):
    """Section `auditor`."""

    section: ClassVar[str] = "auditor"

    metrics_port: Port = metrics_port_field(9108)
    snapshot_interval_min: Duration = Field("500ms", gt=0, description="P&L is published at most this often")
    snapshot_interval_max: Duration = Field("5s", gt=0, description="and at least this often")
