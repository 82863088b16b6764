"""What may be set about the system manager."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from quote_core.settings import Duration, FilePath, Host, PlatformSettings, Port, ServiceSettings, metrics_port_field

if TYPE_CHECKING:
    from pipeline.system_manager.rules import Limits

__all__ = ["SystemManagerSettings"]


class SystemManagerSettings(ServiceSettings):
    """Section `system_manager`."""

    section: ClassVar[str] = "system_manager"

    metrics_port: Port = metrics_port_field(9106)
    http_host: Host = Field("127.0.0.1", description="Address the kill switch's HTTP API listens on")
    http_port: Port = Field(9091, description="Port of the kill switch's HTTP API")
    token_file: FilePath | None = Field(
        None, description="File with the API's token, mode 0600; unset = kill-switch.token in the data folder"
    )
    heartbeat_interval: Duration = Field("500ms", gt=0, description="How often the manager says that it lives")
    restate_after: Duration = Field(
        "24h",
        gt=0,
        description="The latched state is written anew when its event is this old, long before the stream drops it",
    )
    takes_over: str = Field(
        "",
        pattern="^([0-9a-f]{32})?$",
        description="Name of the bus's former system manager, of another data folder, which is gone for good",
    )
    quote_watch_interval: Duration = Field(
        "1s", gt=0, description="How often the quote services and the Solana node are looked at"
    )
    error_rate_max: float = Field(0.5, gt=0, le=1, description="Share of a service's work that may fail")
    rpc_failure_rate_max: float = Field(0.8, gt=0, le=1, description="Share of a service's RPC calls that may fail")
    rate_window: Duration = Field("60s", gt=0, description="What those shares are measured over")
    rate_count_min: int = Field(30, ge=1, description="Fewer events than this make no share")
    memory_max: float = Field(0.9, gt=0, le=1, description="Share of its memory limit a service may use")
    slot_drift_max: int = Field(300, ge=1, description="Slots a service may be behind the chain")
    failed_trade_count_max: int = Field(10, ge=1, description="Trades that may fail within failed_trade_window")
    failed_trade_window: Duration = Field("5m", gt=0, description="What failed trades are counted over")
    drawdown_max: float = Field(0.1, gt=0, le=1, description="Share of its highest that equity may fall")
    daily_loss_max_lamports: int = Field(5_000_000_000, ge=1, description="Loss of a UTC day that stops trading")
    journal_grace: Duration = Field(
        "10s", gt=0, description="Trading stops when the event logger has not been able to write for longer than this"
    )
    success_within: Duration = Field(
        "6h",
        description="Trading stops when trades are begun and none has succeeded for this long; 0 = it does not",
    )
    success_trade_count_min: int = Field(
        20, ge=1, description="Fewer trades than this that came to nothing in a row say nothing of that"
    )
    anomaly_z_max: float = Field(
        0,
        ge=0,
        le=1_000,
        description="Robust z-score of error rate, latency or profit that stops trading, e.g. 8; 0 = none does",
    )
    anomaly_interval: Duration = Field("60s", gt=0, description="What one value of those figures is measured over")
    anomaly_window_count: int = Field(
        60,
        ge=8,
        le=10_000,
        description="Such values that the next is compared with; judged once there are half of them",
    )

    def token_path(self, platform: PlatformSettings) -> Path:
        """Where the token is."""
        return self.token_file or platform.data_folder() / "kill-switch.token"

    def limits(self, platform: PlatformSettings) -> "Limits":
        """The rules' limits."""
        from pipeline.system_manager.rules import Limits  # noqa: PLC0415  # who only reads settings waits for no bus

        return Limits(
            error_rate_fraction_max=self.error_rate_max,
            rpc_failure_fraction_max=self.rpc_failure_rate_max,
            memory_fraction_max=self.memory_max,
            slot_drift_max=self.slot_drift_max,
            failed_trade_count_max=self.failed_trade_count_max,
            drawdown_fraction_max=self.drawdown_max,
            daily_loss_lamports_max=self.daily_loss_max_lamports,
            capital_lamports=platform.trading_capital_lamports,
            rate_window_ns=self.rate_window,
            failed_window_ns=self.failed_trade_window,
            sample_count_min=self.rate_count_min,
            journal_grace_ns=self.journal_grace,
            success_within_ns=self.success_within,
            success_trade_count_min=self.success_trade_count_min,
            anomaly_z_max=self.anomaly_z_max,
            anomaly_window_count=self.anomaly_window_count,
            anomaly_interval_ns=self.anomaly_interval,
        )
