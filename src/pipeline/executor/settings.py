"""What may be set about the executor."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from pipeline.executor.maxima import DAILY_LOSS_LAMPORTS_MAX, PAIR_EXPOSURE_LAMPORTS_MAX, TRADES_PER_MINUTE_MAX
from pipeline.executor.memory import REMEMBERED_NS, RETURN_GRACE_NS
from quote_core.freshness import FRESH
from quote_core.settings import Duration, PlatformSettings, Port, ServiceSettings, metrics_port_field
from quote_core.units import BPS, Pubkey

if TYPE_CHECKING:
    from pipeline.executor.guards import GuardLimits
    from pipeline.executor.hard_stops import HardLimits
    from pipeline.executor.paper_model import PaperModel

__all__ = ["ExecutorSettings"]

LANDING_NS_MAX: Final = 60_000_000_000
"""Of a blockhash: later than about this no transaction lands."""


class ExecutorSettings(ServiceSettings):
    """Section `executor`."""

    section: ClassVar[str] = "executor"

    metrics_port: Port = metrics_port_field(9109)
    mode: Literal["paper", "live"] = Field("paper", description="paper: fill against current pool state, send nothing")
    plan_age_max: Duration = Field("5s", gt=0, description="Older plans are refused")
    state_age_max: Duration = Field(
        FRESH, gt=0, description="A plan whose pool state was not vouched for within this, now, is refused"
    )
    plan_lifetime_max: Duration = Field("60s", gt=0, description="A plan that gives itself longer is refused")
    amount_min_lamports: int = Field(1_000, ge=1, description="Smallest trade")
    amount_max_lamports: int = Field(10**13, ge=1, description="Largest trade")
    price_band_bps: int = Field(1_000, ge=1, le=BPS, description="How far the output may be from the input")
    slippage_max_bps: int = Field(100, ge=0, le=BPS, description="Largest tolerance below the expected output")
    tip_max_lamports: int = Field(10_000_000, ge=0, description="Largest tip a plan may give")
    priority_fee_max_lamports: int = Field(10_000_000, ge=0, description="Largest priority fee a plan may give")
    loss_max_lamports: int = Field(
        0, ge=0, description="What a plan's least output may lose after all costs; 0 = it must pay them"
    )
    pool_rest: Duration = Field(
        "1s",
        le=REMEMBERED_NS,
        description="A pool just traded is not traded again within this time, by any executor; 0 = it may",
    )
    trades_per_minute_max: int = Field(
        600,
        ge=1,
        le=TRADES_PER_MINUTE_MAX,
        description="Hard stop: plans begun within a minute, by all executors together",
    )
    pair_exposure_max_lamports: int = Field(
        10**13,
        ge=1,
        le=PAIR_EXPOSURE_LAMPORTS_MAX,
        description="Hard stop: lamports in one pair at once, of all executors together",
    )
    daily_loss_max_lamports: int = Field(
        10_000_000_000,
        ge=1,
        le=DAILY_LOSS_LAMPORTS_MAX,
        description="Hard stop: a loss of the UTC day, of all executors, that ends it; no release resets it",
    )
    paper_naive: bool = Field(
        False,
        description="Fill on paper at once, on pools that nobody else trades and paper leaves as they are: "
        "no taken depth, no latency, no rivals",
    )
    paper_moves_market: bool = Field(
        False,
        description="A fill on paper moves the recorded market (with its rpc_rehearsals); on any other node it cannot",
    )
    paper_landing_min: Duration = Field("400ms", description="A paper transaction lands at the earliest after this")
    paper_landing_max: Duration = Field("1200ms", le=LANDING_NS_MAX, description="and at the latest after this")
    paper_rival_first_bps: int = Field(
        5_000, ge=0, le=BPS, description="Of so many landings in 10,000 a rival is first; 0 = never"
    )
    paper_seed: int = Field(0, ge=0, le=2**64 - 1, description="Of the draws of latency and rivals")
    concurrency: int = Field(8, ge=1, le=256, description="Plans executed at once")
    in_flight_max: Duration = Field(
        "30s",
        gt=0,
        description="A plan taken is concluded within this; a little later another executor does it",
    )
    stop_grace: Duration = Field(
        "30s",
        description="Told to stop, what is in hand may take this long to end, and no longer than in_flight_max",
    )
    simulation_timeout: Duration = Field("500ms", gt=0, description="Longest wait for the local quote service")

    @field_validator("mode")
    @classmethod
    def _only_paper(cls, mode: str) -> str:
        if mode == "live":
            raise ValueError("live execution is not built yet; only paper is")
        return mode

    @model_validator(mode="after")
    def _paper_lands_in_time(self) -> Self:
        if self.paper_landing_min > self.paper_landing_max:
            raise ValueError("paper_landing_min must not be above paper_landing_max")
        if not self.paper_naive and self.paper_landing_max >= self.in_flight_max:
            raise ValueError("paper_landing_max must be below in_flight_max, or no plan is ever concluded")
        return self

    def paper_model(self) -> "PaperModel":
        """What the draws of paper trading are made from."""
        from pipeline.executor.paper_model import PaperModel  # noqa: PLC0415  # who only reads settings waits for no bus

        return PaperModel(
            landing_ns_min=self.paper_landing_min,
            landing_ns_max=self.paper_landing_max,
            rival_first_bps=self.paper_rival_first_bps,
            seed=self.paper_seed,
        )

    def hard_limits(self) -> "HardLimits":
        """The hard stops' limits."""
        from pipeline.executor.hard_stops import HardLimits  # noqa: PLC0415  # who only reads settings waits for no bus

        return HardLimits(
            trades_per_minute_max=self.trades_per_minute_max,
            pair_exposure_lamports_max=self.pair_exposure_max_lamports,
            daily_loss_lamports_max=self.daily_loss_max_lamports,
            open_ns_max=self.in_flight_max + RETURN_GRACE_NS,
        )

    def log_folder(self, platform: PlatformSettings) -> Path:
        """Where executors keep endings until they are stored."""
        return platform.data_folder() / "executor"

    def guard_limits(self, *, sol_mint: Pubkey) -> "GuardLimits":
        """The guards' limits."""
        from pipeline.executor.guards import GuardLimits  # noqa: PLC0415  # who only reads settings waits for no bus

        return GuardLimits(
            plan_age_ns_max=self.plan_age_max,
            state_age_ns_max=self.state_age_max,
            plan_lifetime_ns_max=self.plan_lifetime_max,
            amount_lamports_min=self.amount_min_lamports,
            amount_lamports_max=self.amount_max_lamports,
            price_band_bps=self.price_band_bps,
            slippage_bps_max=self.slippage_max_bps,
            tip_lamports_max=self.tip_max_lamports,
            priority_fee_lamports_max=self.priority_fee_max_lamports,
            loss_lamports_max=self.loss_max_lamports,
            sol_mint=sol_mint,
        )
