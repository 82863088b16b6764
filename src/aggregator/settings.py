"""Settings of the aggregator, section `aggregator`."""

from typing import ClassVar

from pydantic import Field

from aggregator.confidence import CapLimits
from quote_core.freshness import FRESH
from quote_core.setting_types import Address
from quote_core.settings import (
    Duration,
    Hosts,
    Origins,
    PlatformSettings,
    Port,
    ServiceSettings,
    environment_name,
    metrics_port_field,
)
from quote_core.units import BPS, LAMPORTS_PER_SOL, U64_MAX
from quote_core.watch import watched_row_count

__all__ = ["AggregatorSettings", "too_few_entries"]


def too_few_entries(platform: PlatformSettings, *, pair_count: int) -> str:
    """What is wrong with the quote files' size when they have no room for the platform's own rows; else nothing."""
    watched = watched_row_count(pair_count=pair_count, amount_count=len(platform.watched_amounts))
    if watched <= platform.shm_entry_count:
        return ""
    name = environment_name(platform.section, "shm_entry_count")
    return f"{name}: must be at least {watched}, for watched pairs x amounts both ways, got {platform.shm_entry_count}"


class AggregatorSettings(ServiceSettings):
    """One field a setting; what all services share is in `PlatformSettings`."""

    section: ClassVar[str] = "aggregator"

    metrics_port: Port = metrics_port_field(9104)
    grpc_port: Port = Field(50051, description="Port of the gRPC API")
    http_port: Port = Field(8080, description="Port of the HTTP API")
    cors_origins: Origins = Field(
        (), description="Origins whose web pages may read the HTTP API, such as https://app.example; * = all"
    )
    page: bool = Field(
        True, description="Whether the web page is served; who reaches the HTTP API sees logs and settings on it"
    )
    page_hosts: Hosts = Field(
        (), description="Names by which browsers may ask for the web page, beside IP addresses and localhost"
    )
    page_viewer_count_max: int = Field(32, ge=1, le=1000, description="Browsers that follow the web page at once")
    manager_address: Address = Field(
        "127.0.0.1:9091", description="Where the web page finds the system manager's HTTP API, for the kill switch"
    )
    external_amount: int = Field(
        LAMPORTS_PER_SOL,
        gt=0,
        le=U64_MAX,
        description="The one amount outside quotes are streamed for; the nearest watched one is taken",
    )
    local_timeout: Duration = Field(
        "10ms", description="After this a single quote takes whichever source answers first"
    )
    external_timeout: Duration = Field("100ms", description="A single quote has ended after this")
    pools_timeout: Duration = Field("1s", description="Listing pools has ended after this")
    refresh_interval: Duration = Field("1s", gt=0, description="How often the services send unchanged quotes again")
    local_stale_after: Duration = Field(FRESH, description="A local quote not vouched for within this is stale")
    external_stale_after: Duration = Field("60s", description="An external quote not vouched for within this is stale")
    impact_cautious_bps: int = Field(
        100, ge=0, le=BPS, description="Price impact above this allows at most `cautious`, whatever the score"
    )
    impact_skip_bps: int = Field(500, ge=0, le=BPS, description="Price impact above this is `skip`, whatever the score")
    deviation_skip_bps: int = Field(
        1_000, ge=0, description="Further from the oracle's rate than this is `skip`, whatever the score"
    )
    oracle_interval: Duration = Field("1s", description="How often oracle prices are read")
    oracle_stale_after: Duration = Field(
        "60s", description="An oracle price not vouched for within this takes no part in scores"
    )
    client_rows_max: int = Field(
        720, ge=1, description="Rows one client's connection may hold beside the watched ones, all its streams together"
    )
    first_set_wait: Duration = Field("250ms", description="How long the first set of a stream waits for new amounts")
    message_quotes_max: int = Field(500, ge=1, le=2000, description="Quotes in one message to a subscriber")
    subscriber_count_max: int = Field(1000, ge=1, description="Streams open at once")
    reconnect_pause: Duration = Field("100ms", description="First pause before an upstream is tried again; doubles")
    reconnect_pause_max: Duration = Field("2s", description="Longest pause before an upstream is tried again")

    def cap_limits(self) -> CapLimits:
        """From where on quotes are capped."""
        return CapLimits(
            impact_cautious=self.impact_cautious_bps / BPS,
            impact_skip=self.impact_skip_bps / BPS,
            deviation_skip=self.deviation_skip_bps / BPS,
        )
