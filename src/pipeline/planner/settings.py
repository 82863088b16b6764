"""What may be set about the planner."""

from typing import TYPE_CHECKING, ClassVar, Final, Self

from pydantic import Field, field_validator, model_validator

from quote_core.errors import InvalidField
from quote_core.freshness import FRESH
from quote_core.settings import Duration, Port, ServiceSettings, metrics_port_field
from quote_core.tokens import checked_mint
from quote_core.units import BPS, LAMPORTS_PER_SOL, NS_PER_S, U32_MAX, U64_MAX, Pubkey

if TYPE_CHECKING:
    from pipeline.planner.factors import PlanLimits

__all__ = ["PlannerSettings"]

DAY_NS: Final = 86_400 * NS_PER_S


class PlannerSettings(ServiceSettings):
    """Section `planner`: which opportunities become plans, and how long those hold."""

    section: ClassVar[str] = "planner"

    metrics_port: Port = metrics_port_field(9110)
    gross_profit_bps_min: int = Field(50, ge=0, le=U32_MAX, description="Least profit before costs")
    net_profit_bps_min: int = Field(30, ge=0, le=U32_MAX, description="Least profit after all costs")
    net_profit_bps_ceiling: int = Field(
        0,
        ge=0,
        le=U32_MAX,
        description="While few of the plans sent land, the least net profit is raised, at most to this; 0 = never",
    )
    landing_target_bps: int = Field(
        5_000, ge=1, le=BPS, description="With so many in 10,000 landing, or more, it is not raised"
    )
    landing_half_life: Duration = Field(
        "5m", ge=NS_PER_S, le=DAY_NS, description="After this a landing, or a miss, counts half"
    )
    gross_profit_bps_max: int = Field(1_000, ge=0, le=U32_MAX, description="A higher profit is too good to be true")
    confidence_above: float = Field(0.7, ge=0, le=1, description="Confidence must be above this")
    opportunity_age_max: Duration = Field("2s", le=U64_MAX, description="An opportunity must be younger")
    quote_age_max: Duration = Field(FRESH, le=U64_MAX, description="Its quotes must have been vouched for within this")
    amount_lamports_min: int = Field(1_000, ge=1, le=U64_MAX, description="Least amount")
    amount_lamports_max: int = Field(10_000 * LAMPORTS_PER_SOL, ge=1, le=U64_MAX, description="Largest amount")
    slippage_bps_below: int = Field(100, ge=1, le=U32_MAX, description="Price impact of all hops must be below this")
    risk_below: float = Field(0.5, ge=0, le=1, description="Risk score must be below this")
    pool_state_age_max: Duration = Field(
        FRESH, le=U64_MAX, description="A pool not vouched for within this is not healthy"
    )
    blocked_pools: str = Field("", description="Pool addresses never traded with, separated by commas")
    slippage_tolerance_bps: int = Field(
        20, ge=0, le=BPS, description="How much less than simulated may come back; never less than breaks even"
    )
    hop_tolerance_bps: int = Field(
        100, ge=0, le=BPS, description="How much less than simulated a swap before the trip's last may give"
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

    @model_validator(mode="after")
    def _is_raised_and_not_lowered(self) -> Self:
        if 0 < self.net_profit_bps_ceiling < self.net_profit_bps_min:
            raise ValueError("net_profit_bps_ceiling must be 0, or not below net_profit_bps_min")
        return self

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
            net_profit_bps_floor=self.net_profit_bps_min,
            net_profit_bps_ceiling=self.net_profit_bps_ceiling,
            landing_target_bps=self.landing_target_bps,
        )


def _addresses(text: str) -> frozenset[Pubkey]:
    pools = (pool.strip() for pool in text.split(","))
    return frozenset(checked_mint(pool, field="blocked_pools") for pool in pools if pool)
