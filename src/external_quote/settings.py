"""Settings of the external quote service, section `external_quote`."""

from collections.abc import Mapping
from typing import ClassVar, Final, Self

from pydantic import Field, field_validator, model_validator

from external_quote.provider_ranks import read_ranks
from quote_core.settings import Duration, HttpUrl, Port, Secret, ServiceSettings, metrics_port_field

__all__ = ["ExternalQuoteSettings"]

OKX_SECRETS: Final = ("okx_api_key", "okx_secret_key", "okx_passphrase")


class ExternalQuoteSettings(ServiceSettings):
    """One field a setting; what all services share is in `PlatformSettings`."""

    section: ClassVar[str] = "external_quote"

    metrics_port: Port = metrics_port_field(9103)
    grpc_port: Port = Field(50053, description="Port of the gRPC API")
    jupiter_url: HttpUrl = Field(
        "", description="Base URL of Jupiter's swap v1, e.g. https://api.jup.ag/swap/v1; unset or off = none"
    )
    jupiter_api_key: Secret | None = Field(None, description="Jupiter's x-api-key; unset = keyless")
    quicknode_url: HttpUrl = Field(
        "",
        description="Base URL of QuickNode's Metis, Jupiter's swap v1 under your endpoint, key and all; unset = none",
    )
    dflow_url: HttpUrl = Field("", description="Base URL of DFlow, e.g. https://quote-api.dflow.net; unset = none")
    dflow_api_key: Secret | None = Field(None, description="DFlow's x-api-key; unset = keyless")
    okx_url: HttpUrl = Field("", description="Base URL of OKX's DEX API, e.g. https://web3.okx.com; unset = none")
    okx_api_key: Secret | None = Field(None, description="Of OKX, with its secret key and passphrase")
    okx_secret_key: Secret | None = Field(None, description="Signs the requests to OKX")
    okx_passphrase: Secret | None = Field(None, description="Of OKX's API key")
    raydium_url: HttpUrl = Field(
        "", description="Base URL of Raydium's trade API, e.g. https://transaction-v1.raydium.io; unset = none"
    )
    providers: str = Field(
        "jupiter, quicknode, dflow, okx, raydium",
        description="Who is asked first, where several are on; with + in turns, by weights: jupiter*3+quicknode, dflow",
    )
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
    evidence_answer_count_max: int = Field(
        10_000, ge=0, description="Most answers of providers kept to explain quotes by"
    )
    evidence_bytes_max: int = Field(32 * 1024 * 1024, ge=0, description="Most bytes of them")

    @field_validator("jupiter_url", "quicknode_url", "dflow_url", "okx_url", "raydium_url", mode="before")
    @classmethod
    def _off_is_none(cls, url: object) -> object:
        """An empty variable is one that is not set, so switching it off needs a word."""
        return "" if url == "off" else url

    @field_validator("providers")
    @classmethod
    def _ranks(cls, text: str) -> str:
        read_ranks(text)
        return text

    @model_validator(mode="after")
    def _all_are_there(self) -> Self:
        ranked = {name for rank in read_ranks(self.providers) for name in rank}
        if unknown := ranked - self.urls().keys():
            raise ValueError(f"providers names {min(unknown)}, which is none of {', '.join(self.urls())}")
        for name, url in self.urls().items():
            if url and name not in ranked:
                raise ValueError(f"{name}_url is set, and providers does not name {name}")
        if self.okx_url and (missing := [name for name in OKX_SECRETS if getattr(self, name) is None]):
            raise ValueError(f"okx_url is set, and {missing[0]} is not")
        return self

    def urls(self) -> Mapping[str, str]:
        """Base URLs by provider; empty = off."""
        return {
            "jupiter": self.jupiter_url,
            "quicknode": self.quicknode_url,
            "dflow": self.dflow_url,
            "okx": self.okx_url,
            "raydium": self.raydium_url,
        }
