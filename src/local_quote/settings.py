"""Settings of the local quote service: section `local_quote`."""

from typing import ClassVar

from pydantic import AliasChoices, Field, model_validator

from quote_core.freshness import FRESH
from quote_core.settings import Duration, Port, ServiceSettings, metrics_port_field

__all__ = ["LocalQuoteSettings"]


class LocalQuoteSettings(ServiceSettings):
    """How fresh pools are kept, when a quote counts as stale, and every bound of the service."""

    section: ClassVar[str] = "local_quote"

    metrics_port: Port = metrics_port_field(9102)
    grpc_port: Port = Field(50052, description="Port of the gRPC server; 0 = any free one")
    pools: str = Field("", description="Pool addresses to hold beside those found, separated by commas")
    discovery: bool = Field(True, description="Search pools of the watched pairs with getProgramAccounts")
    discovery_interval: Duration = Field("5m", description="How often new pools are searched")
    commitment: str = Field("processed", pattern="^(processed|confirmed|finalized)$", description="Of all reads")
    rpc_timeout: Duration = Field("5s", description="Longest wait for one RPC call, retries included")
    feed_silence_max: Duration = Field("10s", description="Longest time without a slot before the feed reconnects")

    amm_refresh_interval: Duration = Field(
        "1s",
        validation_alias=AliasChoices("AMM_REFRESH_INTERVAL"),
        description="How often constant-product pools, oracles and the chain's clock are read anew",
    )
    clmm_refresh_interval: Duration = Field(
        "30s",
        validation_alias=AliasChoices("CLMM_REFRESH_INTERVAL"),
        description="How often CLMM, Whirlpool and DLMM pools are read anew",
    )
    clmm_event_driven_interval: Duration = Field(
        "2s", description="The same while the account feed is live, and always of pairs that somebody follows"
    )
    pool_cache_staleness_threshold: Duration = Field(
        "60s",
        validation_alias=AliasChoices("POOL_CACHE_STALENESS_THRESHOLD"),
        description="Pool state older than this is not quoted",
    )
    quote_cache_ttl: Duration = Field(
        "2s",
        validation_alias=AliasChoices("QUOTE_CACHE_TTL"),
        description="Longest life of a cached response; pool updates end it earlier",
    )
    stale_after: Duration = Field(FRESH, description="Pool state older than this marks its quotes stale")
    staleness_sweep_interval: Duration = Field("5s", description="How often rows are checked for having gone stale")
    settle: Duration = Field(
        "1ms",
        description="Quiet time after an account update before a pool is priced whose swaps change now these accounts "
        "and now those; one that always changes the same is priced when all of them have come",
    )

    companion_wait: Duration = Field(
        "20ms", description="Longest wait of a pool's update for the others that always came with it"
    )

    oracle_age_max: Duration = Field("60s", description="Pyth prices older than this, by the chain's clock, are stale")
    rate_epoch_age_max: int = Field(1, ge=0, description="LST rates of more epochs ago are stale")

    quotes_per_request_max: int = Field(2_000, ge=1, description="Most pairs x amounts of one stream")
    table_row_count_max: int = Field(10_000, ge=1, description="Most rows of all streams together")
    subscriber_count_max: int = Field(256, ge=1, description="Most streams at once")
    quote_cache_entry_count_max: int = Field(10_000, ge=1, description="Most cached responses")
    pool_count_max: int = Field(2_000, ge=1, description="Most pools held; further finds are counted and left out")
    route_hop_count_max: int = Field(4, ge=1, description="Most hops of a simulated route")

    @model_validator(mode="after")
    def _limits_are_in_order(self) -> "LocalQuoteSettings":
        if self.stale_after > self.pool_cache_staleness_threshold:
            raise ValueError("stale_after must not be above pool_cache_staleness_threshold")
        return self
