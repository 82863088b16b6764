from quote_core.generated.solquote.v1 import evidence_pb2 as _evidence_pb2
from quote_core.generated.solquote.v1 import external_quote_pb2 as _external_quote_pb2
from quote_core.generated.solquote.v1 import local_quote_pb2 as _local_quote_pb2
from quote_core.generated.solquote.v1 import quotes_pb2 as _quotes_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QuoteSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUOTE_SOURCE_UNSPECIFIED: _ClassVar[QuoteSource]
    QUOTE_SOURCE_LOCAL: _ClassVar[QuoteSource]
    QUOTE_SOURCE_EXTERNAL: _ClassVar[QuoteSource]

class Decision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_UNSPECIFIED: _ClassVar[Decision]
    DECISION_SKIP: _ClassVar[Decision]
    DECISION_CAUTIOUS: _ClassVar[Decision]
    DECISION_VERIFY: _ClassVar[Decision]
    DECISION_EXECUTE: _ClassVar[Decision]

class CapReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAP_REASON_UNSPECIFIED: _ClassVar[CapReason]
    CAP_REASON_PRICE_IMPACT: _ClassVar[CapReason]
    CAP_REASON_ORACLE_DEVIATION: _ClassVar[CapReason]
    CAP_REASON_STALE: _ClassVar[CapReason]
QUOTE_SOURCE_UNSPECIFIED: QuoteSource
QUOTE_SOURCE_LOCAL: QuoteSource
QUOTE_SOURCE_EXTERNAL: QuoteSource
DECISION_UNSPECIFIED: Decision
DECISION_SKIP: Decision
DECISION_CAUTIOUS: Decision
DECISION_VERIFY: Decision
DECISION_EXECUTE: Decision
CAP_REASON_UNSPECIFIED: CapReason
CAP_REASON_PRICE_IMPACT: CapReason
CAP_REASON_ORACLE_DEVIATION: CapReason
CAP_REASON_STALE: CapReason

class AggregatedQuoteRequest(_message.Message):
    __slots__ = ("input_mint", "output_mint", "input_amount", "output_amount", "dexes", "exclude_dexes", "max_hops", "max_splits", "only_direct_routes", "max_accounts")
    INPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    INPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    DEXES_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_DEXES_FIELD_NUMBER: _ClassVar[int]
    MAX_HOPS_FIELD_NUMBER: _ClassVar[int]
    MAX_SPLITS_FIELD_NUMBER: _ClassVar[int]
    ONLY_DIRECT_ROUTES_FIELD_NUMBER: _ClassVar[int]
    MAX_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    input_mint: str
    output_mint: str
    input_amount: int
    output_amount: int
    dexes: _containers.RepeatedScalarFieldContainer[str]
    exclude_dexes: _containers.RepeatedScalarFieldContainer[str]
    max_hops: int
    max_splits: int
    only_direct_routes: bool
    max_accounts: int
    def __init__(self, input_mint: _Optional[str] = ..., output_mint: _Optional[str] = ..., input_amount: _Optional[int] = ..., output_amount: _Optional[int] = ..., dexes: _Optional[_Iterable[str]] = ..., exclude_dexes: _Optional[_Iterable[str]] = ..., max_hops: _Optional[int] = ..., max_splits: _Optional[int] = ..., only_direct_routes: _Optional[bool] = ..., max_accounts: _Optional[int] = ...) -> None: ...

class ConfidenceFactors(_message.Message):
    __slots__ = ("pool_age", "route", "oracle", "provider", "slippage")
    POOL_AGE_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    ORACLE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    SLIPPAGE_FIELD_NUMBER: _ClassVar[int]
    pool_age: float
    route: float
    oracle: float
    provider: float
    slippage: float
    def __init__(self, pool_age: _Optional[float] = ..., route: _Optional[float] = ..., oracle: _Optional[float] = ..., provider: _Optional[float] = ..., slippage: _Optional[float] = ...) -> None: ...

class DecisionCap(_message.Message):
    __slots__ = ("reason", "value", "limit", "at_most")
    REASON_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    AT_MOST_FIELD_NUMBER: _ClassVar[int]
    reason: CapReason
    value: float
    limit: float
    at_most: Decision
    def __init__(self, reason: _Optional[_Union[CapReason, str]] = ..., value: _Optional[float] = ..., limit: _Optional[float] = ..., at_most: _Optional[_Union[Decision, str]] = ...) -> None: ...

class AggregatedQuote(_message.Message):
    __slots__ = ("input_mint", "output_mint", "input_amount", "local", "external", "best_source", "local_confidence", "external_confidence", "local_factors", "external_factors", "oracle_price", "version", "row", "error", "decision", "output_amount", "local_caps", "external_caps", "oracle_disagreement")
    INPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MINT_FIELD_NUMBER: _ClassVar[int]
    INPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_FIELD_NUMBER: _ClassVar[int]
    BEST_SOURCE_FIELD_NUMBER: _ClassVar[int]
    LOCAL_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FACTORS_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_FACTORS_FIELD_NUMBER: _ClassVar[int]
    ORACLE_PRICE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    LOCAL_CAPS_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_CAPS_FIELD_NUMBER: _ClassVar[int]
    ORACLE_DISAGREEMENT_FIELD_NUMBER: _ClassVar[int]
    input_mint: str
    output_mint: str
    input_amount: int
    local: _local_quote_pb2.LocalQuote
    external: _external_quote_pb2.ExternalQuote
    best_source: QuoteSource
    local_confidence: float
    external_confidence: float
    local_factors: ConfidenceFactors
    external_factors: ConfidenceFactors
    oracle_price: float
    version: int
    row: int
    error: _quotes_pb2.QuoteError
    decision: Decision
    output_amount: int
    local_caps: _containers.RepeatedCompositeFieldContainer[DecisionCap]
    external_caps: _containers.RepeatedCompositeFieldContainer[DecisionCap]
    oracle_disagreement: float
    def __init__(self, input_mint: _Optional[str] = ..., output_mint: _Optional[str] = ..., input_amount: _Optional[int] = ..., local: _Optional[_Union[_local_quote_pb2.LocalQuote, _Mapping]] = ..., external: _Optional[_Union[_external_quote_pb2.ExternalQuote, _Mapping]] = ..., best_source: _Optional[_Union[QuoteSource, str]] = ..., local_confidence: _Optional[float] = ..., external_confidence: _Optional[float] = ..., local_factors: _Optional[_Union[ConfidenceFactors, _Mapping]] = ..., external_factors: _Optional[_Union[ConfidenceFactors, _Mapping]] = ..., oracle_price: _Optional[float] = ..., version: _Optional[int] = ..., row: _Optional[int] = ..., error: _Optional[_Union[_quotes_pb2.QuoteError, _Mapping]] = ..., decision: _Optional[_Union[Decision, str]] = ..., output_amount: _Optional[int] = ..., local_caps: _Optional[_Iterable[_Union[DecisionCap, _Mapping]]] = ..., external_caps: _Optional[_Iterable[_Union[DecisionCap, _Mapping]]] = ..., oracle_disagreement: _Optional[float] = ...) -> None: ...

class BatchQuoteResponse(_message.Message):
    __slots__ = ("quotes", "sequence", "snapshot")
    QUOTES_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    quotes: _containers.RepeatedCompositeFieldContainer[AggregatedQuote]
    sequence: int
    snapshot: bool
    def __init__(self, quotes: _Optional[_Iterable[_Union[AggregatedQuote, _Mapping]]] = ..., sequence: _Optional[int] = ..., snapshot: _Optional[bool] = ...) -> None: ...

class RouteRequest(_message.Message):
    __slots__ = ("route_id",)
    ROUTE_ID_FIELD_NUMBER: _ClassVar[int]
    route_id: int
    def __init__(self, route_id: _Optional[int] = ...) -> None: ...

class RouteResponse(_message.Message):
    __slots__ = ("route_id", "route")
    ROUTE_ID_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    route_id: int
    route: _containers.RepeatedCompositeFieldContainer[_quotes_pb2.RouteHop]
    def __init__(self, route_id: _Optional[int] = ..., route: _Optional[_Iterable[_Union[_quotes_pb2.RouteHop, _Mapping]]] = ...) -> None: ...
