"""What may be set about the scanner."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from quote_core.freshness import FRESH
from quote_core.settings import Duration, Port, ServiceSettings, metrics_port_field
from quote_core.units import BPS

if TYPE_CHECKING:
    from pipeline.scanner.detect import Thresholds

__all__ = ["ScannerSettings"]


class ScannerSettings(ServiceSettings):
    """Section `scanner`: from where on a finding is told."""

    section: ClassVar[str] = "scanner"

    metrics_port: Port = metrics_port_field(9111)
    gross_profit_bps_min: int = Field(50, ge=0, description="Least gross profit of a round trip")
    divergence_bps_min: int = Field(100, gt=0, description="Least distance of a quote from its oracle price")
    size_tolerance_bps: int = Field(
        500, ge=0, le=BPS, description="How far the reverse row's size may be from what forward gives"
    )
    quote_age_max: Duration = Field(FRESH, description="Quotes not vouched for within this are not looked at")

    def thresholds(self) -> "Thresholds":
        """The settings as the detection takes them."""
        from pipeline.scanner.detect import Thresholds  # noqa: PLC0415  # who only reads settings waits for no bus

        return Thresholds(
            gross_profit_bps_min=self.gross_profit_bps_min,
            divergence_bps_min=self.divergence_bps_min,
            size_tolerance_bps=self.size_tolerance_bps,
        )
