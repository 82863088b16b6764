"""Settings of the external quote service, section `external_quote`."""

from typing import ClassVar

from pydantic import Field, field_validator

from quote_core.settings import Duration, HttpUrl, Port, Secret, ServiceSettings, metrics_port_field

__all__ = ["ExternalQuoteSettings"]


class ExternalQuoteSettings(ServiceSettings):
    """One field a setting; what all services share is in `PlatformSettings`."""

    section: ClassVar[str] = "external_quote"

    metrics_port: Port = metrics_port_field(9103)
    grpc_port: Port = Field(50053, description="Port of the gRPC API")
    jupiter_url: HttpUrl = Field(
        "", description="Base URL of Jupiter's swap v1, e.g. https://api.jup.ag/swap/v1; unset or off = none"
    )
    jupiter_api_key: Secret | None = Field(None, description="Jupiter's x-api-key; unset = keyless")
    requests_per_s: float = Field(1.0, gt=0, le=1000, description="Requests a second to each provider")
    price_ttl: Duration = Field(
        "10s",
        validation_alias="EXTERNAL_PRICE_CACHE_TTL",
        description="How long a price is given as current; 2s suits arbitrage, 10s staking tokens",
    )
    route_ttl: Duration = Field("30s", description="How long a route is priced anew before it is searched for again")
    stale_after: Duration = Field("60s", description="A streamed price older than this is marked stale")
    request_timeout: Duration = Field("2s", description="One request to a provider has ended after this")
    paired_timeout: Duration = Field("500ms", description="A paired request has ended after this")
    cache_count_max: int = Field(5000, ge=1, description="Quotes kept")
    row_count_max: int = Field(2000, ge=1, description="Quotes one stream may ask for")
    subscriber_count_max: int = Field(100, ge=1, description="Streams open at once")
    breaker_failure_count_max: int = Field(5, ge=1, description="Failures in a row that open a provider's circuit")
    breaker_open: Duration = Field("10s", description="How long an open circuit stays so before one probe")
    health_window: Duration = Field("5m", description="Window of a provider's uptime and latency")
    refresh_interval: Duration = Field("1s", description="Unchanged streamed quotes are sent again after this")

    @field_validator("jupiter_url", mode="before")
    @classmethod
    def _off_is_none(cls, url: object) -> object:
        """An empty variable is one that is not set, so switching it off needs a word."""
        return "" if url == "off" else url
