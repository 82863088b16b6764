"""Settings of the local quote service: section `local_quote`."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import AliasChoices, Field, model_validator

from quote_core.freshness import FRESH
from quote_core.quotes import HOP_COUNT_MAX, LEG_COUNT_MAX
from quote_core.settings import (
    Duration,
    FilePath,
    HttpUrl,
    PlatformSettings,
    Port,
    Secret,
    ServiceSettings,
    environment_name,
    metrics_port_field,
)
from quote_core.units import NS_PER_MS, NS_PER_S

__all__ = ["LocalQuoteSettings"]

_ROW_ROUTE_INTERVAL_NS_MIN = NS_PER_S // 20


class LocalQuoteSettings(ServiceSettings):
    """How fresh pools are kept, when a quote counts as stale, and every bound of the service."""

    section: ClassVar[str] = "local_quote"

    metrics_port: Port = metrics_port_field(9102)
    grpc_port: Port = Field(50052, description="Port of the gRPC server; 0 = any free one")
    pools: str = Field(
        "", description="Pool addresses to hold beside those found, whatever their depth, separated by commas"
    )
    pool_list: FilePath | None = Field(
        None, description="Text file of pool addresses, one a line, to look at beside those found"
    )
    raydium_pools_url: HttpUrl = Field(
        "", description="Raydium's public list of pools, e.g. https://api-v3.raydium.io; unset = not asked"
    )
    orca_pools_url: HttpUrl = Field(
        "", description="Orca's public list of pools, e.g. https://api.orca.so; unset = not asked"
    )
    meteora_pools_url: HttpUrl = Field(
        "", description="Meteora's public list of pools, e.g. https://dlmm.datapi.meteora.ag; unset = not asked"
    )
    discovery: bool = Field(True, description="Search pools of the watched pairs with getProgramAccounts")
    discovery_interval: Duration = Field("5m", description="How often new pools are searched")
    pool_rerank_interval: Duration = Field("10m", description="How often the depth of pools is measured anew")
    pool_depth_min_sol: float = Field(
        0.001, ge=0, le=1e6, description="Pools whose price less than this moves by 1 % are not held; 1 suits mainnet"
    )
    pools_per_pair_and_dex_max: int = Field(5, ge=1, description="Most pools of a pair held on one DEX: the deepest")
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
    warm_start: bool = Field(
        True, description="Keep what is held in the data folder, and quote from it, marked stale, after a restart"
    )
    warm_start_interval: Duration = Field("10s", ge=NS_PER_S, description="Least time between two writings of it")
    warm_start_age_max: Duration = Field("1h", description="State that was vouched for longer ago is not begun from")
    settle: Duration = Field(
        "1ms",
        description="Quiet time after an account update before a pool is read of which all that every swap changes has "
        "come, and nothing proves that it is all; one that is proven whole is priced at once",
    )

    companion_wait: Duration = Field(
        "20ms", description="How long a part of a transaction waits for the rest of it before its pool is read"
    )

    oracle_age_max: Duration = Field(
        "60s", description="Oracle prices published, or last vouched for, longer ago than this are stale"
    )
    rate_epoch_age_max: int = Field(1, ge=0, description="LST rates of more epochs ago are stale")
    oracle_confidence_max_bps: int = Field(
        200, ge=1, le=10_000, description="Oracle prices whose confidence interval is wider either way are not used"
    )
    oracle_deviation_max_bps: int = Field(
        200, ge=1, le=10_000, description="Oracle sources further apart than this disagree, which lowers confidence"
    )
    hermes_url: HttpUrl = Field(
        "", description="Pyth's stream of prices, e.g. https://hermes.pyth.network; unset = not asked"
    )
    hermes_silence_max: Duration = Field("10s", description="Longest time without a price before the stream reconnects")
    jupiter_price_url: HttpUrl = Field(
        "", description="Jupiter's price API, e.g. https://api.jup.ag/price/v3; unset = not asked"
    )
    jupiter_price_api_key: Secret | None = Field(None, description="Its x-api-key; unset = keyless")
    jupiter_price_interval: Duration = Field("5s", description="How often Jupiter's prices are asked for")

    quotes_per_request_max: int = Field(2_000, ge=1, description="Most pairs x amounts of one stream")
    table_row_count_max: int = Field(10_000, ge=1, description="Most rows of all streams together")
    subscriber_count_max: int = Field(256, ge=1, description="Most streams at once")
    quote_cache_entry_count_max: int = Field(10_000, ge=1, description="Most cached responses")
    pool_count_max: int = Field(2_000, ge=1, description="Most pools held: the deepest")
    route_hop_count_max: int = Field(4, ge=1, description="Most hops of a simulated route")
    route_search_hop_count_max: int = Field(
        3, ge=1, le=HOP_COUNT_MAX, description="Most swaps one after the other of a route that is searched"
    )
    route_split_count_max: int = Field(
        3, ge=1, le=LEG_COUNT_MAX, description="Most routes that one amount is split over"
    )
    route_split_step_percent: int = Field(
        1, ge=1, le=10, description="Steps, percent of the amount, in which the parts of a split are looked for"
    )

    row_hop_count_max: int = Field(
        1,
        ge=1,
        le=HOP_COUNT_MAX,
        description="Most swaps one after the other of a row that streams follow; 1 = rows are the pair's best pool",
    )
    row_route_interval: Duration = Field(
        "1s",
        ge=_ROW_ROUTE_INTERVAL_NS_MIN,
        description="Least time between two searches for the routes of one direction's rows",
    )

    evidence_bytes_max: int = Field(
        128 * 1024 * 1024, ge=0, description="Most bytes of accounts that have changed, kept to explain older quotes by"
    )
    evidence_version_count_max: int = Field(
        200_000,
        ge=0,
        description="Most versions of accounts that have changed, kept likewise, and most pricings of rows' routes",
    )
    evidence_route_count_max: int = Field(
        10_000,
        ge=1,
        description="Most searched routes and wanted outputs told, of which it is kept how they came about",
    )

    market_events: bool = Field(
        True, description="Tell market events on the bus, where there is one; quotes never wait for it"
    )
    market_events_per_s: int = Field(
        100, ge=1, le=10_000, description="Most market events told a second; the newest of each figure is kept"
    )
    market_events_interval: Duration = Field(
        "250ms", ge=10 * NS_PER_MS, le=60 * NS_PER_S, description="How often it is looked what there is to tell"
    )
    market_events_amount_sol: float = Field(
        1.0, ge=0.001, le=1e6, description="SOL that told prices and spreads are of"
    )
    large_trade_min_sol: float = Field(
        100.0, ge=0, le=1e9, description="Trades, and windows of a pool's volume, worth less are not told"
    )
    volume_spike_window: Duration = Field(
        "1m", ge=NS_PER_S, le=3_600 * NS_PER_S, description="Span that a pool's volume is added up over"
    )
    volume_spike_deviations: float = Field(
        6.0, ge=1, le=1_000, description="Deviations above the usual volume from which on it is a spike"
    )

    def too_low(self, shm_entry_count: int) -> Iterator[str]:
        """A sentence for each limit that an aggregator with files larger than usual would meet when it fills them."""
        if shm_entry_count <= PlatformSettings.model_fields["shm_entry_count"].default:
            return
        for field in ("quotes_per_request_max", "table_row_count_max"):
            limit: int = getattr(self, field)
            if limit < shm_entry_count:
                name = environment_name(self.section, field)
                entries = environment_name(PlatformSettings.section, "shm_entry_count")
                yield f"{name}: must be at least {entries}, which is {shm_entry_count}, got {limit}"

    @model_validator(mode="after")
    def _limits_are_in_order(self) -> "LocalQuoteSettings":
        if self.stale_after > self.pool_cache_staleness_threshold:
            raise ValueError("stale_after must not be above pool_cache_staleness_threshold")
        if self.row_hop_count_max > self.route_search_hop_count_max:
            raise ValueError("row_hop_count_max must not be above route_search_hop_count_max")
        return self
