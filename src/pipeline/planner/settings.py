"""What may be set about the planner."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from quote_core.errors import InvalidField
from quote_core.freshness import FRESH
from quote_core.settings import Duration, Port, ServiceSettings, metrics_port_field
from quote_core.tokens import checked_mint
from quote_core.units import BPS, LAMPORTS_PER_SOL, Pubkey

if TYPE_CHECKING:
    from pipeline.planner.factors import PlanLimits

__all__ = ["PlannerSettings"]


class PlannerSettings(ServiceSettings):
    """Section `planner`: which opportunities become plans, and how long those hold."""

    section: ClassVar[str] = "planner"

    metrics_port: Port = metrics_port_field(9110)
    gross_profit_bps_min: int = Field(50, ge=0, description="Least profit before costs")
    net_profit_bps_min: int = Field(30, ge=0, description="Least profit after all costs")
    gross_profit_bps_max: int = Field(1_000, ge=0, description="A higher profit is too good to be true")
    confidence_above: float = Field(0.7, ge=0, le=1, description="Confidence must be above this")
    opportunity_age_max: Duration = Field("2s", description="An opportunity must be younger")
    quote_age_max: Duration = Field(FRESH, description="Its quotes must have been vouched for within this")
    amount_lamports_min: int = Field(1_000, ge=1, description="Least amount")
    amount_lamports_max: int = Field(10_000 * LAMPORTS_PER_SOL, ge=1, description="Largest amount")
    slippage_bps_below: int = Field(100, ge=1, description="Price impact of all hops must be below this")
    risk_below: float = Field(0.5, ge=0, le=1, description="Risk score must be below this")
    pool_state_age_max: Duration = Field(FRESH, description="A pool not vouched for within this is not healthy")
    blocked_pools: str = Field("", description="Pool addresses never traded with, separated by commas")
    slippage_tolerance_bps: int = Field(
        20, ge=0, le=BPS, description="How much less than simulated may come back; never less than breaks even"
    )
    simulation_timeout: Duration = Field("200ms", gt=0, description="Longest wait for one simulation")
    plan_lifetime: Duration = Field("5s", gt=0, description="A plan must be started within this")
    concurrency: int = Field(16, ge=1, le=256, description="Opportunities looked at at once")

    @field_validator("blocked_pools")
    @classmethod
    def _are_addresses(cls, text: str) -> str:
        try:
            _addresses(text)
        except InvalidField as error:
            raise ValueError(error.rule) from None
        return text

    def limits(self) -> "PlanLimits":
        """The settings as the factors take them."""
        from pipeline.planner.factors import PlanLimits  # noqa: PLC0415  # who only reads settings waits for no bus

        return PlanLimits(
            gross_profit_bps_min=self.gross_profit_bps_min,
            net_profit_bps_min=self.net_profit_bps_min,
            gross_profit_bps_max=self.gross_profit_bps_max,
            confidence_bps_above=round(self.confidence_above * BPS),
            opportunity_age_ns_max=self.opportunity_age_max,
            quote_age_ns_max=self.quote_age_max,
            amount_lamports_min=self.amount_lamports_min,
            amount_lamports_max=self.amount_lamports_max,
            slippage_bps_below=self.slippage_bps_below,
            risk_below=self.risk_below,
            pool_state_age_ns_max=self.pool_state_age_max,
            blocked_pools=_addresses(self.blocked_pools),
        )


def _addresses(text: str) -> frozenset[Pubkey]:
    pools = (pool.strip() for pool in text.split(","))
    return frozenset(checked_mint(pool, field="blocked_pools") for pool in pools if pool)
