"""Settings of the recorded market, section `recorded_market`."""

from typing import Annotated, ClassVar

from pydantic import Field

from quote_core.settings import Duration, FilePath, Host, Port, ServiceSettings, metrics_port_field

__all__ = ["RecordedMarketSettings"]


class RecordedMarketSettings(ServiceSettings):
    """What the recorded market can be told."""

    section: ClassVar[str] = "recorded_market"

    metrics_port: Port = metrics_port_field(9101)
    rpc_host: Host = Field("127.0.0.1", description="Address the node listens on, HTTP and WebSocket")
    rpc_port: Annotated[int, Field(ge=0, le=65534)] = Field(
        8899, description="HTTP port of the node; its WebSocket port is the next one"
    )
    jupiter_host: Host = Field("127.0.0.1", description="Address the Jupiter stand-in listens on")
    jupiter_port: Port = Field(8898, description="HTTP port of the Jupiter stand-in")
    seed: int = Field(1, ge=0, description="Seed of the swap flow: same seed, same account bytes at slot N")
    slot_time: Duration = Field(
        "400ms",
        gt=0,
        description="Wall time from slot to slot; in chain time a slot is always 400 ms",
    )
    slot_file: FilePath | None = Field(
        None, description="File that keeps the slot, for a market started again to go on from; unset = begin anew"
    )
    rpc_latency: Duration = Field("0ms", description="Delay before every answer over HTTP, for tests")
    rpc_failure_fraction: float = Field(0.0, ge=0.0, le=1.0, description="Share of HTTP requests that fail, for tests")
    rpc_rehearsals: bool = Field(
        False,
        description="Offer requestFork, requestLag, requestFault and requestSwap to whoever reaches the node: for"
        " tests, and for paper that moves the market",
    )
    websocket_life: Duration = Field("0ms", description="Age at which a WebSocket is dropped, for tests; 0ms = never")
    jupiter_requests_per_minute: int = Field(
        9000, ge=0, description="Requests in any 60 s before the stand-in answers 429; Jupiter's own tiers: 30 to 9000"
    )
    jupiter_latency: Duration = Field("0ms", description="Delay before every answer of the stand-in, for tests")
    jupiter_failure_fraction: float = Field(
        0.0, ge=0.0, le=1.0, description="Share of the stand-in's requests that fail, for tests"
    )
