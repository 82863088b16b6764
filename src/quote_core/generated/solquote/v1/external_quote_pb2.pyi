from quote_core.generated.solquote.v1 import evidence_pb2 as _evidence_pb2
from quote_core.generated.solquote.v1 import quotes_pb2 as _quotes_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BreakerState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BREAKER_STATE_UNSPECIFIED: _ClassVar[BreakerState]
    BREAKER_STATE_CLOSED: _ClassVar[BreakerState]
    BREAKER_STATE_OPEN: _ClassVar[BreakerState]
    BREAKER_STATE_HALF_OPEN: _ClassVar[BreakerState]
BREAKER_STATE_UNSPECIFIED: BreakerState
BREAKER_STATE_CLOSED: BreakerState
BREAKER_STATE_OPEN: BreakerState
BREAKER_STATE_HALF_OPEN: BreakerState

class ExternalQuoteRequest(_message.Message):
    __slots__ = ("input_mint", "output_mint", "input_amount", "slippage_bps")
    INPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    INPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    SLIPPAGE_BPS_FIELD_NUMBER: _ClassVar[int]
    input_mint: str
    output_mint: str
    input_amount: int
    slippage_bps: int
    def __init__(self, input_mint: _Optional[str] = ..., output_mint: _Optional[str] = ..., input_amount: _Optional[int] = ..., slippage_bps: _Optional[int] = ...) -> None: ...

class RateLimitState(_message.Message):
    __slots__ = ("tokens_available", "requests_per_s", "retry_after_ms")
    TOKENS_AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_PER_S_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    tokens_available: float
    requests_per_s: float
    retry_after_ms: int
    def __init__(self, tokens_available: _Optional[float] = ..., requests_per_s: _Optional[float] = ..., retry_after_ms: _Optional[int] = ...) -> None: ...

class ExternalQuote(_message.Message):
    __slots__ = ("input_mint", "output_mint", "input_amount", "output_amount", "provider", "route_plan", "price_impact_bps", "provider_latency_ms", "price_cache_age_ms", "route_cache_age_ms", "rate_limit", "version", "slot", "row", "error", "route_id", "quoted_unix_ns", "is_stale", "provider_uptime", "freshness")
    INPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    INPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    ROUTE_PLAN_FIELD_NUMBER: _ClassVar[int]
    PRICE_IMPACT_BPS_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_LATENCY_MS_FIELD_NUMBER: _ClassVar[int]
    PRICE_CACHE_AGE_MS_FIELD_NUMBER: _ClassVar[int]
    ROUTE_CACHE_AGE_MS_FIELD_NUMBER: _ClassVar[int]
    RATE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ROUTE_ID_FIELD_NUMBER: _ClassVar[int]
    QUOTED_UNIX_NS_FIELD_NUMBER: _ClassVar[int]
    IS_STALE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_UPTIME_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    input_mint: str
    output_mint: str
    input_amount: int
    output_amount: int
    provider: str
    route_plan: _containers.RepeatedCompositeFieldContainer[_quotes_pb2.RouteHop]
    price_impact_bps: float
    provider_latency_ms: float
    price_cache_age_ms: int
    route_cache_age_ms: int
    rate_limit: RateLimitState
    version: int
    slot: int
    row: int
    error: _quotes_pb2.QuoteError
    route_id: int
    quoted_unix_ns: int
    is_stale: bool
    provider_uptime: float
    freshness: _quotes_pb2.Freshness
    def __init__(self, input_mint: _Optional[str] = ..., output_mint: _Optional[str] = ..., input_amount: _Optional[int] = ..., output_amount: _Optional[int] = ..., provider: _Optional[str] = ..., route_plan: _Optional[_Iterable[_Union[_quotes_pb2.RouteHop, _Mapping]]] = ..., price_impact_bps: _Optional[float] = ..., provider_latency_ms: _Optional[float] = ..., price_cache_age_ms: _Optional[int] = ..., route_cache_age_ms: _Optional[int] = ..., rate_limit: _Optional[_Union[RateLimitState, _Mapping]] = ..., version: _Optional[int] = ..., slot: _Optional[int] = ..., row: _Optional[int] = ..., error: _Optional[_Union[_quotes_pb2.QuoteError, _Mapping]] = ..., route_id: _Optional[int] = ..., quoted_unix_ns: _Optional[int] = ..., is_stale: _Optional[bool] = ..., provider_uptime: _Optional[float] = ..., freshness: _Optional[_Union[_quotes_pb2.Freshness, _Mapping]] = ...) -> None: ...

class ExternalQuoteBatch(_message.Message):
    __slots__ = ("quotes", "sequence", "snapshot")
    QUOTES_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    quotes: _containers.RepeatedCompositeFieldContainer[ExternalQuote]
    sequence: int
    snapshot: bool
    def __init__(self, quotes: _Optional[_Iterable[_Union[ExternalQuote, _Mapping]]] = ..., sequence: _Optional[int] = ..., snapshot: _Optional[bool] = ...) -> None: ...

class ProviderHealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ProviderHealth(_message.Message):
    __slots__ = ("provider", "uptime", "latency_p50_ms", "latency_p99_ms", "request_count", "failure_count", "breaker", "rate_limit", "last_error")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    LATENCY_P50_MS_FIELD_NUMBER: _ClassVar[int]
    LATENCY_P99_MS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_COUNT_FIELD_NUMBER: _ClassVar[int]
    BREAKER_FIELD_NUMBER: _ClassVar[int]
    RATE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    provider: str
    uptime: float
    latency_p50_ms: float
    latency_p99_ms: float
    request_count: int
    failure_count: int
    breaker: BreakerState
    rate_limit: RateLimitState
    last_error: str
    def __init__(self, provider: _Optional[str] = ..., uptime: _Optional[float] = ..., latency_p50_ms: _Optional[float] = ..., latency_p99_ms: _Optional[float] = ..., request_count: _Optional[int] = ..., failure_count: _Optional[int] = ..., breaker: _Optional[_Union[BreakerState, str]] = ..., rate_limit: _Optional[_Union[RateLimitState, _Mapping]] = ..., last_error: _Optional[str] = ...) -> None: ...

class ProviderHealthResponse(_message.Message):
    __slots__ = ("providers",)
    PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    providers: _containers.RepeatedCompositeFieldContainer[ProviderHealth]
    def __init__(self, providers: _Optional[_Iterable[_Union[ProviderHealth, _Mapping]]] = ...) -> None: ...
