"""What may be set about the scanner."""

from typing import TYPE_CHECKING, ClassVar, Final, Self

from pydantic import Field, model_validator

from quote_core.freshness import FRESH
from quote_core.settings import Duration, Port, ServiceSettings, metrics_port_field
from quote_core.units import BPS

if TYPE_CHECKING:
    from pipeline.scanner.dedupe import ToldLately
    from pipeline.scanner.detect import Thresholds
    from pipeline.scanner.partition import Partition
    from quote_core.clock import Clock

__all__ = ["ScannerSettings"]


_PARTITION_COUNT_MAX: Final = 64


class ScannerSettings(ServiceSettings):
    """Section `scanner`: from where on a finding is told."""

    section: ClassVar[str] = "scanner"

    metrics_port: Port = metrics_port_field(9111)
    gross_profit_bps_min: int = Field(
        50,
        ge=0,
        le=1_000_000,
        description="Least gross profit of a round trip or cycle; a hundred times the amount at most",
    )
    divergence_bps_min: int = Field(100, gt=0, description="Least distance of a quote from its oracle price")
    size_tolerance_bps: int = Field(
        500, ge=0, le=BPS, description="How far the reverse row's size may be from what forward gives"
    )
    source_divergence_bps_min: int = Field(
        100, gt=0, description="Least distance of our quote from a provider's of the same amount"
    )
    cycle_leg_count_max: int = Field(
        4, ge=2, le=4, description="Most legs of a cycle through several pairs, 3 or 4; 2: none are looked for"
    )
    look_time_max: Duration = Field(
        "2ms",
        description="What has not been looked at after this long waits until what changed meanwhile was taken in; "
        "one pair or cycle is looked at in any case",
    )
    dedupe_window: Duration = Field(
        "1s", description="A trip that goes on is told of again after this long; 0s: in every slot"
    )
    dedupe_better_bps: int = Field(
        1_000, ge=0, description="A trip is told of again within the window when its net profit is so much higher"
    )
    quote_age_max: Duration = Field(FRESH, description="Quotes not vouched for within this are not looked at")
    partition_count: int = Field(
        1, ge=1, le=_PARTITION_COUNT_MAX, description="Into how many parts the pairs are divided, one a scanner"
    )
    partition_index: int = Field(0, ge=0, description="Which part is this scanner's, counted from 0")
    lease_duration: Duration = Field(
        "3s",
        ge=2_000_000_000,
        le=60_000_000_000,
        description="A scanner silent for this long gives its part to one that stands by; 2s to 60s",
    )

    @model_validator(mode="after")
    def _part_is_there(self) -> Self:
        if self.partition_index >= self.partition_count:
            last = self.partition_count - 1
            raise ValueError(
                f"partition_index is {self.partition_index}, but of partition_count {self.partition_count} the last is "
                f"{last}; parts are counted from 0"
            )
        return self

    def partition(self) -> "Partition":
        """The part of the pairs that is this scanner's."""
        from pipeline.scanner.partition import Partition  # noqa: PLC0415  # as below

        return Partition(index=self.partition_index, count=self.partition_count)

    def told_lately(self, clock: "Clock") -> "ToldLately":
        """What remembers the trips told of."""
        from pipeline.scanner.dedupe import ToldLately  # noqa: PLC0415  # as below

        return ToldLately(clock, window_ns=self.dedupe_window, better_bps=self.dedupe_better_bps)

    def thresholds(self) -> "Thresholds":
        """The settings as the detection takes them."""
        from pipeline.scanner.detect import Thresholds  # noqa: PLC0415  # who only reads settings waits for no bus

        return Thresholds(
            gross_profit_bps_min=self.gross_profit_bps_min,
            divergence_bps_min=self.divergence_bps_min,
            size_tolerance_bps=self.size_tolerance_bps,
            source_divergence_bps_min=self.source_divergence_bps_min,
        )
