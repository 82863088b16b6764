"""What more than one stage of the pipeline must agree on."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from quote_core.settings import Duration, ServiceSettings
from quote_core.units import BPS

if TYPE_CHECKING:
    from pipeline.costs import CostRates

__all__ = ["CostSettings", "PipelineSettings"]


class PipelineSettings(ServiceSettings):
    """Section `pipeline`: what all stages do alike."""

    section: ClassVar[str] = "pipeline"

    health_interval: Duration = Field("1s", gt=0, description="How often a stage reports its work to METRICS")


class CostSettings(ServiceSettings):
    """Section `costs`: what a round trip costs beside its swaps."""

    section: ClassVar[str] = "costs"

    flash_loan_fee_bps: int = Field(5, ge=0, le=BPS, description="Fee of the flash loan")
    tip_lamports: int = Field(10_000, ge=0, description="Tip for the bundle")
    signature_fee_lamports: int = Field(5_000, ge=0, description="Network fee a signature")
    signature_count: int = Field(1, ge=1, le=16, description="Signatures of a transaction")
    compute_unit_price_micro_lamports: int = Field(0, ge=0, description="Priority fee a compute unit")
    compute_units_base: int = Field(100_000, ge=0, description="Compute units of a transaction without its swaps")
    compute_units_per_hop: int = Field(150_000, ge=0, description="Compute units of one swap")

    def rates(self) -> "CostRates":
        """The settings as the cost formula takes them."""
        from pipeline.costs import CostRates  # noqa: PLC0415  # who only reads settings waits for no bus

        return CostRates(**self.model_dump())
